import { decodeDealState } from '@keepsake/filecoin/actors/market.ts'
import { findInAmt } from '@keepsake/filecoin/amt.ts'
import { amtChanges } from '@keepsake/filecoin/amt-diff.ts'
import type { GetBlock } from '@keepsake/filecoin/blocks.ts'
import { chainCid } from '@keepsake/filecoin/cid.ts'
import type { Db } from '../../database/database.ts'
import { isLive } from '../../providers/deal.ts'
import type { CidOnChain, Market } from './chain-state.ts'
import type { KnownIds } from './known-ids.ts'
import type { MarketWord, PublishedDeal, Standing } from './standing.ts'
import { standingOf } from './standing.ts'
import type { TrackedDeal } from './store.ts'
import { listByChainId, listClaimed, listDueBy, listPublishable } from './store.ts'

/** What is followed when nothing was followed before: deals published since, and so many before, for proposals that were under way. */
const firstLook = 20_000

/** Everything one look at the chain is about. */
export interface Look {
  database: Db
  network: string
  get: GetBlock
  /** Of the tipset that is looked at. */
  epoch: number
  now: Market
  /** The market as it was when it was looked at last; undefined where that is not known. */
  before: Market | undefined
  /** Where nothing is known of before: the next id of a deal then. */
  nextBefore: number | null
  isReorganised: boolean
  known: KnownIds
  cidOnChain: CidOnChain
  /** Epochs. */
  missedAfter: number
}

/** What the chain says of one of our deals. */
export interface DealNews {
  deal: TrackedDeal
  standing: Standing
  chainDealId: number
  sector: number | undefined
  activatedEpoch: number | undefined
  slashedEpoch: number | undefined
}

/** A proposal that is on the chain once more. */
export interface SecondPublication {
  deal: TrackedDeal
  chainDealId: number
}

export interface MarketNews {
  deals: DealNews[]
  twice: SecondPublication[]
}

/** Reads what became of our deals in the market: only what differs from the last look. Nothing is written. */
export async function readDeals(look: Look): Promise<MarketNews> {
  const { database, network, epoch, missedAfter } = look
  const { touched, published } = await readChanges(look)
  const rows = new Map<number, TrackedDeal>()
  const due = [
    await listByChainId(database, network, [...touched]),
    await listDueBy(database, network, epoch, missedAfter),
    await listClaimed(database, network),
  ]
  for (const deal of due.flat()) rows.set(deal.id, deal)
  const news: MarketNews = { deals: [], twice: [] }
  for (const deal of rows.values()) {
    const found = await readOne(look, deal, deal.chainDealId as number)
    const other = published.get(deal.id)?.find((id) => id !== deal.chainDealId)
    // Where a reorganisation took its number, it may have given it another.
    if (found.standing.state === 'delivered' && other !== undefined) news.deals.push(await readOne(look, deal, other))
    else if (isNews(found)) news.deals.push(found)
  }
  for (const [id, chainDealIds] of published) {
    const deal = rows.get(id) ?? (await publishedDeal(look, id))
    if (!deal) continue
    const first = deal.chainDealId ?? (chainDealIds[0] as number)
    if (deal.chainDealId === null) news.deals.push(await readOne(look, deal, first))
    if (news.deals.some((one) => one.deal.id === id && one.chainDealId !== first)) continue
    for (const chainDealId of chainDealIds) if (chainDealId !== first) news.twice.push({ deal, chainDealId })
  }
  return news
}

async function publishedDeal({ database, network, epoch }: Look, id: number): Promise<TrackedDeal | undefined> {
  return (await listPublishable(database, network, epoch - startSlack)).find((deal) => deal.id === id)
}

/**
 * A claim that is not true is no news; nor is what our rows say already. What has ended stays ended, unless the chain says that it goes on: that it
 * was ended by what is no longer on the chain.
 */
function isNews({ deal, standing, activatedEpoch }: DealNews): boolean {
  if (standing.state === deal.state) {
    return (
      (deal.state === 'active' && activatedEpoch !== deal.activatedEpoch) ||
      (deal.state === 'published' && deal.publishedEpoch === null)
    )
  }
  if (standing.state === 'delivered') return deal.state === 'published' || deal.state === 'active'
  return isLive(deal.state) || isLive(standing.state)
}

/** A deal may be published up to its start, and be looked at a little later. */
const startSlack = 20

interface Changes {
  /** Ids on the chain of deals of ours that differ. */
  touched: Set<number>
  /** Ids on the chain under which our proposals were published, by the ids of our rows; ascending. */
  published: Map<number, number[]>
}

async function readChanges(look: Look): Promise<Changes> {
  const { get, now, before, known } = look
  const changes: Changes = { touched: new Set(), published: new Map() }
  if (before?.cid.equals(now.cid)) return changes
  // Only where nothing is known of before is anything old of interest, and of that only what is ours.
  const from = before ? 0 : (look.nextBefore ?? Math.max(0, now.nextDealId - firstLook))
  const matters = (first: number, length: number) => first + length > from || known.touches(first, length)
  const awaited = await awaitedCids(look)
  for await (const { index, after } of amtChanges(get, before?.proposals, now.proposals, { matters })) {
    if (known.has(index)) changes.touched.add(index)
    const dealId = after && awaited.size > 0 ? awaited.get(chainCid(after).toString()) : undefined
    if (dealId === undefined) continue
    changes.published.set(dealId, [...(changes.published.get(dealId) ?? []), index])
    known.add(index)
  }
  const ours = { matters: (first: number, length: number) => known.touches(first, length) }
  for await (const { index } of amtChanges(get, before?.states, now.states, ours))
    if (known.has(index)) changes.touched.add(index)
  return changes
}

/** Our rows by the CIDs under which their proposals may come to be on the chain. */
async function awaitedCids({ database, network, epoch, cidOnChain }: Look): Promise<Map<string, number>> {
  const awaited = new Map<string, number>()
  for (const deal of await listPublishable(database, network, epoch - startSlack)) {
    const cid = await cidOnChain(deal)
    if (cid !== undefined) awaited.set(cid, deal.id)
  }
  return awaited
}

/** What the market says of a deal under an id. */
async function readOne(look: Look, deal: TrackedDeal, chainDealId: number): Promise<DealNews> {
  const { get, now, epoch, isReorganised, cidOnChain } = look
  const proposal = await findInAmt(get, now.proposals, chainDealId)
  const isOurs = proposal !== undefined && chainCid(proposal).toString() === (await cidOnChain(deal))
  const bytes = await findInAmt(get, now.states, chainDealId)
  const state = bytes && decodeDealState(bytes, now.layout)
  const word: MarketWord = {
    epoch,
    nextDealId: now.nextDealId,
    proposal: isOurs ? 'ours' : proposal ? 'other' : 'none',
    state: isOurs ? state : undefined,
    isReorganised,
  }
  const published: PublishedDeal = { state: deal.state, chainDealId, startEpoch: deal.startEpoch, endEpoch: deal.endEpoch }
  const isActivated = word.state !== undefined && word.state.sectorStartEpoch > 0
  return {
    deal,
    chainDealId,
    standing: standingOf(published, word, look.missedAfter),
    sector: isActivated ? word.state?.sector : undefined,
    activatedEpoch: isActivated ? word.state?.sectorStartEpoch : undefined,
    slashedEpoch: word.state && word.state.slashEpoch !== -1 ? word.state.slashEpoch : undefined,
  }
}
