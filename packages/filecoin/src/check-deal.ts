import type { CID } from 'multiformats/cid'
import { decodeDealProposal } from './actors/deal-proposal.ts'
import { decodeDealState, decodeMarketState } from './actors/market.ts'
import { decodeMinerState, findSector, findSectorPlaces } from './actors/miner.ts'
import { formatAddress, idAddress, isSameAddress, parseAddress } from './address.ts'
import { findInAmt } from './amt.ts'
import { type GetBlock, requireBlock } from './blocks.ts'
import { findActor } from './state-tree.ts'

/** What somebody says of a piece: that a storage provider has it, by this deal. */
export interface DealClaim {
  dealId: number
  /** As `f01234`. */
  provider: string
  /** Version 1. */
  pieceCid: CID
  paddedBytes: number
}

/** What the state of the chain says of it. */
export interface DealFinding {
  /** `proving`: in a sector whose proofs are up to date. `active`, `published`: on the chain, and not that. `none`: not so. */
  standing: 'proving' | 'active' | 'published' | 'none'
  /** For people: why it is no more than that, or where it is proven. */
  text: string
  sector?: number
}

const marketActor = idAddress(5)

/**
 * Looks up a deal and its sector in the state of the chain. Nothing is believed but the root of that state: `get` gives blocks that were checked.
 *
 * @param epoch of the tipset whose parents' state it is
 * @throws ChainFormatError `BLOCK_NOT_FOUND`, `UNKNOWN_LAYOUT`
 */
export async function checkDeal(get: GetBlock, root: CID, epoch: number, claim: DealClaim): Promise<DealFinding> {
  const none = (text: string): DealFinding => ({ standing: 'none', text })
  const actor = await findActor(get, root, marketActor)
  if (!actor) return none('The chain has no storage market.')
  const market = decodeMarketState(requireBlock(actor.head, await get(actor.head)))
  const proposalBytes = await findInAmt(get, market.proposals, claim.dealId)
  if (!proposalBytes) return none(`The chain has no deal ${claim.dealId}.`)
  const proposal = decodeDealProposal(proposalBytes)
  if (!proposal.pieceCid.equals(claim.pieceCid) || proposal.pieceSizeBytes !== claim.paddedBytes)
    return none(`Deal ${claim.dealId} is about another piece: ${proposal.pieceCid}.`)
  if (!isSameAddress(proposal.provider, parseAddress(claim.provider)))
    return none(`Deal ${claim.dealId} is with ${formatAddress(proposal.provider)}.`)
  const stateBytes = await findInAmt(get, market.states, claim.dealId)
  const state = stateBytes && decodeDealState(stateBytes, market.layout)
  if (!state || state.sectorStartEpoch <= 0)
    return { standing: 'published', text: 'It is on the chain, and not in a sector yet.' }
  if (state.slashEpoch !== -1) return none(`It was given up at epoch ${state.slashEpoch}.`)
  if (proposal.endEpoch <= epoch) return none(`It ended at epoch ${proposal.endEpoch}.`)
  if (state.sector === undefined)
    return { standing: 'active', text: 'It is active; this version of the chain does not say in which sector.' }
  return await checkSector(get, root, { provider: claim.provider, sector: state.sector })
}

interface SectorClaim {
  provider: string
  sector: number
}

async function checkSector(get: GetBlock, root: CID, { provider, sector }: SectorClaim): Promise<DealFinding> {
  const active = (text: string): DealFinding => ({ standing: 'active', text, sector })
  const actor = await findActor(get, root, parseAddress(provider))
  if (!actor) return active(`It is active, but the chain has no storage provider ${provider}.`)
  const miner = decodeMinerState(requireBlock(actor.head, await get(actor.head)))
  const info = await findSector(get, miner, sector)
  const place = (await findSectorPlaces(get, miner, [{ sector }])).get(sector)
  if (!info || !place || place.isTerminated) return active(`It is active, but ${provider} has no sector ${sector} any more.`)
  const where = `sector ${sector} (deadline ${place.deadline}, partition ${place.partition})`
  if (place.isFaulty) return active(`It is active, but ${where} is faulty.`)
  if (place.isUnproven) return active(`It is active, and ${where} waits for its first proof.`)
  return { standing: 'proving', text: `Its ${where} is proving.`, sector }
}
