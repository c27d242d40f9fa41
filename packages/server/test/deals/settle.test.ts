import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { chainCid } from '@keepsake/filecoin/cid.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deliverDeal } from '../../src/deals/deliver.ts'
import { dealMetrics } from '../../src/deals/metrics.ts'
import { cancelDeal, proposeTo, retryDeal } from '../../src/deals/operate.ts'
import { readOverview } from '../../src/deals/overview.ts'
import { proposeDeal } from '../../src/deals/propose.ts'
import { settleDeals } from '../../src/deals/settle-deals.ts'
import { changeDeal } from '../../src/providers/deal-change.ts'
import { lockRequests, reserve } from '../../src/providers/reserve.ts'
import { insertAggregate, insertProvider } from '../providers/deal-rows.ts'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk({ DEAL_AGAIN_HOURS: '10' })
})
afterAll(async () => await desk?.[Symbol.asyncDispose]())

const tenHoursMs = 10 * 3_600_000

/** A proposed deal, as far along as `state`, as if it had been proposed so long ago that its start is `epoch`. */
async function dealAt(
  state: 'proposed' | 'delivered' | 'published' | 'active',
  startEpoch: number,
  endEpoch = startEpoch + 1_532_160,
) {
  const id = await desk.reserve()
  await proposeDeal(desk, id)
  const due = new Date(desk.genesisAt.getTime() + startEpoch * 30_000)
  await desk.database.kysely
    .updateTable('deal')
    .set({ start_epoch: startEpoch, end_epoch: endEpoch, due_at: due, proposal_cid: chainCid(randomBytes(32)).bytes })
    .where('id', '=', id)
    .execute()
  if (state === 'proposed') return id
  await changeDeal(desk.database, desk.facts, id, { from: 'proposed', to: 'delivered' })
  if (state === 'delivered') return id
  await changeDeal(desk.database, desk.facts, id, { from: 'delivered', to: 'published', set: { chain_deal_id: id } })
  if (state === 'published') return id
  await changeDeal(desk.database, desk.facts, id, { from: 'published', to: 'active', set: { due_at: null } })
  return id
}

describe('a deal that its provider does not go on with', () => {
  it.each([
    ['proposed', 'never came for the proposal'],
    ['delivered', 'had the proposal and did not publish it'],
  ] as const)('has failed, %s, once its chain was followed beyond its start, with the reason', async (state, reason) => {
    const now = await desk.chain.epochNow()
    await desk.database.kysely.deleteFrom('chain_head').execute()
    const id = await dealAt(state, now - 100)
    await settleDeals(desk)
    // The clock alone does not say what is on the chain.
    expect((await desk.row(id)).state).toBe(state)
    await desk.followTo(now - 100)
    await settleDeals(desk)
    expect((await desk.row(id)).state).toBe(state)
    await desk.followTo(now - 99)
    await settleDeals(desk)
    expect(await desk.row(id)).toMatchObject({ state: 'failed', reason: expect.stringContaining(reason) })
  })

  it('gives back what it held: another provider may have the piece, and this one after a while, longer each time', async () => {
    const now = await desk.chain.epochNow()
    const id = await dealAt('delivered', now - 100)
    const { aggregate_id: aggregateId, provider_id: providerId } = await desk.row(id)
    await desk.followTo(now)
    await settleDeals(desk)
    const wait = async (deal: number) => {
      const { again_at: at } = await desk.row(deal)
      return Math.round((at!.getTime() - Date.now()) / tenHoursMs)
    }
    expect(await wait(id)).toBe(1)
    const { pieces } = await readOverview(desk)
    expect(pieces.withoutDeal).toBeGreaterThan(0)
    for (const times of [2, 4]) {
      const again = await desk.reserve({ aggregateId, providerId })
      await changeDeal(desk.database, desk.facts, again, { from: 'reserved', to: 'failed', reason: 'Once more.' })
      await settleDeals(desk)
      expect(await wait(again)).toBe(times)
    }
  })

  it('has failed as a reservation when no proposal came about in time', async () => {
    const id = await desk.reserve()
    await settleDeals(desk)
    expect((await desk.row(id)).state).toBe('reserved')
    await desk.database.kysely
      .updateTable('deal')
      .set({ due_at: new Date(Date.now() - 1) })
      .where('id', '=', id)
      .execute()
    await settleDeals(desk)
    expect(await desk.row(id)).toMatchObject({ state: 'failed', reason: 'No proposal could be made in time.' })
  })
})

