import type { GetBlock } from '@keepsake/filecoin/blocks.ts'
import { dateOf, type EpochClock } from '@keepsake/filecoin/epoch.ts'
import { ChainFormatError } from '@keepsake/filecoin/errors.ts'
import { blocksOf, type GetTipSet, tipSetsOf } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { RpcError } from '@keepsake/filecoin/rpc/errors.ts'
import { pathBetween } from '@keepsake/filecoin/rpc/head-changes.ts'
import { isSameKey, type TipSet } from '@keepsake/filecoin/rpc/tip-set.ts'
import { weighsLess } from '@keepsake/filecoin/rpc/tip-set-rules.ts'
import { CID } from 'multiformats/cid'
import type { ChainSource } from '../../chain/source.ts'
import type { Db } from '../../database/database.ts'
import type { Facts } from '../../jobs/facts.ts'
import { requireAgreement } from './agreement.ts'
import { cidsOnChain, type Market, marketAt, readMarket } from './chain-state.ts'
import type { KnownIds } from './known-ids.ts'
import { provingRulesOf } from './proving.ts'
import { type DealNews, type Look, type MarketNews, readDeals } from './read-deals.ts'
import { readSectors, type SeenProvider } from './read-sectors.ts'
import { findHead, type Head, type TrackedDeal } from './store.ts'
import { writeNews } from './write-news.ts'

/** What one follower remembers between looks; all of it can be read again. */
export interface Memory {
  known: KnownIds
  cached: (get: GetBlock) => GetBlock
  tipSets: (get: GetTipSet) => GetTipSet
  seen: ReadonlyMap<number, SeenProvider>
}

export interface LookOptions {
  database: Db
  facts: Facts
  source: ChainSource
  clock: EpochClock
  rpc: Rpc
  memory: Memory
  signal: AbortSignal
}

/** What a look came to. */
export interface Looked {
  /** Whether what was looked at already is further on, or weighs more, than what the node shows: then there was nothing to see. */
  isBehind: boolean
  /** Tipsets that were on the chain at the last look and are not any more. */
  reverted: number
  /** Deals of which something changed. */
  changes: number
}

/** Further apart, the tipsets between two looks are not walked: the chain itself holds what is so far behind for final. */
const finalityEpochs = 900

/**
 * Reads what the chain says at a tipset about our deals, and writes it with the tipset in one transaction. Every block that is read is checked against
 * its CID, from the header down.
 *
 * @throws RpcError; ChainFormatError `UNKNOWN_LAYOUT` where the market is of a version that is not known here, and nothing was written;
 *   StaleLookError
 */
export async function lookAt(tipSet: TipSet, options: LookOptions): Promise<Looked> {
  const { database, source, rpc, memory, signal, clock } = options
  const { network } = source
  const get = memory.cached(blocksOf(rpc, { signal }))
  const stateRoot = stateRootOf(tipSet)
  const before = await findHead(database, network)
  const { reverted, isBehind } = await compare(before, tipSet, options)
  if (isBehind) return { isBehind, reverted: 0, changes: 0 }
  const now = await marketAt(get, stateRoot)
  const rules = provingRulesOf(source)
  const market = await readMarketNews({
    database,
    network,
    get,
    epoch: tipSet.height,
    now,
    before: await marketBefore(get, before, now),
    nextBefore: before?.nextDealId ?? null,
    isReorganised: reverted > 0,
    known: memory.known,
    cidOnChain: cidsOnChain(get, stateRoot),
    missedAfter: rules.periodEpochs,
  })
  const { starting, ending } = turning(market.deals)
  const look = { database, network, get, stateRoot, epoch: tipSet.height, rules, seen: memory.seen, starting, ending }
  const sectors = await readSectors(look)
  const turned = sectors.proving.filter(({ deal, standing }) => standing.proving !== deal.proving)
  const changes = market.deals.length + market.twice.length + turned.length
  if (changes > 0) await requireAgreement(rpc, tipSet, { signal })
  await writeNews(options, {
    before,
    head: headAt(network, tipSet, now),
    seenAt: new Date(Math.min(Date.now(), dateOf(clock, tipSet.height).getTime())),
    shownBy: { tipSet: tipSet.cids.map(String), stateRoot: String(stateRoot) },
    ...market,
    proving: sectors.proving,
    dueAt: (startEpoch) => dateOf(clock, startEpoch),
  })
  memory.seen = sectors.seen
  for (const { chainDealId } of market.deals) memory.known.add(chainDealId)
  return { isBehind, reverted, changes }
}

