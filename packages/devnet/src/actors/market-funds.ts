import type { DealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { addTo } from '../state/balances.ts'
import { type MarketActor, partyOf } from '../state/market.ts'
import { type ChainState, MARKET } from '../state/state.ts'

/** What a deal costs its client for so many epochs. */
function feeFor({ storagePricePerEpoch }: DealProposal, epochs: number): bigint {
  return storagePricePerEpoch * BigInt(Math.max(0, epochs))
}

/** What each side has to have in escrow for a deal. */
export function requirementOf(proposal: DealProposal): { client: bigint; provider: bigint } {
  const fee = feeFor(proposal, proposal.endEpoch - proposal.startEpoch)
  return { client: fee + proposal.clientCollateral, provider: proposal.providerCollateral }
}

/** What an actor has in escrow that no deal holds. */
export function available({ escrow, locked }: MarketActor, id: number): bigint {
  return (escrow.get(id) ?? 0n) - (locked.get(id) ?? 0n)
}

function moveLocks(market: MarketActor, proposal: DealProposal, sign: 1n | -1n): void {
  const { client, provider } = requirementOf(proposal)
  addTo(market.locked, partyOf(proposal.client), sign * client)
  addTo(market.locked, partyOf(proposal.provider), sign * provider)
  market.clientCollateral += sign * proposal.clientCollateral
  market.providerCollateral += sign * provider
  market.storageFees += sign * (client - proposal.clientCollateral)
}

export function lockFor(market: MarketActor, proposal: DealProposal): void {
  moveLocks(market, proposal, 1n)
}

/**
 * Ends what a deal holds: the provider is paid for the epochs it stored, and each side has the rest back.
 *
 * @param storedEpochs for which the provider is paid
 * @param isSlashed the provider loses its collateral, which is burnt
 */
export function settle(state: ChainState, proposal: DealProposal, storedEpochs: number, isSlashed: boolean): void {
  const { market } = state
  moveLocks(market, proposal, -1n)
  const fee = feeFor(proposal, storedEpochs)
  addTo(market.escrow, partyOf(proposal.client), -fee)
  addTo(market.escrow, partyOf(proposal.provider), fee)
  if (!isSlashed) return
  addTo(market.escrow, partyOf(proposal.provider), -proposal.providerCollateral)
  state.actors.get(MARKET)!.balance -= proposal.providerCollateral
}
