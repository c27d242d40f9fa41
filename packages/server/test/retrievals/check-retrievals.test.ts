import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { indexPiece, openPieceBlocks } from '@keepsake/devnet/provider/piece-blocks.ts'
import { retrievalServer } from '@keepsake/devnet/provider/retrieval.ts'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openChain } from '../../src/chain/chain.ts'
import { writeSource } from '../../src/chain/source.ts'
import { checkRetrievals, type RetrievalComponents } from '../../src/retrievals/check-retrievals.ts'
import type { FetchLimits } from '../../src/retrievals/measured-get.ts'
import { retrievalMetrics } from '../../src/retrievals/metrics.ts'
import { standingOf } from '../../src/retrievals/retrievals.ts'
import { summarise } from '../../src/retrievals/store.ts'
import { retrievalTimeline } from '../../src/retrievals/timeline.ts'
import { type Keeper, openKeeper, packAll } from '../aggregates/keeper.ts'

const network = 'keepsake-devnet-00000000'
let keeper: Keeper
let folder: string
let components: RetrievalComponents
let providerId: number
let mood: { isOffline: boolean; sendsWrongBytes: boolean }
let holder: Server
let holderUrl: string
let contentId: number
const others: Server[] = []

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  others.push(server)
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

async function isOfNetwork(isDevnet: boolean): Promise<void> {
  await writeSource(keeper.database, {
    network,
    isDevnet,
    rpcUrls: ['http://127.0.0.1:9/'],
    genesisAt: new Date('2026-01-01T00:00:00Z'),
    epochSeconds: 1,
    controlUrl: 'http://127.0.0.1:9/',
  })
}

beforeAll(async () => {
  keeper = await openKeeper()
  folder = await mkdtemp(join(tmpdir(), 'keepsake-retrievals-'))
  // One that has several blocks, and a small one.
  for (const size of [700_000, 20]) await keeper.storeFile(randomBytes(size))
  const [aggregate] = await packAll(keeper)
  const bytes = await keeper.bytesOf({ id: aggregate!.id, sizeBytes: aggregate!.sizeBytes })
  const path = join(folder, 'piece')
  await writeFile(path, bytes)
  await indexPiece(path, bytes.length, AbortSignal.timeout(30_000))
  const { blocks } = await openPieceBlocks(path, bytes.length)
  const pieceCid = pieceCidV1({ root: aggregate!.pieceRoot! }).toString()
  holder = retrievalServer({
    blocks,
    findPiece: (cid) => (cid === pieceCid ? { path, sizeBytes: bytes.length } : undefined),
    mood: () => mood,
  })
  holderUrl = await listen(holder)
  const { rows } = await sql<{ id: number }>`
    insert into provider (network, actor_id, name, organisation, city, country, continent, retrieval_url)
    values (${network}, 1000, 'Oslo', 'Fjord', 'Oslo', 'NO', 'EU', ${holderUrl}) returning id`.execute(keeper.database.kysely)
  providerId = rows[0]!.id
  await sql`insert into deal (aggregate_id, provider_id, state, proposal_cid, chain_deal_id)
    values (${aggregate!.id}, ${providerId}, 'active', '\\x01', 7)`.execute(keeper.database.kysely)
  const found = await sql<{ id: number }>`select content_id as id from aggregate_entry limit 1`.execute(keeper.database.kysely)
  contentId = found.rows[0]!.id
  components = {
    ...keeper,
    config: { ALLOW_PRIVATE_ADDRESSES: 'no', RETRIEVAL_CHECK_MINUTES: undefined },
    chain: openChain({
      config: { FILECOIN_RPC: 'devnet', FILECOIN_RPC_TOKEN: [], CHAIN_LOOKBACK: undefined },
      database: keeper.database,
    }),
  }
})

afterEach(async () => {
  await sql`delete from retrieval`.execute(keeper.database.kysely)
  await sql`update provider set retrieval_url = ${holderUrl}`.execute(keeper.database.kysely)
})

afterAll(async () => {
  for (const server of others) {
    server.close()
    server.closeAllConnections()
  }
  await rm(folder, { recursive: true, force: true })
  await keeper.close()
})

/** One round, with the provider at another address and with less patience where these are given: how each way came out. */
async function round(url = holderUrl, retrievalLimits?: FetchLimits): Promise<Record<string, string>> {
  await isOfNetwork(true)
  await sql`update provider set retrieval_url = ${url}`.execute(keeper.database.kysely)
  await checkRetrievals({ ...components, ...(retrievalLimits && { retrievalLimits }) })
  return await outcomes()
}

