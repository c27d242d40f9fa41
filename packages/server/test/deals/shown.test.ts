import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeSource } from '../../src/chain/source.ts'
import { noteLook, noteTrouble } from '../../src/deals/track/status.ts'
import { dealTimeline } from '../../src/deals/track/timeline.ts'
import { startServer, type TestServer } from '../accounts/server.ts'
import { insertDeal } from '../providers/deal-rows.ts'

const network = 'keepsake-devnet-0badcafe'
const genesisAt = new Date('2026-01-01T00:00:00Z')

let server: TestServer
let aggregateId: number
let cid: string
let key: string

/** A file that is in an aggregate, which nobody has yet. */
beforeEach(async () => {
  server = await startServer({ FILECOIN_RPC: 'devnet', AGGREGATE_PROFILE: 'off' })
  const { kysely } = server.service.database
  key = (await server.createUser('ada@example.com')).key
  const { json } = await server.call('/upload', { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: 'art' })
  cid = json.value.cid
  const root = randomBytes(32)
  root[31]! &= 0x3f
  const { rows } = await sql<{ id: number }>`
    with made as (insert into aggregate (layout, state, size_bytes, piece_root, piece_height, built_at)
      values ('segments', 'built', 1000, ${root}, 15, now()) returning id)
    insert into aggregate_entry (aggregate_id, layout, cid, content_id, part, parts, dag_bytes, dag_blocks, planned_bytes, planned_blocks, complete_at, byte_offset,
      byte_length)
    select made.id, 'segments', c.cid, c.id, 0, 1, 3, 1, 3, 1, now(), 0, 100 from made, content c returning aggregate_id as id`.execute(
    kysely,
  )
  aggregateId = rows[0]!.id
  await sql`update content set packing = 'taken'`.execute(kysely)
})
afterEach(async () => await server?.[Symbol.asyncDispose]())

async function onNetwork(name = network, isDevnet = true): Promise<void> {
  const urls = { rpcUrls: ['http://127.0.0.1:1/'], controlUrl: 'http://127.0.0.1:1/' }
  await writeSource(server.service.database, { network: name, isDevnet, ...urls, genesisAt, epochSeconds: 30 })
}

async function activeDeal(): Promise<number> {
  const id = await insertDeal(server.service.database, { aggregateId, state: 'active' })
  await server.service.database.kysely
    .updateTable('deal')
    .set({
      chain_deal_id: 42,
      proposal_cid: CID.parse('bafy2bzacea3wsdh6y3a36tb3skempjoxqpuyompjbmfeyf34fi3uy6uue42v4').bytes,
      start_epoch: 200,
      end_epoch: 1_000,
      activated_epoch: 120,
      sector: 5,
      proving: 'proving',
      deadline: 3,
      partition: 0,
      proving_since_epoch: 130,
      last_proven_epoch: 130,
    })
    .where('id', '=', id)
    .execute()
  return id
}

async function look(epoch: number, seenAt = new Date()): Promise<void> {
  const { kysely } = server.service.database
  await sql`insert into chain_head (network, epoch, tip_set, parent_state, seen_at) values (${network}, ${epoch}, array[]::bytea[], '', ${seenAt})
    on conflict (network) do update set epoch = excluded.epoch, seen_at = excluded.seen_at`.execute(kysely)
  await noteLook(server.service.database, network, { headEpoch: epoch + 1 })
}

const dealsOf = async () => (await server.call(`/check/${cid}`)).json.value.deals

async function stepsOf() {
  const row = await server.service.database.kysely.selectFrom('content').select('id').executeTakeFirstOrThrow()
  const subject = { userId: 1, contentId: row.id, cid: CID.parse(cid), receivedAt: genesisAt, completeAt: genesisAt }
  return await dealTimeline(server.service)({ ...subject, origin: 'http://localhost:1' })
}

