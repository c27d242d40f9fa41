import { randomBytes } from 'node:crypto'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import type { DealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { dealProposalCid, encodeClientDealProposal, encodeDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { secpSigner } from '@keepsake/filecoin/signature.ts'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openChain } from '../../../src/chain/chain.ts'
import { parseConfig } from '../../../src/config.ts'
import { type Follower, followChain } from '../../../src/deals/track/follow.ts'
import { findFollowStatus } from '../../../src/deals/track/status.ts'
import { facts } from '../../../src/jobs/facts.ts'
import { migrateJobs } from '../../../src/jobs/worker.ts'
import { pipeline } from '../../../src/pipeline.ts'
import { changeDeal } from '../../../src/providers/deal-change.ts'
import { insertDeal } from '../../providers/deal-rows.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { type Fault, openTestChain, type TestChain } from './test-chain.ts'

const network = 'keepsake-devnet-0badcafe'
const client = secpSigner(randomBytes(32).fill(7, 0, 1))
const record = facts(pipeline)

let test: TestDatabase
let chain: TestChain
let fault: { is: Fault }
let nodes: AsyncDisposableStack
let urls: string[]
let followers: Follower[] = []
let lines: string[]

beforeEach(async () => {
  test = await createTestDatabase()
  await migrateJobs(test.database)
  chain = openTestChain(client)
  chain.pass(20)
  fault = { is: 'none' }
  nodes = new AsyncDisposableStack()
  urls = [nodes.use(await chain.startNode(fault)).url]
  followers = []
  lines = []
})
afterEach(async () => {
  await Promise.all(followers.map((follower) => follower.stop()))
  await nodes?.disposeAsync()
  await test?.drop()
})

function follow(env: Record<string, string> = {}): Follower {
  const config = parseConfig({ FILECOIN_RPC: urls.join(), CHAIN_LOOKBACK: '0', ...env })
  const note = (_: object, message: string) => void lines.push(message)
  const log = { debug: note, info: note, warn: note, error: note }
  const opened = openChain({ config, database: test.database })!
  const follower = followChain({ chain: opened, database: test.database, facts: record, log })
  followers.push(follower)
  return follower
}

async function stop(): Promise<void> {
  await Promise.all(followers.splice(0).map((follower) => follower.stop()))
}

/** Waits until the follower has seen the head of the chain. */
async function seen(): Promise<void> {
  await vi.waitFor(
    async () => {
      const head = await test.database.kysely.selectFrom('chain_head').selectAll().executeTakeFirst()
      expect(head && Buffer.from(head.tip_set[0]!).equals(chain.head.cid.bytes)).toBe(true)
    },
    { timeout: 25_000, interval: 20 },
  )
}

async function passed(epochs = 1): Promise<void> {
  chain.pass(epochs)
  await seen()
}

/** A deal whose proposal the provider has; and what it would publish. */
async function deliver(over: Partial<DealProposal> = {}, state: 'proposed' | 'delivered' = 'delivered') {
  const id = await insertDeal(test.database, { state })
  const { actor_id: actorId, piece_root: root } = await test.database.kysely
    .selectFrom('deal')
    .innerJoin('provider', 'provider.id', 'provider_id')
    .innerJoin('aggregate', 'aggregate.id', 'aggregate_id')
    .select(['actor_id', 'piece_root'])
    .where('deal.id', '=', id)
    .executeTakeFirstOrThrow()
  const proposal: DealProposal = {
    pieceCid: pieceCidV1({ root: root! }),
    pieceSizeBytes: 1 << 20,
    verifiedDeal: false,
    client: client.address,
    provider: idAddress(actorId),
    label: { isText: true, bytes: new TextEncoder().encode('test') },
    startEpoch: 100,
    endEpoch: 1_000,
    storagePricePerEpoch: 0n,
    providerCollateral: 0n,
    clientCollateral: 0n,
    ...over,
  }
  const proposalBytes = encodeDealProposal(proposal)
  await test.database.kysely
    .updateTable('deal')
    .set({
      proposal: encodeClientDealProposal({ proposalBytes, signature: client.sign(proposalBytes) }),
      proposal_cid: dealProposalCid(proposal).bytes,
      start_epoch: proposal.startEpoch,
      end_epoch: proposal.endEpoch,
      chain_deal_id: null,
    })
    .where('id', '=', id)
    .execute()
  return { id, actorId, proposal }
}

async function row(id: number) {
  return await test.database.kysely.selectFrom('deal').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

async function history(id: number): Promise<string[]> {
  const events = await test.database.kysely.selectFrom('deal_event').selectAll().where('deal_id', '=', id).orderBy('id').execute()
  return events.map(({ state, reason }) => (reason === null ? state : `${state}: ${reason}`))
}

/** Published, active in sector 5 of deadline 3, and seen so. */
async function activeDeal(over: Partial<DealProposal> = {}) {
  const deal = await deliver(over)
  if (followers.length === 0) follow()
  await seen()
  const chainDealId = chain.publish(deal.proposal)
  chain.state.sectors.set(deal.actorId, [])
  await passed()
  const sector = { sector: 5, deadline: 3, isUnproven: true, isPosted: false, isFaulty: false, isTerminated: false }
  chain.state.sectors.set(deal.actorId, [sector])
  chain.activate(chainDealId, 5)
  await passed()
  return { ...deal, chainDealId, sector }
}

describe('following the chain', () => {
  it('sees a deal published, active, proving, faulty, proving again, and at its end, each with what shows it', async () => {
    const { id, chainDealId, sector } = await activeDeal({ startEpoch: 60, endEpoch: 90 })
    expect(await row(id)).toMatchObject({
      state: 'active',
      chain_deal_id: chainDealId,
      published_epoch: 21,
      activated_epoch: 21,
      sector: 5,
      proving: 'unproven',
      deadline: 3,
      partition: 0,
      proving_since_epoch: null,
    })
    Object.assign(sector, { isUnproven: false, isPosted: true })
    await passed(35)
    expect(await row(id)).toMatchObject({ proving: 'proving', proving_since_epoch: 51, last_proven_epoch: 51, reason: null })
    Object.assign(sector, { isFaulty: true, isPosted: false })
    await passed()
    expect(await row(id)).toMatchObject({ proving: 'faulty', proving_since_epoch: null, last_proven_epoch: 51 })
    Object.assign(sector, { isFaulty: false })
    await passed()
    expect(await row(id)).toMatchObject({ proving: 'proving', proving_since_epoch: 59, last_proven_epoch: 51 })
    await passed(31)
    expect(await row(id)).toMatchObject({ state: 'expired', proving: null })
    expect(await history(id)).toEqual([
      'published',
      'active',
      'active: Sector 5 is new and waits for its first proof.',
      'active: Sector 5 is proving.',
      'active: Sector 5 is faulty: it was not proven when it had to be.',
      'active: Sector 5 is proving.',
      'expired: It ran to its end, epoch 90.',
    ])
    const { evidence } = await test.database.kysely
      .selectFrom('deal_event')
      .selectAll()
      .where('deal_id', '=', id)
      .where('reason', '=', 'Sector 5 is proving.')
      .orderBy('id')
      .limit(1)
      .executeTakeFirstOrThrow()
    expect(evidence).toMatchObject({ chainDealId, sector: 5, deadline: 3, partition: 0, lastProvenEpoch: 51 })
    expect(evidence.tipSet).toHaveLength(1)
  })

  it('sees what was published and activated between two looks, by whatever path the provider had the proposal', async () => {
    const { id, actorId, proposal } = await deliver({}, 'proposed')
    follow()
    await seen()
    chain.state.sectors.set(actorId, [{ sector: 9, deadline: 0 }])
    chain.activate(chain.publish(proposal), 9)
    await passed()
    expect(await row(id)).toMatchObject({ state: 'active', sector: 9, proving: 'proving' })
    expect((await history(id)).slice(0, 2)).toEqual(['published', 'active'])
  })

  it('finds what was published before it looked for the first time', async () => {
    const { id, proposal } = await deliver()
    chain.publish(proposal)
    chain.pass(3)
    follow()
    await seen()
    expect(await row(id)).toMatchObject({ state: 'published', chain_deal_id: 100 })
  })

  it('takes no deal for ours whose proposal is another', async () => {
    const { id, proposal } = await deliver()
    follow()
    await seen()
    chain.publish({ ...proposal, endEpoch: proposal.endEpoch + 1 })
    chain.publish({ ...proposal, provider: idAddress(77) })
    await passed()
    expect(await row(id)).toMatchObject({ state: 'delivered', chain_deal_id: null })
  })

  it('notices that a proposal was published a second time, and counts it once', async () => {
    const { id, proposal, chainDealId } = await activeDeal()
    const second = chain.publish(proposal)
    await passed()
    expect(await row(id)).toMatchObject({ state: 'active', chain_deal_id: chainDealId })
    expect((await history(id)).at(-1)).toBe(
      `active: The provider published the same proposal once more, as deal ${second}. Deal ${chainDealId} counts.`,
    )
  })

  it('looks up a number that somebody says a deal has, and believes it when it is so', async () => {
    const [good, bad] = [await deliver(), await deliver({ startEpoch: 101 })]
    follow()
    await seen()
    const foreign = chain.publish({ ...bad.proposal, startEpoch: 102 })
    await passed()
    const claim = (id: number, chainDealId: number) =>
      sql`update deal set chain_deal_id = ${chainDealId} where id = ${id}`.execute(test.database.kysely)
    await claim(bad.id, foreign)
    await changeDeal(test.database, record, good.id, {
      from: 'delivered',
      to: 'published',
      set: { chain_deal_id: chain.publish(good.proposal) },
    })
    await passed()
    expect(await row(bad.id)).toMatchObject({ state: 'delivered' })
    expect(await row(good.id)).toMatchObject({ state: 'published', published_epoch: 22 })
  })

  it('lets go of a deal that was slashed, and of one that the market forgot before its end', async () => {
    const slashed = await activeDeal()
    chain.state.deals.get(slashed.chainDealId)!.state!.slashEpoch = 22
    await passed()
    expect(await row(slashed.id)).toMatchObject({ state: 'terminated', slashed_epoch: 22, proving: null })
    const forgotten = await activeDeal({ startEpoch: 101 })
    chain.state.deals.delete(forgotten.chainDealId)
    await passed()
    expect(await row(forgotten.id)).toMatchObject({ state: 'terminated' })
  })

  it('gives up a deal that did not start in time', async () => {
    const { id, proposal } = await deliver({ startEpoch: 30 })
    follow()
    await seen()
    const chainDealId = chain.publish(proposal)
    await passed()
    chain.state.deals.delete(chainDealId)
    await passed(12)
    expect(await row(id)).toMatchObject({ state: 'failed', reason: 'It was not in a sector by epoch 30, when it was to start.' })
  })

  it('sees a sector that was given up, and one that is gone', async () => {
    const { id, actorId, sector } = await activeDeal()
    sector.isTerminated = true
    await passed()
    expect(await row(id)).toMatchObject({ state: 'active', proving: 'faulty', reason: 'The provider has no sector 5 any more.' })
    chain.state.sectors.delete(actorId)
    await passed()
    expect(await row(id)).toMatchObject({ proving: 'unknown' })
  })
})

describe('a reorganisation', () => {
  it('that removes a published deal takes it back, and the deal may be published again under another number', async () => {
    const { id, proposal } = await deliver()
    follow()
    await seen()
    const chainDealId = chain.publish(proposal)
    await passed()
    expect(await row(id)).toMatchObject({ state: 'published', chain_deal_id: chainDealId })
    chain.state.deals.clear()
    chain.state.nextDealId = chainDealId
    chain.reorganise(3)
    await seen()
    expect(await row(id)).toMatchObject({ state: 'delivered', chain_deal_id: null, published_epoch: null })
    chain.state.nextDealId = 200
    chain.publish(proposal)
    await passed()
    expect(await row(id)).toMatchObject({ state: 'published', chain_deal_id: 200 })
    expect((await history(id))[1]).toContain('The chain was reorganised')
    expect(lines).toContain('the Filecoin chain was reorganised')
  })

  it('that gives a deal another number is followed at once, also where its old one is somebody else’s now', async () => {
    const { id, proposal, chainDealId } = await activeDeal()
    chain.state.deals.clear()
    chain.publish({ ...proposal, startEpoch: 77 }, chainDealId)
    const other = chain.publish(proposal)
    chain.reorganise(4)
    await seen()
    expect(await row(id)).toMatchObject({ state: 'published', chain_deal_id: other, sector: null, proving: null })
  })

  it('that undoes a termination makes the deal active again', async () => {
    const { id, chainDealId } = await activeDeal()
    const { state } = chain.state.deals.get(chainDealId)!
    state!.slashEpoch = 22
    await passed()
    expect(await row(id)).toMatchObject({ state: 'terminated' })
    state!.slashEpoch = -1
    chain.reorganise(2)
    await seen()
    expect(await row(id)).toMatchObject({ state: 'active', slashed_epoch: null, proving: 'unproven' })
  })
})

describe('a node that', () => {
  const untrue: Fault[] = [
    'lies about blocks',
    'gives another tipset',
    'refuses with status 200',
    'speaks nonsense',
    'shows the future',
  ]

  it.each<Fault>(['hangs', ...untrue])(
    '%s is passed over for one that does not',
    async (is) => {
      const { id, proposal } = await deliver()
      urls.push(nodes.use(await chain.startNode()).url)
      follow()
      await seen()
      fault.is = is
      chain.publish(proposal)
      await passed()
      expect(await row(id)).toMatchObject({ state: 'published' })
    },
    40_000,
  )

  it.each<Fault>(['refuses with status 200', 'speaks nonsense'])(
    '%s from the beginning is passed over',
    async (is) => {
      fault.is = is
      urls.push(nodes.use(await chain.startNode()).url)
      const { id, proposal } = await deliver()
      chain.publish(proposal)
      chain.pass()
      follow()
      await vi.waitFor(async () => expect(await row(id)).toMatchObject({ state: 'published' }), { timeout: 30_000 })
    },
    40_000,
  )

  it.each<Fault>(untrue)(
    '%s, alone, changes nothing and is told of, until it does so no more',
    async (is) => {
      const { id, proposal } = await deliver()
      follow()
      await seen()
      fault.is = is
      chain.publish(proposal)
      chain.pass(2)
      await vi.waitFor(async () => expect((await findFollowStatus(test.database, network))?.trouble).toBeTruthy(), {
        timeout: 15_000,
      })
      expect(await row(id)).toMatchObject({ state: 'delivered' })
      fault.is = 'none'
      await seen()
      expect(await row(id)).toMatchObject({ state: 'published' })
      expect((await findFollowStatus(test.database, network))?.trouble).toBeNull()
    },
    40_000,
  )

  it.each<Fault>(['is behind', 'has gone back in time', 'is on a fork that weighs less'])(
    '%s undoes nothing of what was seen already',
    async (is) => {
      const node = nodes.use(await chain.startNode(fault))
      urls = [node.url]
      const { id, proposal } = await deliver()
      follow()
      await seen()
      chain.publish(proposal)
      // The node goes back to before that.
      await passed(2)
      // Whoever starts anew remembers no header.
      await stop()
      fault.is = is
      const from = node.calls.length
      follow()
      await vi.waitFor(
        () => expect(node.calls.slice(from).filter((method) => method === 'Filecoin.ChainHead').length).toBeGreaterThan(2),
        { timeout: 15_000 },
      )
      expect(await row(id)).toMatchObject({ state: 'published' })
      fault.is = 'none'
      await passed()
      expect(await history(id)).toEqual(['published'])
    },
  )

  it('is on a fork of its own keeps anything from being believed that no two others agree about', async () => {
    fault.is = 'is on a fork of its own'
    urls.push(nodes.use(await chain.startNode()).url)
    const { id, proposal } = await deliver()
    follow()
    await seen()
    chain.publish(proposal)
    chain.pass()
    await vi.waitFor(
      async () => expect((await findFollowStatus(test.database, network))?.trouble).toContain('do not agree about epoch 21'),
      { timeout: 15_000 },
    )
    expect(await row(id)).toMatchObject({ state: 'delivered' })
    await stop()
    urls.push(nodes.use(await chain.startNode()).url)
    follow()
    await seen()
    expect(await row(id)).toMatchObject({ state: 'published' })
  })

  it('stands still is passed over for one that goes on', async () => {
    // Both have the same first block; one has nothing of the last quarter of an hour.
    const genesisSeconds = Math.floor(Date.now() / 1000) - 1_000
    const frozen = openTestChain(client, genesisSeconds)
    frozen.pass(20)
    chain = openTestChain(client, genesisSeconds)
    chain.pass(990)
    urls = [nodes.use(await frozen.startNode()).url, nodes.use(await chain.startNode()).url]
    const { id, proposal } = await deliver({ startEpoch: 1_100, endEpoch: 2_000 })
    chain.publish(proposal)
    chain.pass()
    follow()
    await vi.waitFor(async () => expect(await row(id)).toMatchObject({ state: 'published' }), { timeout: 15_000 })
  })
})

describe('a market state of unknown layout', () => {
  it('is named, and nothing is read out of it; what follows is read again', async () => {
    const { id, chainDealId } = await activeDeal()
    chain.state.isOfTheFuture = true
    chain.state.deals.get(chainDealId)!.state!.slashEpoch = 22
    chain.pass()
    await vi.waitFor(
      async () =>
        expect((await findFollowStatus(test.database, network))?.trouble).toContain(
          'A market state has 11 to 13 fields, this has 14.',
        ),
      { timeout: 15_000 },
    )
    expect(await row(id)).toMatchObject({ state: 'active', chain_deal_id: chainDealId })
    chain.state.isOfTheFuture = false
    await passed()
    expect(await row(id)).toMatchObject({ state: 'terminated' })
  })
})

describe('a follower', () => {
  it('that starts again goes on where the last one was, and sees what happened meanwhile, also where nodes forgot the past', async () => {
    const { id, chainDealId } = await activeDeal()
    const other = await deliver({ startEpoch: 500 })
    await stop()
    const head = await test.database.kysely.selectFrom('chain_head').selectAll().executeTakeFirstOrThrow()
    chain.state.deals.get(chainDealId)!.state!.slashEpoch = 22
    chain.publish(other.proposal)
    chain.pass(10)
    const { CID } = await import('multiformats/cid')
    chain.forget(CID.decode(head.market_state!))
    follow()
    await seen()
    expect(await row(id)).toMatchObject({ state: 'terminated' })
    expect(await row(other.id)).toMatchObject({ state: 'published' })
  })

  it('is alone on its network; when it ends, the next one goes on', async () => {
    const { id, proposal } = await deliver()
    const first = follow()
    await seen()
    follow()
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(lines.filter((line) => line === 'following the Filecoin chain')).toHaveLength(1)
    await first.stop()
    chain.publish(proposal)
    await passed()
    expect(await row(id)).toMatchObject({ state: 'published' })
  })

  it('that dies before its transaction ends has written nothing, and the next one writes it once', async () => {
    const { id, proposal } = await deliver()
    await test.database.kysely.transaction().execute(async (kysely) => {
      await sql`select from deal where id = ${id} for update`.execute(kysely)
      chain.publish(proposal)
      chain.pass()
      follow()
      await vi.waitFor(
        async () => {
          const { rows } = await sql<{ pid: number }>`
            select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
            test.database.kysely,
          )
          expect(rows).toHaveLength(1)
          await sql`select pg_terminate_backend(${rows[0]!.pid})`.execute(test.database.kysely)
        },
        { timeout: 15_000, interval: 20 },
      )
      expect(await test.database.kysely.selectFrom('chain_head').selectAll().execute()).toEqual([])
    })
    await seen()
    expect(await row(id)).toMatchObject({ state: 'published' })
    expect(await history(id)).toEqual(['published'])
  })
})
