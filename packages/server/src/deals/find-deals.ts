import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { CID } from 'multiformats/cid'
import type { BuiltAggregate } from '../aggregates/aggregated-parts.ts'
import { listAggregated } from '../aggregates/aggregated-parts.ts'
import type { Db } from '../database/database.ts'
import { isLive } from '../providers/deal.ts'
import type { Deals, FindDeals } from '../uploads/deals.ts'
import { dateOfEpoch, listShownDeals, type ShownDeal, statusText } from './list-shown.ts'

interface Components {
  database: Db
  /** Whether this server follows a Filecoin network: deals of one that it does not follow any more are not shown. */
  isFollowed: boolean
}

/**
 * What nft.storage called deals: for each aggregate a content is in, an entry for every deal with a storage provider, or one that is `queued` while
 * none lives. A content whose parts are not all in validated aggregates has none.
 */
export function dealFinder({ database, isFollowed }: Components): FindDeals {
  return async (contentIds) => {
    if (contentIds.length === 0) return new Map()
    const [parts, deals] = await Promise.all([
      listAggregated(database, contentIds),
      isFollowed ? listShownDeals(database, contentIds) : [],
    ])
    const shownOf = new Map<number, Deals>()
    for (const [aggregateId, those] of Map.groupBy(deals, (deal) => deal.aggregateId)) shownOf.set(aggregateId, those.map(shown))
    const hasLive = new Set(deals.filter(({ state }) => isLive(state)).map(({ aggregateId }) => aggregateId))
    const pieces = new Map<BuiltAggregate, Partial<Deals[number]>>()
    const found = new Map<number, { deals: Deals; parts: Set<number>; ofParts: number }>()
    for (const { contentId, part, parts: ofParts, links, aggregate } of parts) {
      const known = found.get(contentId) ?? { deals: [], parts: new Set(), ofParts }
      found.set(contentId, known)
      known.parts.add(part)
      const piece = pieces.get(aggregate) ?? pieceOf(aggregate)
      pieces.set(aggregate, piece)
      const place = links ? { ...piece, datamodelSelector: selectorOf(links) } : piece
      for (const deal of shownOf.get(aggregate.id) ?? []) known.deals.push({ ...deal, ...place })
      if (!hasLive.has(aggregate.id))
        known.deals.push({ status: 'queued', lastChanged: aggregate.builtAt.toISOString(), ...place })
    }
    return new Map([...found].filter(([, { parts, ofParts }]) => parts.size >= ofParts).map(([id, { deals }]) => [id, deals]))
  }
}

function pieceOf({ root, pieceRoot }: BuiltAggregate): Partial<Deals[number]> {
  return { pieceCid: pieceCidV1({ root: pieceRoot }).toString(), ...(root && { batchRootCid: CID.decode(root).toString() }) }
}

function selectorOf(links: readonly number[]): string {
  return links.map((index) => `Links/${index}/Hash`).join('/')
}

/** What is not on the chain yet was `queued` to nft.storage's clients, and they know nothing else. */
function shown(deal: ShownDeal): Deals[number] {
  const { state, changedAt, chainDealId, actorId, activatedEpoch, endEpoch } = deal
  const isOnChain = state === 'published' || state === 'active' || state === 'terminated'
  return {
    status: isOnChain ? state : 'queued',
    lastChanged: changedAt.toISOString(),
    miner: `f0${actorId}`,
    statusText: statusText(deal),
    ...(isOnChain && chainDealId !== null && { chainDealID: chainDealId }),
    ...(isOnChain && activatedEpoch !== null && { dealActivation: dateOfEpoch(deal.chain, activatedEpoch).toISOString() }),
    ...(isOnChain && endEpoch !== null && { dealExpiration: dateOfEpoch(deal.chain, endEpoch).toISOString() }),
  }
}
