import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeSource } from '../../src/chain/source.ts'
import { readFilecoinHistory, sampleProving } from '../../src/deals/proving-share.ts'
import { startServer, type TestServer } from '../accounts/server.ts'
import { insertAggregate, insertDeal, testNetwork } from '../providers/deal-rows.ts'

const rules = { packingMs: 60_000, replicas: 2 }

let server: TestServer
let key: string
beforeEach(async () => {
  server = await startServer({ FILECOIN_RPC: 'devnet', AGGREGATE_PROFILE: 'off' })
  key = (await server.createUser('ada@example.com')).key
  await follow(testNetwork)
})
afterEach(async () => await server?.[Symbol.asyncDispose]())

const db = () => server.service.database

async function follow(network: string, seenAt = new Date()): Promise<void> {
  const urls = { rpcUrls: ['http://127.0.0.1:1/'], controlUrl: 'http://127.0.0.1:1/' }
  await writeSource(db(), { network, isDevnet: true, ...urls, genesisAt: new Date('2026-01-01'), epochSeconds: 1 })
  await sql`insert into chain_head (network, epoch, tip_set, parent_state, seen_at) values (${network}, 500, array[]::bytea[], '', ${seenAt})
    on conflict (network) do update set seen_at = excluded.seen_at`.execute(db().kysely)
}

/** A stored file that has been complete for so many days, in `parts` parts of one aggregate each. */
async function storeItem(
  text: string,
  days: number,
  aggregateIds: readonly number[],
  ofParts = aggregateIds.length,
): Promise<void> {
  const { json } = await server.call('/upload', { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: text })
  expect(json.ok).toBe(true)
  const completeAt = new Date(Date.now() - days * 86_400_000)
  const { rows } = await sql<{ id: number }>`update content set complete_at = ${completeAt}, packing = 'taken'
    where id = (select max(id) from content) returning id`.execute(db().kysely)
  for (const [part, aggregateId] of aggregateIds.entries())
    await sql`insert into aggregate_entry (aggregate_id, layout, cid, content_id, part, parts, dag_bytes, dag_blocks, planned_bytes, planned_blocks, complete_at)
      select ${aggregateId}::bigint, 'segments', cid, id, ${part}, ${ofParts}, 1, 1, 1, 1, complete_at from content where id = ${rows[0]!.id}`.execute(
      db().kysely,
    )
}

/** An aggregate with a deal for each of these, active and as it says. */
async function aggregateWith(...proving: ('proving' | 'faulty' | 'unproven')[]): Promise<number> {
  const { id } = await insertAggregate(db())
  for (const how of proving) {
    const deal = await insertDeal(db(), { aggregateId: id, state: 'active' })
    await db().kysely.updateTable('deal').set({ proving: how, end_epoch: 1000 }).where('id', '=', deal).execute()
  }
  return id
}

describe('the share of items that are properly proven', () => {
  it('counts an item where every part of it has a deal whose sector is proven, and by how many', async () => {
    const [twice, once, faulty] = [
      await aggregateWith('proving', 'proving'),
      await aggregateWith('proving', 'faulty'),
      await aggregateWith('faulty', 'unproven'),
    ]
    await storeItem('twice', 0.5, [twice])
    await storeItem('once', 3, [once])
    await storeItem('both parts', 3, [twice, once])
    await storeItem('a part is faulty', 20, [twice, faulty])
    await storeItem('a part is nowhere', 20, [twice], 2)
    await storeItem('in no aggregate', 100, [])
    await storeItem('too young to be packed', 0, [])
    expect(await sampleProving(db(), rules)).toBe(true)
    const history = await readFilecoinHistory(db())
    expect(history).toMatchObject({ network: testNetwork, isDevnet: true, replicas: 2 })
    expect(history!.days).toEqual([
      { day: new Date().toISOString().slice(0, 10), items: 6, provenOnce: 3, provenEnough: 1, deals: { active: 6 } },
    ])
    expect(history!.ages).toEqual([
      { age: 'day', items: 1, provenOnce: 1, provenEnough: 1 },
      { age: 'week', items: 2, provenOnce: 2, provenEnough: 0 },
      { age: 'month', items: 2, provenOnce: 0, provenEnough: 0 },
      { age: 'older', items: 1, provenOnce: 0, provenEnough: 0 },
    ])
  })

  it('does not count deals that have ended, and follows what turns faulty within a day', async () => {
    const aggregateId = await aggregateWith('proving')
    await storeItem('stored', 3, [aggregateId])
    const provenOnce = async () => {
      await sampleProving(db(), rules)
      const { days } = (await readFilecoinHistory(db()))!
      expect(days).toHaveLength(1)
      return days[0]!.provenOnce
    }
    expect(await provenOnce()).toBe(1)
    await sql`update deal set proving = 'faulty'`.execute(db().kysely)
    expect(await provenOnce()).toBe(0)
    await sql`update deal set proving = 'proving', end_epoch = 500`.execute(db().kysely)
    expect(await provenOnce()).toBe(0)
  })

  it('says nothing while the chain is not read, and nothing of a network that is followed no more', async () => {
    await storeItem('stored', 3, [await aggregateWith('proving')])
    await follow(testNetwork, new Date(Date.now() - 3_600_000))
    expect(await sampleProving(db(), rules)).toBe(false)
    expect(await readFilecoinHistory(db())).toBeUndefined()
    await follow(testNetwork)
    await sampleProving(db(), rules)
    const { json } = await server.call('/stats/history')
    expect(json.value.filecoin).toMatchObject({ network: testNetwork, days: [{ provenOnce: 1 }] })
    await follow('mainnet')
    await sampleProving(db(), rules)
    expect((await readFilecoinHistory(db()))?.days).toEqual([expect.objectContaining({ provenOnce: 0, deals: {} })])
  })
})

describe('the bytes in deals', () => {
  it('are those of pieces with an active deal, and not of a devnet', async () => {
    await aggregateWith('proving', 'proving')
    await sql`update deal set activated_epoch = 10`.execute(db().kysely)
    const dealt = async () => (await server.call('/stats')).json.data.deals_size_total
    expect(await dealt()).toBe(0)
    await sql`update chain_source set is_devnet = false`.execute(db().kysely)
    expect(await dealt()).toBe(100_000)
    await sql`update deal set state = 'terminated'`.execute(db().kysely)
    expect(await dealt()).toBe(0)
  })
})
