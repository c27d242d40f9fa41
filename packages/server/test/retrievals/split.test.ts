import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { indexPiece, openPieceBlocks } from '@keepsake/devnet/provider/piece-blocks.ts'
import { retrievalServer } from '@keepsake/devnet/provider/retrieval.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sectionReader } from '../../src/aggregates/section-reader.ts'
import { openChain } from '../../src/chain/chain.ts'
import { writeSource } from '../../src/chain/source.ts'
import { checkRetrievals } from '../../src/retrievals/check-retrievals.ts'
import { sampleBlock } from '../../src/retrievals/sample-block.ts'
import { type Keeper, openKeeper, packAll } from '../aggregates/keeper.ts'

const network = 'keepsake-devnet-00000000'
const retrievalLimits = { idleMs: 10_000, totalMs: 20_000 }
let keeper: Keeper
let folder: string
/** One of the pieces that a DAG lies in, and what was asked of its provider. */
let holder: Server
const asked: string[] = []
let root: CID
let blocksThere: Set<string>

beforeAll(async () => {
  keeper = await openKeeper()
  folder = await mkdtemp(join(tmpdir(), 'keepsake-split-'))
  root = (await keeper.storeFile(randomBytes(3_000_000))).cid
  const aggregates = await packAll(keeper)
  expect(aggregates.length).toBeGreaterThan(2)
  // Not the first one: its blocks are not those that a walk begins with.
  const { id, sizeBytes } = aggregates[1]!
  const path = join(folder, 'piece')
  await writeFile(path, await keeper.bytesOf({ id, sizeBytes }))
  await indexPiece(path, sizeBytes, AbortSignal.timeout(30_000))
  const { blocks } = await openPieceBlocks(path, sizeBytes)
  const piece = retrievalServer({
    blocks,
    findPiece: () => ({ path, sizeBytes }),
    mood: () => ({ isOffline: false, sendsWrongBytes: false }),
  })
  holder = createServer((request, response) => {
    asked.push(request.url as string)
    piece.emit('request', request, response)
  }).listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const url = `http://127.0.0.1:${(holder.address() as { port: number }).port}`
  const { kysely } = keeper.database
  await sql`insert into provider (network, actor_id, organisation, city, country, continent, retrieval_url)
    values (${network}, 1000, 'Fjord', 'Oslo', 'NO', 'EU', ${url})`.execute(kysely)
  await sql`insert into deal (aggregate_id, provider_id, state, proposal_cid, chain_deal_id)
    select ${id}, id, 'active', '\\x01', 7 from provider`.execute(kysely)
  const at = { genesisAt: new Date(), epochSeconds: 1, controlUrl: 'http://127.0.0.1:9/' }
  await writeSource(keeper.database, { network, isDevnet: true, rpcUrls: ['http://127.0.0.1:9/'], ...at })
  blocksThere = await blocksOf(id)
})

afterAll(async () => {
  holder?.close()
  holder?.closeAllConnections()
  await rm(folder, { recursive: true, force: true })
  await keeper.close()
})

/** Blocks of the part that lies in an aggregate, without the way to them. */
async function blocksOf(aggregateId: number): Promise<Set<string>> {
  const { rows } = await sql<{ first: number; end: number }>`
    select first_block as first, coalesce(end_block, dag_blocks) as end from aggregate_entry where aggregate_id = ${aggregateId}`.execute(
    keeper.database.kysely,
  )
  const [range] = rows
  const found = new Set<string>()
  for (let at = range!.first; at < range!.end; at++)
    found.add(String(await sampleBlock(sectionReader(keeper), root, { first: at, end: at + 1 })))
  expect(found.size).toBe(range!.end - range!.first)
  return found
}

it('of a DAG that lies in several pieces, what is in this one is asked for, block by block', async () => {
  const chain = openChain({
    config: { FILECOIN_RPC: 'devnet', FILECOIN_RPC_TOKEN: [], CHAIN_LOOKBACK: undefined },
    database: keeper.database,
  })
  const config = { ALLOW_PRIVATE_ADDRESSES: 'no', RETRIEVAL_CHECK_MINUTES: undefined } as const
  const rounds = 12
  for (let round = 0; round < rounds; round++) {
    await sql`update retrieval set at = at - interval '2 minutes'`.execute(keeper.database.kysely)
    expect(await checkRetrievals({ ...keeper, config, chain, retrievalLimits })).toEqual({ checked: 3, failed: 0 })
  }
  const { rows } = await sql<{ way: string }>`select distinct way from retrieval order by way`.execute(keeper.database.kysely)
  expect(rows.map(({ way }) => way)).toEqual(['path', 'piece', 'raw'])
  const single = asked.flatMap((url) => /^\/ipfs\/(\w+)\?format=raw$/.exec(url)?.[1] ?? [])
  expect(single).toHaveLength(rounds)
  expect(single.every((cid) => blocksThere.has(cid))).toBe(true)
  // Of some four blocks the same one twelve times would be a wonder.
  expect(new Set(single).size).toBeGreaterThan(1)
})

it('where our own copy does not lead there, no block is named', async () => {
  const unknown = CID.parse('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')
  expect(await sampleBlock(sectionReader(keeper), unknown, { first: 0, end: 1 })).toBeUndefined()
})
