import type { DealState as ChainDealState } from '@keepsake/filecoin/actors/market.ts'
import type { DealState } from '../../providers/deal.ts'

/** What the state of the market at one tipset says about a deal. */
export interface MarketWord {
  /** Of the tipset. */
  epoch: number
  /** The next id the market will give: it has never given this one or a higher one. */
  nextDealId: number
  /** The proposal under the deal's id: ours, somebody else's, or none. */
  proposal: 'ours' | 'other' | 'none'
  /** Undefined while it was not activated. */
  state: ChainDealState | undefined
  /** Whether tipsets that were looked at before are no longer part of the chain. */
  isReorganised: boolean
}

export interface PublishedDeal {
  /** Where our row stands. */
  state: DealState
  chainDealId: number
  startEpoch: number
  endEpoch: number
}

/** Where the chain says a deal stands, and why, for people. */
export interface Standing {
  state: Extract<DealState, 'delivered' | 'published' | 'active' | 'expired' | 'terminated' | 'failed'>
  reason: string | null
}

/**
 * Where a deal stands that was on the chain, by what the chain says now and nothing else.
 *
 * @param missedAfter epochs behind its start after which one that was not activated is given up
 */
export function standingOf(deal: PublishedDeal, word: MarketWord, missedAfter: number): Standing {
  if (word.proposal !== 'ours') return standingOfAbsent(deal, word)
  const { state, epoch } = word
  if (!state || state.sectorStartEpoch <= 0) {
    if (epoch <= deal.startEpoch + missedAfter) return { state: 'published', reason: null }
    return { state: 'failed', reason: `It was not in a sector by epoch ${deal.startEpoch}, when it was to start.` }
  }
  if (state.slashEpoch !== -1) {
    return { state: 'terminated', reason: `The chain says that its sector was given up at epoch ${state.slashEpoch}.` }
  }
  if (deal.endEpoch <= epoch) return { state: 'expired', reason: `It ran to its end, epoch ${deal.endEpoch}.` }
  return { state: 'active', reason: null }
}

/** The market forgets a deal that was never activated when it should have started, one that was given up, and one that ran its time. */
function standingOfAbsent(deal: PublishedDeal, { epoch, nextDealId, isReorganised, proposal }: MarketWord): Standing {
  const isUndone = deal.chainDealId >= nextDealId || proposal === 'other'
  if (isUndone || (isReorganised && epoch < deal.startEpoch)) {
    return { state: 'delivered', reason: `The chain was reorganised, and deal ${deal.chainDealId} is no longer on it.` }
  }
  if (deal.state === 'active' || deal.state === 'expired' || deal.state === 'terminated') {
    if (deal.endEpoch <= epoch) return { state: 'expired', reason: `It ran to its end, epoch ${deal.endEpoch}.` }
    return {
      state: 'terminated',
      reason: `The market has no deal ${deal.chainDealId} any more, before its end at ${deal.endEpoch}.`,
    }
  }
  const reason =
    epoch >= deal.startEpoch
      ? `It was not in a sector by epoch ${deal.startEpoch}, when it was to start.`
      : `The market has no deal ${deal.chainDealId} any more, before its start at ${deal.startEpoch}.`
  return { state: 'failed', reason }
}