/** The state before a tipset's own messages: what its blocks agree on, and every node has computed. */
function stateRootOf({ blocks, height }: TipSet): CID {
  const [first] = blocks
  if (!first || blocks.some(({ parentStateRoot }) => !parentStateRoot.equals(first.parentStateRoot))) {
    throw new ChainFormatError('INVALID_NODE', `The blocks of epoch ${height} do not agree on the state before them.`)
  }
  return first.parentStateRoot
}

function headAt(network: string, { cids, height, blocks }: TipSet, market: Market): Head {
  return {
    network,
    epoch: height,
    tipSet: cids.map(({ bytes }) => bytes),
    parentState: blocks[0]?.parentStateRoot.bytes as Uint8Array,
    marketState: market.cid.bytes,
    nextDealId: market.nextDealId,
  }
}

/** How a tipset stands to that of the last look, by walking the headers between the two. */
async function compare(
  before: Head | undefined,
  tipSet: TipSet,
  { rpc, signal, memory }: LookOptions,
): Promise<Pick<Looked, 'isBehind' | 'reverted'>> {
  const key = before?.tipSet.map((bytes) => CID.decode(bytes)) ?? []
  if (!before || isSameKey(key, tipSet.cids) || tipSet.height - before.epoch > finalityEpochs) {
    return { isBehind: false, reverted: 0 }
  }
  const get = memory.tipSets(tipSetsOf(rpc, { signal }))
  let last: TipSet
  try {
    last = await get(key)
  } catch (error) {
    // What no node ever heard of is not on their chain, or they have not come so far yet.
    if (error instanceof RpcError && error.code === 'REFUSED') {
      return tipSet.height > before.epoch ? { isBehind: false, reverted: 1 } : { isBehind: true, reverted: 0 }
    }
    throw error
  }
  const path = await pathBetween(get, last, tipSet, { maxDepth: finalityEpochs })
  const reverted = path.filter(({ type }) => type === 'revert').length
  // The chain is the one that weighs most: a node that shows less is behind, or is on a fork that nobody else is on.
  return { reverted, isBehind: reverted > 0 && (reverted === path.length || weighsLess(tipSet, last)) }
}

/** Where nodes have forgotten the state of the last look, all that is ours is looked at. */
async function readMarketNews(look: Look): Promise<MarketNews> {
  try {
    return await readDeals(look)
  } catch (error) {
    if (!look.before || !(error instanceof ChainFormatError) || error.code !== 'BLOCK_NOT_FOUND') throw error
    return await readDeals({ ...look, before: undefined })
  }
}

/** The market of the last look; undefined where nodes have forgotten it, as they do after some days, or the form of its arrays has changed since. */
async function marketBefore(get: GetBlock, before: Head | undefined, now: Market): Promise<Market | undefined> {
  if (!before?.marketState) return undefined
  try {
    const found = await readMarket(get, CID.decode(before.marketState))
    return found.layout === now.layout ? found : undefined
  } catch (error) {
    if (error instanceof ChainFormatError && error.code === 'BLOCK_NOT_FOUND') return undefined
    throw error
  }
}

/** Which deals begin to be in a sector, as they will stand in the database; and which are in none any more. */
function turning(news: readonly DealNews[]): { starting: TrackedDeal[]; ending: Set<number> } {
  const active = news.filter(({ standing }) => standing.state === 'active')
  const starting = active.map(({ deal, sector, activatedEpoch, chainDealId }) => {
    const isNew = deal.state !== 'active'
    const since = isNew ? { proving: null, deadline: null, provingSinceEpoch: null, lastProvenEpoch: null } : {}
    return { ...deal, ...since, chainDealId, sector: sector ?? null, activatedEpoch: activatedEpoch ?? null }
  })
  return { starting, ending: new Set(news.filter(({ standing }) => standing.state !== 'active').map(({ deal }) => deal.id)) }
}