async function outcomes(): Promise<Record<string, string>> {
  const { rows } = await sql<{ way: string; outcome: string }>`select way, outcome from retrieval order by id`.execute(
    keeper.database.kysely,
  )
  return Object.fromEntries(rows.map(({ way, outcome }) => [way, outcome]))
}

describe('a provider is asked for what it stores', () => {
  test('what comes back is right in every way in which it can be asked for, and is measured', async () => {
    mood = { isOffline: false, sendsWrongBytes: false }
    expect(await round()).toEqual({ raw: 'ok', car: 'ok', path: 'ok', piece: 'ok' })
    const { rows } = await sql<{ bytes: number; firstByteMs: number | null; durationMs: number }>`
      select bytes, first_byte_ms as "firstByteMs", duration_ms as "durationMs" from retrieval`.execute(keeper.database.kysely)
    for (const { bytes, firstByteMs, durationMs } of rows) {
      expect(bytes).toBeGreaterThan(0)
      expect(firstByteMs).not.toBeNull()
      expect(durationMs).toBeGreaterThanOrEqual(firstByteMs!)
    }
  })

  test('an aggregate of segments is asked for without a path, which it does not have', async () => {
    const other = await openKeeper()
    const folderOfSegments = await mkdtemp(join(tmpdir(), 'keepsake-retrievals-'))
    try {
      await other.storeFile(randomBytes(300_000))
      const [aggregate] = await packAll(other, { layout: 'segments', targetBytes: 1_000_000 })
      const bytes = await other.bytesOf({ id: aggregate!.id, sizeBytes: aggregate!.sizeBytes })
      const path = join(folderOfSegments, 'piece')
      await writeFile(path, bytes)
      await indexPiece(path, bytes.length, AbortSignal.timeout(30_000))
      const { blocks } = await openPieceBlocks(path, bytes.length)
      const url = await listen(
        retrievalServer({
          blocks,
          findPiece: () => ({ path, sizeBytes: bytes.length }),
          mood: () => ({ isOffline: false, sendsWrongBytes: false }),
        }),
      )
      await sql`insert into provider (network, actor_id, organisation, city, country, continent, retrieval_url)
        values (${network}, 1000, 'Fjord', 'Oslo', 'NO', 'EU', ${url})`.execute(other.database.kysely)
      await sql`insert into deal (aggregate_id, provider_id, state, proposal_cid, chain_deal_id)
        select ${aggregate!.id}, id, 'active', '\\x01', 7 from provider`.execute(other.database.kysely)
      await writeSource(other.database, {
        network,
        isDevnet: true,
        rpcUrls: ['http://127.0.0.1:9/'],
        genesisAt: new Date(),
        epochSeconds: 1,
        controlUrl: 'http://127.0.0.1:9/',
      })
      const chain = openChain({
        config: { FILECOIN_RPC: 'devnet', FILECOIN_RPC_TOKEN: [], CHAIN_LOOKBACK: undefined },
        database: other.database,
      })
      expect(await checkRetrievals({ ...components, ...other, chain })).toEqual({ checked: 3, failed: 0 })
    } finally {
      await rm(folderOfSegments, { recursive: true, force: true })
      await other.close()
    }
  })

  test('one deal after the other, and none again before its time has come', async () => {
    mood = { isOffline: false, sendsWrongBytes: false }
    await round()
    expect(await checkRetrievals(components)).toEqual({ checked: 0, failed: 0 })
    await sql`update retrieval set at = at - interval '2 minutes'`.execute(keeper.database.kysely)
    expect(await checkRetrievals(components)).toEqual({ checked: 4, failed: 0 })
  })

  test('nobody is asked where that is switched off', async () => {
    await isOfNetwork(true)
    expect(await checkRetrievals({ ...components, config: { ...components.config, RETRIEVAL_CHECK_MINUTES: 0 } })).toEqual({
      checked: 0,
      failed: 0,
    })
  })
})

