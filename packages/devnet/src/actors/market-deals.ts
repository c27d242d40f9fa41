import { type DealProposal, dealProposalCid, decodeDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { type DealState, decodeDealState, encodeDealState } from '@keepsake/filecoin/actors/market.ts'
import { formatAddress, readAddress } from '@keepsake/filecoin/address.ts'
import { decodeAll } from '@keepsake/filecoin/cbor/reader.ts'
import type { PieceManifest } from '../messages/prove-commit.ts'
import { addTo } from '../state/balances.ts'
import { lookAt, type MarketActor, partyOf } from '../state/market.ts'
import { type ChainState, findId, MARKET, touch } from '../state/state.ts'
import type { Execution } from './execution.ts'
import { exit, require } from './exit.ts'
import { settle } from './market-funds.ts'

export function findProposal({ proposals }: MarketActor, dealId: number): DealProposal | undefined {
  const bytes = proposals.get(dealId)
  return bytes && decodeDealProposal(bytes)
}

function findDealState({ states }: MarketActor, dealId: number): DealState | undefined {
  const bytes = states.get(dealId)
  return bytes && decodeDealState(bytes, 'v13')
}

/** Method 2 of the market: money for deals of whoever is named, which came with the message. */
export function addBalance({ state }: Execution, params: Uint8Array, value: bigint): Uint8Array {
  const address = decodeAll(params, readAddress)
  const id = findId(state, address)
  require(id !== undefined, exit.illegalArgument, `There is no actor ${formatAddress(address)}.`)
  addTo(state.market.escrow, id, value)
  touch(state, MARKET)
  return new Uint8Array()
}

/** What a deal and the sector it is to be in have to say of each other. */
export interface Activation {
  provider: number
  sector: number
  sectorExpiration: number
  piece: Pick<PieceManifest, 'pieceCid' | 'pieceSizeBytes'>
  dealId: number
}

/** @throws ActorExit where the deal cannot become active by this sector */
export function checkActivation({ state, epoch }: Execution, activation: Activation): void {
  const { provider, sectorExpiration, piece, dealId } = activation
  const proposal = findProposal(state.market, dealId)
  require(proposal !== undefined, exit.notFound, `There is no deal ${dealId}.`)
  require(partyOf(proposal.provider) === provider, exit.forbidden, `Deal ${dealId} is with another provider.`)
  require(!state.market.states.get(dealId), exit.illegalArgument, `Deal ${dealId} is active already.`)
  const isSame = proposal.pieceCid.equals(piece.pieceCid) && proposal.pieceSizeBytes === piece.pieceSizeBytes
  require(isSame, exit.illegalArgument, `Deal ${dealId} is about another piece.`)
  require(epoch <= proposal.startEpoch, exit.illegalArgument, `Deal ${dealId} was to begin at epoch ${proposal.startEpoch}.`)
  const outlives = sectorExpiration >= proposal.endEpoch
  require(outlives, exit.illegalArgument, `Deal ${dealId} ends after its sector, which expires at epoch ${sectorExpiration}.`)
}

export function activate({ state, epoch }: Execution, { provider, sector, dealId }: Activation): void {
  const { market } = state
  market.states.set(dealId, encodeDealState({ sector, sectorStartEpoch: epoch, lastUpdatedEpoch: -1, slashEpoch: -1 }))
  const sectors = market.sectorDeals.get(provider) ?? new Map<number, number[]>()
  sectors.set(sector, [...(sectors.get(sector) ?? []), dealId])
  market.sectorDeals.set(provider, sectors)
  touch(state, MARKET)
}

/** Deals in a sector, in the order of its pieces. */
export function dealsOf({ market }: ChainState, provider: number, sector: number): readonly number[] {
  return market.sectorDeals.get(provider)?.get(sector) ?? []
}

/** Ends the deals of sectors that are no more: they are slashed, and paid up to now. */
export function terminateDeals(execution: Execution, provider: number, sectors: Iterable<number>): void {
  const { state, epoch, rules } = execution
  const { market } = state
  for (const sector of sectors) {
    for (const dealId of dealsOf(state, provider, sector)) {
      const proposal = findProposal(market, dealId)!
      const dealState = findDealState(market, dealId)!
      if (epoch >= proposal.endEpoch) continue
      market.states.set(dealId, encodeDealState({ ...dealState, lastUpdatedEpoch: epoch, slashEpoch: epoch }))
      settle(state, proposal, epoch - Math.max(proposal.startEpoch, dealState.sectorStartEpoch), true)
      market.pending.delete(dealProposalCid(proposal).toString())
      lookAt(market, dealId, epoch + rules.slashedKeptEpochs)
    }
    removeSector(market, provider, sector)
  }
  touch(state, MARKET)
}

function removeSector({ sectorDeals }: MarketActor, provider: number, sector: number): void {
  const sectors = sectorDeals.get(provider)
  sectors?.delete(sector)
  if (sectors?.size === 0) sectorDeals.delete(provider)
}

/** What the market does at the end of every epoch. */
export function marketCron({ state, epoch, rules }: Pick<Execution, 'state' | 'epoch' | 'rules'>): void {
  const { market } = state
  const due = market.due.get(epoch)
  if (!due) return
  market.due.delete(epoch)
  for (const dealId of due) {
    const proposal = findProposal(market, dealId)
    if (proposal) lookAfter(state, dealId, proposal, epoch, rules.slashedKeptEpochs)
  }
  market.lastCron = epoch
  touch(state, MARKET)
}

function lookAfter(state: ChainState, dealId: number, proposal: DealProposal, epoch: number, slashedKeptEpochs: number): void {
  const { market } = state
  const dealState = findDealState(market, dealId)
  // From its start on nobody can publish it again: its time has come.
  if (epoch >= proposal.startEpoch) market.pending.delete(dealProposalCid(proposal).toString())
  if (!dealState) {
    if (epoch < proposal.startEpoch) return
    settle(state, proposal, 0, true)
    removeDeal(market, dealId)
  } else if (dealState.slashEpoch >= 0) {
    if (epoch >= dealState.slashEpoch + slashedKeptEpochs) removeDeal(market, dealId)
  } else if (epoch >= proposal.endEpoch) {
    settle(state, proposal, proposal.endEpoch - proposal.startEpoch, false)
    removeDeal(market, dealId)
    removeFromSector(market, partyOf(proposal.provider), dealState.sector!, dealId)
  }
}

function removeDeal(market: MarketActor, dealId: number): void {
  market.proposals.delete(dealId)
  market.states.delete(dealId)
}

function removeFromSector(market: MarketActor, provider: number, sector: number, dealId: number): void {
  const sectors = market.sectorDeals.get(provider)
  const left = sectors?.get(sector)?.filter((other) => other !== dealId) ?? []
  if (left.length > 0) sectors?.set(sector, left)
  else removeSector(market, provider, sector)
}