describe('a deal that ends soon', () => {
  const standsIn = async (id: number) =>
    await desk.database.kysely.selectFrom('deal').selectAll().where('replaces_id', '=', id).orderBy('id').execute()

  it('is renewed once, with the same provider, and goes on until its end', async () => {
    const now = await desk.chain.epochNow()
    const id = await dealAt('active', now - 600_000, now + 44 * 2880)
    await Promise.all([settleDeals(desk), settleDeals(desk)])
    const renewals = await standsIn(id)
    expect(renewals).toHaveLength(1)
    const { provider_id, aggregate_id } = await desk.row(id)
    expect(renewals[0]).toMatchObject({ provider_id, aggregate_id, state: 'reserved' })
    expect((await desk.row(id)).state).toBe('active')
    expect(await desk.jobs()).toContain(`propose-deal:${renewals[0]!.id}`)
    await proposeDeal(desk, renewals[0]!.id)
    expect((await desk.row(renewals[0]!.id)).start_epoch).toBeGreaterThan(now)
  })

  it('is not renewed where its provider asked for a successor at the same moment', async () => {
    const now = await desk.chain.epochNow()
    const id = await dealAt('active', now - 600_000, now + 44 * 2880)
    const { aggregate_id: aggregateId, provider_id: providerId } = await desk.row(id)
    let renewing: Promise<void> | undefined
    await desk.database.kysely.transaction().execute(async (kysely) => {
      await lockRequests({ kysely })
      renewing = settleDeals(desk)
      // It has found the deal by now, and waits for the lock.
      await sleep(500)
      const asked = { aggregateId, providerId, driver: 'self-service', replacesId: id, epoch: now, evidence: {} } as const
      await reserve({ kysely }, desk.facts, asked)
    })
    await renewing
    expect(await standsIn(id)).toHaveLength(1)
  })

  it('is not renewed while its renewal waits after it failed, nor when there is time, nor with a provider that is suspended', async () => {
    const now = await desk.chain.epochNow()
    const failing = await dealAt('active', now - 600_000, now + 40 * 2880)
    await settleDeals(desk)
    const [renewal] = await standsIn(failing)
    await changeDeal(desk.database, desk.facts, renewal!.id, { from: 'reserved', to: 'failed', reason: 'No.' })
    await settleDeals(desk)
    await settleDeals(desk)
    expect(await standsIn(failing)).toHaveLength(1)
    await desk.database.kysely.updateTable('deal').set({ again_at: new Date() }).where('id', '=', renewal!.id).execute()
    await settleDeals(desk)
    expect(await standsIn(failing)).toHaveLength(2)
    const early = await dealAt('active', now - 600_000, now + 46 * 2880)
    const suspended = await dealAt('active', now - 600_000, now + 40 * 2880)
    const { provider_id } = await desk.row(suspended)
    await desk.database.kysely.updateTable('provider').set({ state: 'suspended' }).where('id', '=', provider_id).execute()
    await settleDeals(desk)
    expect(await standsIn(early)).toEqual([])
    expect(await standsIn(suspended)).toEqual([])
  })

  it('is not renewed where the operator does not want that', async () => {
    const now = await desk.chain.epochNow()
    const id = await dealAt('active', now - 600_000, now + 10 * 2880)
    await settleDeals({ ...desk, rules: { ...desk.rules, renewEpochs: undefined } })
    expect(await standsIn(id)).toEqual([])
  })
})