describe('a provider that does not give it back', () => {
  test('lies: whatever it sends is checked against hashes it has no say in', async () => {
    mood = { isOffline: false, sendsWrongBytes: true }
    expect(await round()).toEqual({ raw: 'wrong-bytes', car: 'wrong-bytes', path: 'wrong-bytes', piece: 'wrong-bytes' })
  })

  test('does not have it', async () => {
    const url = await listen(createServer((_request, response) => void response.writeHead(404).end()))
    expect(Object.values(await round(url))).toEqual(['not-found', 'not-found', 'not-found', 'not-found'])
  })

  test('answers errors', async () => {
    const url = await listen(createServer((_request, response) => void response.writeHead(500).end('no')))
    expect(Object.values(await round(url))).toEqual(['refused', 'refused', 'refused', 'refused'])
  })

  test('sends the whole piece where a part of it was asked for: that is not read', async () => {
    const url = await listen(
      createServer((request, response) => {
        if (request.url?.startsWith('/piece/')) return void response.writeHead(200).end(randomBytes(1000))
        void fetch(`${holderUrl}${request.url}`, { headers: { accept: request.headers.accept ?? '' } }).then(async (from) => {
          response.writeHead(from.status).end(Buffer.from(await from.arrayBuffer()))
        })
      }),
    )
    mood = { isOffline: false, sendsWrongBytes: false }
    expect(await round(url)).toEqual({ raw: 'ok', car: 'ok', path: 'ok', piece: 'refused' })
  })

  test('breaks off in the middle', async () => {
    const url = await listen(
      createServer((_request, response) => {
        response.writeHead(200, { 'content-length': 1000 })
        response.write('some')
        setTimeout(() => response.destroy(), 20)
      }),
    )
    const found = await round(url)
    expect(found.raw).toBe('incomplete')
  })

  test('hangs: after a while without a byte it is left, and not asked for more in this round', async () => {
    const url = await listen(createServer(() => {}))
    expect(await round(url, { idleMs: 300, totalMs: 10_000 })).toEqual({ raw: 'timeout' })
  })

  test('is so slow that nobody would wait', async () => {
    const url = await listen(
      createServer(async (_request, response) => {
        response.writeHead(200)
        for (let i = 0; i < 100 && !response.destroyed; i++) {
          response.write('x')
          await sleep(100)
        }
        response.end()
      }),
    )
    expect((await round(url, { idleMs: 10_000, totalMs: 1_000 })).raw).toBe('slow')
  })

  test('is gone', async () => {
    expect(await round('http://127.0.0.1:9')).toEqual({ raw: 'unreachable' })
  })

  test('names an address of our own network, which is not reached for it', async () => {
    await isOfNetwork(false)
    await checkRetrievals({
      ...components,
      chain: openChain({
        config: { FILECOIN_RPC: 'devnet', FILECOIN_RPC_TOKEN: [], CHAIN_LOOKBACK: undefined },
        database: keeper.database,
      }),
    })
    expect(await outcomes()).toEqual({ raw: 'not-allowed' })
  })
})

describe('what follows from it', () => {
  test('its standing falls with what goes wrong, and rises again with what goes well', async () => {
    const standing = async () => standingOf((await summarise(keeper.database, network))[0]!)
    expect(await standing()).toBe('new')
    mood = { isOffline: false, sendsWrongBytes: false }
    await round()
    expect(await standing()).toBe('good')
    mood = { isOffline: false, sendsWrongBytes: true }
    await sql`update retrieval set at = at - interval '2 minutes'`.execute(keeper.database.kysely)
    await round()
    expect(await standing()).toBe('poor')
    mood = { isOffline: false, sendsWrongBytes: false }
    for (let i = 0; i < 3; i++) {
      await sql`update retrieval set at = at - interval '2 minutes'`.execute(keeper.database.kysely)
      await round()
    }
    expect(await standing()).toBe('shaky')
  })

  test('the page of the file says when it was fetched back last, or that it was not', async () => {
    await sql`insert into retrieval (provider_id, deal_id, content_id, cid, way, outcome, reason, duration_ms, bytes)
      select ${providerId}, id, ${contentId}, '\\x01', 'car', 'incomplete', 'Block x did not come.', 5, 10 from deal`.execute(
      keeper.database.kysely,
    )
    const subject = { userId: 1, contentId, origin: 'http://x', receivedAt: new Date(), completeAt: new Date() }
    const steps = await retrievalTimeline(keeper)(subject as unknown as Parameters<ReturnType<typeof retrievalTimeline>>[0])
    expect(steps).toMatchObject([{ step: 'retrieved:f01000', state: 'failed', title: 'Not given back by f01000' }])
    expect(steps[0]!.text).toContain('Block x did not come.')
  })

  test('metrics tell it to whoever watches the server', async () => {
    mood = { isOffline: false, sendsWrongBytes: false }
    await round()
    const metrics = await retrievalMetrics(keeper)()
    const ratio = metrics.find(({ name }) => name === 'keepsake_retrieval_success_ratio')
    expect(ratio?.samples).toEqual([{ labels: { network, provider: 'f01000' }, value: 1 }])
  })
})