describe('the deals of a content', () => {
  it('are queued until a storage provider takes the piece, and then say with whom, how it stands, and where that is simulated', async () => {
    expect(await dealsOf()).toEqual([expect.objectContaining({ status: 'queued', pieceCid: expect.any(String) })])
    await onNetwork()
    await insertDeal(server.service.database, { aggregateId, state: 'delivered' })
    expect(await dealsOf()).toEqual([
      expect.objectContaining({
        status: 'queued',
        miner: expect.stringMatching(/^f0\d+$/),
        statusText:
          'The storage provider has the proposal and fetches the piece. (devnet: simulated storage providers on this machine)',
      }),
    ])
    await activeDeal()
    await look(150)
    const deals = await dealsOf()
    expect(deals).toHaveLength(2)
    expect(deals[1]).toMatchObject({
      status: 'active',
      chainDealID: 42,
      dealActivation: '2026-01-01T01:00:00.000Z',
      dealExpiration: '2026-01-01T08:20:00.000Z',
      statusText: 'Sector 5 is proving, since epoch 130. (devnet: simulated storage providers on this machine)',
    })
  })

  it('of a network that is followed no more are not shown as if they were on this one', async () => {
    await onNetwork()
    await activeDeal()
    expect(await dealsOf()).toMatchObject([{ status: 'active' }])
    await onNetwork('calibrationnet', false)
    expect(await dealsOf()).toMatchObject([{ status: 'queued' }])
  })

  it('that were given up are shown, and the content is queued again', async () => {
    await onNetwork()
    await insertDeal(server.service.database, { aggregateId, state: 'terminated' })
    expect((await dealsOf()).map(({ status }: { status: string }) => status)).toEqual(['terminated', 'queued'])
  })

  it('say when the chain was last read, where that is long ago', async () => {
    await onNetwork()
    await activeDeal()
    await look(150, new Date(Date.now() - 3_600_000))
    expect((await dealsOf())[0].statusText).toContain('This was so at epoch 150; the chain was not read since.')
    expect((await stepsOf())[0]).toMatchObject({ state: 'waiting', title: expect.stringContaining('Active on a devnet') })
  })
})

describe('the timeline', () => {
  it('has a step for each deal, with what shows it and how to see for oneself', async () => {
    expect(await stepsOf()).toMatchObject([{ step: 'deal', state: 'waiting' }])
    await onNetwork()
    const id = await activeDeal()
    await look(150)
    const [step] = await stepsOf()
    expect(step).toMatchObject({ step: `deal:${id}`, state: 'done', title: expect.stringContaining('Proving on a devnet: f0') })
    expect(step!.evidence.map(({ label, value }) => `${label}: ${value}`)).toEqual(
      expect.arrayContaining([
        'Deal: 42',
        'Sector: 5',
        'Deadline: 3',
        'Partition: 0',
        'Last proven in the window of (epoch 130): 2026-01-01T01:05:00.000Z',
        `Network: ${network}, a devnet: simulated storage providers on this machine`,
      ]),
    )
    expect(step!.checks.map(({ command }) => command).join('\n')).toContain('StateMarketStorageDeal","params":[42,null]')
    await sql`update deal set proving = 'faulty', reason = 'Sector 5 is faulty.'`.execute(server.service.database.kysely)
    expect((await stepsOf())[0]).toMatchObject({ state: 'failed', text: expect.stringContaining('Sector 5 is faulty.') })
  })
})

describe('health and metrics', () => {
  const filecoin = async () =>
    (await (await fetch(`http://localhost:${server.port}/health`)).json()) as { ok: boolean; checks: Record<string, unknown> }

  it('say how far the chain is read, and what stands in the way, without which the server still stores', async () => {
    expect(await filecoin()).toMatchObject({ ok: true, checks: { filecoin: { ok: false } } })
    await onNetwork()
    const epoch = await server.service.chain!.epochNow()
    await look(epoch - 2)
    await activeDeal()
    expect(await filecoin()).toMatchObject({
      checks: { filecoin: { ok: true, message: expect.stringContaining(`read up to epoch ${epoch - 2}, 2 behind`) } },
    })
    const metrics = await (await fetch(`http://localhost:${server.port}/metrics`)).text()
    expect(metrics).toContain(`keepsake_chain_epoch{network="${network}"} ${epoch - 2}`)
    expect(metrics).toContain(`keepsake_active_deals{network="${network}",proving="proving"} 1`)
    await noteTrouble(server.service.database, network, 'A market state has 11 to 13 fields, this has 14.')
    expect(await filecoin()).toMatchObject({
      ok: true,
      checks: { filecoin: { ok: false, message: expect.stringContaining('this has 14') } },
    })
    await look(epoch - 100)
    expect(await filecoin()).toMatchObject({ checks: { filecoin: { ok: false } } })
  })
})