describe('the operator', () => {
  it('proposes an aggregate to a provider, but not twice, and not more often than wanted', async () => {
    const { id: aggregateId } = await insertAggregate(desk.database)
    const { actorId } = await insertProvider(desk.database)
    const { deal } = await proposeTo(desk, { aggregateId, actorId })
    expect(deal).toMatchObject({ state: 'proposed', provider: { id: `f0${actorId}` }, aggregateId })
    await expect(proposeTo(desk, { aggregateId, actorId, force: true })).rejects.toMatchObject({ code: 'CONFLICT' })
    for (let n = 1; n < desk.wanted; n++)
      await proposeTo(desk, { aggregateId, actorId: (await insertProvider(desk.database)).actorId })
    const { actorId: one } = await insertProvider(desk.database)
    await expect(proposeTo(desk, { aggregateId, actorId: one })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('3 are wanted'),
    })
    await proposeTo(desk, { aggregateId, actorId: one, force: true })
  })

  it('makes one deal of two that are proposed at the same moment', async () => {
    const { id: aggregateId } = await insertAggregate(desk.database)
    const { actorId } = await insertProvider(desk.database)
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => proposeTo(desk, { aggregateId, actorId })))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('is told what is missing: provider, aggregate, a provider that is not suspended', async () => {
    const { id: aggregateId } = await insertAggregate(desk.database)
    const { actorId, id } = await insertProvider(desk.database)
    await expect(proposeTo(desk, { aggregateId, actorId: 99 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(proposeTo(desk, { aggregateId: 999_999, actorId })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await desk.database.kysely
      .updateTable('provider')
      .set({ state: 'suspended', suspended_because: 'it is late' })
      .where('id', '=', id)
      .execute()
    await expect(proposeTo(desk, { aggregateId, actorId })).rejects.toThrow('suspended: it is late')
  })

  it('cancels what is not on the chain, tries again what failed, and neither else', async () => {
    const id = await dealAt('delivered', (await desk.chain.epochNow()) + 8000)
    const { deal } = await cancelDeal(desk, id, 'It takes too long.')
    expect(deal).toMatchObject({ state: 'failed', reason: 'It takes too long.' })
    await expect(cancelDeal(desk, id)).rejects.toThrow('is failed already')
    const again = await retryDeal(desk, id)
    expect(again.deal).toMatchObject({ provider: deal.provider, aggregateId: deal.aggregateId })
    const published = await dealAt('published', (await desk.chain.epochNow()) + 8000)
    await expect(cancelDeal(desk, published)).rejects.toThrow('only its provider can end it')
    await expect(retryDeal(desk, published)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(retryDeal(desk, 999_999)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('the numbers', () => {
  it('say how many deals there are of which kind, and what no provider has', async () => {
    const { actorId } = await insertProvider(desk.database)
    const { id: aggregateId } = await insertAggregate(desk.database)
    const before = await readOverview(desk)
    await proposeTo(desk, { aggregateId, actorId })
    const after = await readOverview(desk)
    expect(after.pieces.withoutDeal).toBe(before.pieces.withoutDeal - 1)
    const metrics = await dealMetrics(desk)()
    const deals = metrics.find(({ name }) => name === 'keepsake_deals')!
    const proposed = after.states.find(({ state }) => state === 'proposed')!
    expect(deals.samples).toContainEqual({
      labels: { state: 'proposed', driver: 'self-service', network: 'keepsake-devnet-0badcafe' },
      value: proposed.deals,
    })
    expect(metrics.find(({ name }) => name === 'keepsake_pieces_without_deal')!.samples).toEqual([
      { value: after.pieces.withoutDeal },
    ])
  })

  it('tell when all providers are gone', async () => {
    await desk.database.kysely.updateTable('provider').set({ state: 'suspended' }).execute()
    const { providers } = await readOverview(desk)
    expect(providers.active).toBe(0)
    const metrics = await dealMetrics(desk)()
    expect(metrics.find(({ name }) => name === 'keepsake_storage_providers')!.samples).toContainEqual({
      labels: { state: 'active' },
      value: 0,
    })
  })
})

describe('a proposal that goes by a driver', () => {
  it('which this server does not have, waits, and the job says why', async () => {
    const id = await desk.reserve()
    await proposeDeal(desk, id)
    await desk.database.kysely.updateTable('deal').set({ driver: 'carrier-pigeon' }).where('id', '=', id).execute()
    await expect(deliverDeal(desk, id)).rejects.toThrow('carrier-pigeon')
    expect((await desk.row(id)).state).toBe('proposed')
  })
})
