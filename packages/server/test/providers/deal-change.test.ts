import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { type FactTable, facts } from '../../src/jobs/facts.ts'
import { migrateJobs } from '../../src/jobs/worker.ts'
import { pipeline } from '../../src/pipeline.ts'
import { dealStates, isLive, isUndoing, mayChange } from '../../src/providers/deal.ts'
import { changeDeal } from '../../src/providers/deal-change.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { insertDeal } from './deal-rows.ts'

let test: TestDatabase
let database: Database
beforeAll(async () => {
  test = await createTestDatabase()
  database = test.database
  await migrateJobs(database)
})
afterAll(() => test?.drop())

const record = facts({ ...pipeline, 'deal:terminated': [{ sweep: 'settle-deals' }] } as FactTable)

async function readDeal(id: number) {
  return await database.kysely.selectFrom('deal').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

async function eventsOf(id: number) {
  return await database.kysely
    .selectFrom('deal_event')
    .select(['state', 'reason', 'epoch', 'evidence'])
    .where('deal_id', '=', id)
    .orderBy('id')
    .execute()
}

async function sweepsWaiting(): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    select key from graphile_worker._private_jobs where key = 'settle-deals'`.execute(database.kysely)
  return rows.map(({ key }) => key)
}

describe('the table of changes', () => {
  it('leads from a reservation to every state, and from every end no further but for what a chain undoes', () => {
    const reached = new Set<string>(['reserved'])
    for (let before = 0; before < reached.size; ) {
      before = reached.size
      for (const from of dealStates) if (reached.has(from)) for (const to of dealStates) if (mayChange(from, to)) reached.add(to)
    }
    expect([...reached].sort()).toEqual([...dealStates].sort())
    const onward = (state: (typeof dealStates)[number]) =>
      dealStates.filter((to) => mayChange(state, to) && !isUndoing(state, to))
    expect(onward('expired')).toEqual([])
    expect(onward('terminated')).toEqual([])
    expect(onward('failed')).toEqual(['published'])
  })

  it('never makes a deal active that is not published', () => {
    const before = dealStates.filter((from) => mayChange(from, 'active') && !isUndoing(from, 'active'))
    expect(before).toEqual(['published'])
  })

  it('undoes only what the chain had said', () => {
    for (const from of dealStates)
      for (const to of dealStates) if (isUndoing(from, to)) expect(['delivered', 'published', 'active']).toContain(to)
  })
})

describe('a change of a deal', () => {
  it('is in its row and in its history, with reason, epoch and evidence', async () => {
    const id = await insertDeal(database, { state: 'delivered' })
    const change = {
      from: ['proposed', 'delivered'],
      to: 'published',
      reason: 'Seen on the chain.',
      epoch: 77,
      evidence: { tipSet: ['bafy'], dealId: 5 },
      set: { chain_deal_id: 5, published_epoch: 70 },
    } as const
    expect(await changeDeal(database, record, id, change)).toBe(true)
    expect(await readDeal(id)).toMatchObject({
      state: 'published',
      reason: 'Seen on the chain.',
      chain_deal_id: 5,
      published_epoch: 70,
    })
    expect(await eventsOf(id)).toEqual([
      { state: 'published', reason: 'Seen on the chain.', epoch: 77, evidence: { tipSet: ['bafy'], dealId: 5 } },
    ])
  })

  it('of two at the same time is one, and the other is told', async () => {
    const id = await insertDeal(database, { state: 'delivered' })
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        changeDeal(database, record, id, { from: 'delivered', to: 'published', set: { chain_deal_id: n + 1 } }),
      ),
    )
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    expect((await readDeal(id)).chain_deal_id).toBe(outcomes.indexOf(true) + 1)
    expect(await eventsOf(id)).toHaveLength(1)
  })

  it('changes nothing where the deal is in another state or is not there', async () => {
    const id = await insertDeal(database, { state: 'active' })
    const before = await readDeal(id)
    expect(await changeDeal(database, record, id, { from: 'delivered', to: 'failed', reason: 'Too late.' })).toBe(false)
    expect(await changeDeal(database, record, 999_999, { from: 'delivered', to: 'failed' })).toBe(false)
    expect(await readDeal(id)).toEqual(before)
    expect(await eventsOf(id)).toEqual([])
  })

  it('is refused where the table has none', async () => {
    const id = await insertDeal(database, { state: 'delivered' })
    await expect(changeDeal(database, record, id, { from: 'delivered', to: 'active' })).rejects.toThrow(
      'A deal never goes from delivered to active.',
    )
    await expect(changeDeal(database, record, id, { from: ['published', 'delivered'], to: 'terminated' })).rejects.toThrow(
      RangeError,
    )
    expect(await readDeal(id)).toMatchObject({ state: 'delivered' })
  })

  it('is gone with the transaction it is in', async () => {
    const id = await insertDeal(database, { state: 'delivered' })
    const broken = database.kysely.transaction().execute(async (kysely) => {
      expect(await changeDeal({ kysely }, record, id, { from: 'delivered', to: 'failed', reason: 'Too late.' })).toBe(true)
      throw new Error('no')
    })
    await expect(broken).rejects.toThrow('no')
    expect(await readDeal(id)).toMatchObject({ state: 'delivered', reason: null })
    expect(await eventsOf(id)).toEqual([])
  })

  it('back, by a reorganisation, leaves both in the history', async () => {
    const id = await insertDeal(database, { state: 'published' })
    const undo = {
      from: 'published',
      to: 'delivered',
      reason: 'The chain was reorganised.',
      set: { chain_deal_id: null },
    } as const
    expect(await changeDeal(database, record, id, undo)).toBe(true)
    expect(await changeDeal(database, record, id, { from: 'delivered', to: 'published', set: { chain_deal_id: 9 } })).toBe(true)
    expect((await eventsOf(id)).map(({ state }) => state)).toEqual(['delivered', 'published'])
    expect(await readDeal(id)).toMatchObject({ state: 'published', chain_deal_id: 9, reason: null })
  })

  it('that lets it live again takes back that its provider has to wait', async () => {
    const id = await insertDeal(database, { state: 'delivered' })
    await changeDeal(database, record, id, {
      from: 'delivered',
      to: 'failed',
      reason: 'Too late.',
      set: { again_at: new Date() },
    })
    expect((await readDeal(id)).again_at).toBeInstanceOf(Date)
    await changeDeal(database, record, id, { from: 'failed', to: 'published', set: { chain_deal_id: 3 } })
    expect((await readDeal(id)).again_at).toBeNull()
  })

  it('that ends it asks for what comes next', async () => {
    await sql`delete from graphile_worker._private_jobs`.execute(database.kysely)
    const id = await insertDeal(database, { state: 'active' })
    await changeDeal(database, record, id, { from: 'active', to: 'terminated', reason: 'Given up by the provider.' })
    expect(await sweepsWaiting()).toEqual(['settle-deals'])
  })

  it('is told to whoever watches what is in the aggregate', async () => {
    const id = await insertDeal(database, { state: 'published' })
    const { aggregate_id } = await readDeal(id)
    const { rows } = await sql<{ id: number }>`
      insert into content (cid, complete_at) values ('\\x01551220aa', clock_timestamp()) returning id`.execute(database.kysely)
    const contentId = rows[0]!.id
    await sql`insert into aggregate_entry (aggregate_id, layout, cid, content_id, dag_bytes, dag_blocks, planned_bytes, planned_blocks, complete_at)
      values (${aggregate_id}, 'segments', '\\x01551220aa', ${contentId}, 1, 1, 1, 1, clock_timestamp())`.execute(database.kysely)
    const client = await database.pool.connect()
    try {
      await client.query('listen keepsake_content')
      const told = new Promise<string | undefined>((resolve) => client.once('notification', ({ payload }) => resolve(payload)))
      await changeDeal(database, record, id, { from: 'published', to: 'active' })
      expect(await told).toBe(contentId.toString(36))
    } finally {
      client.release(true)
    }
  })

  it('every one of a live state keeps the place of the deal, and every other frees it', () => {
    expect(dealStates.filter(isLive)).toEqual(['reserved', 'proposed', 'delivered', 'published', 'active'])
  })
})

it('a deal that becomes active is asked for within seconds, not when its turn comes', async () => {
  const dealId = await insertDeal(database, { state: 'published' })
  await changeDeal(database, facts(pipeline), dealId, { from: 'published', to: 'active' })
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from run_at - now())::float8 as seconds from graphile_worker._private_jobs where key = 'check-retrievals'`.execute(
    database.kysely,
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]!.seconds).toBeLessThanOrEqual(5)
})
