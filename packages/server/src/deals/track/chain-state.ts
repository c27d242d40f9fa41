import type { DealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { dealProposalCid, decodeClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { decodeInitState, resolveAddress } from '@keepsake/filecoin/actors/init.ts'
import type { MarketState } from '@keepsake/filecoin/actors/market.ts'
import { decodeMarketState } from '@keepsake/filecoin/actors/market.ts'
import type { Address } from '@keepsake/filecoin/address.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import type { GetBlock } from '@keepsake/filecoin/blocks.ts'
import { requireBlock } from '@keepsake/filecoin/blocks.ts'
import { ChainFormatError } from '@keepsake/filecoin/errors.ts'
import { findActor } from '@keepsake/filecoin/state-tree.ts'
import { CID } from 'multiformats/cid'
import type { TrackedDeal } from './store.ts'

const initActor = idAddress(1)
const marketActor = idAddress(5)

/** CID of the state of an actor. @throws ChainFormatError `BLOCK_NOT_FOUND` where there is no such actor */
async function headOf(get: GetBlock, root: CID, id: Address): Promise<CID> {
  const actor = await findActor(get, root, id)
  if (!actor) throw new ChainFormatError('BLOCK_NOT_FOUND', `The chain has no actor ${formatAddress(id)}.`)
  return actor.head
}

/** The state of the market, with the CID it has. */
export interface Market extends MarketState {
  cid: CID
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT` where the market is of a version that is not known here; `BLOCK_NOT_FOUND` */
export async function marketAt(get: GetBlock, root: CID): Promise<Market> {
  const cid = await headOf(get, root, marketActor)
  return await readMarket(get, cid)
}

export async function readMarket(get: GetBlock, cid: CID): Promise<Market> {
  return { cid, ...decodeMarketState(requireBlock(cid, await get(cid))) }
}

/** Finds the CID under which the market keeps a proposal: there every address is a number, whatever the client signed with. */
export type CidOnChain = (deal: Pick<TrackedDeal, 'proposal' | 'proposalCid'>) => Promise<string | undefined>

/** Addresses are looked up in the state at `root`. A deal whose client the chain has not seen yet has no such CID. */
export function cidsOnChain(get: GetBlock, root: CID): CidOnChain {
  const numbers = new Map<string, Promise<Address | undefined>>()
  const lookUp = async (address: Address): Promise<Address | undefined> => {
    const head = await headOf(get, root, initActor)
    return await resolveAddress(get, decodeInitState(requireBlock(head, await get(head))), address)
  }
  const numberOf = (address: Address): Promise<Address | undefined> => {
    const key = formatAddress(address)
    const known = numbers.get(key) ?? lookUp(address)
    numbers.set(key, known)
    return known
  }
  return async ({ proposal: signed, proposalCid }) => {
    // Of one that was made elsewhere there may be the CID alone.
    if (signed === null) return CID.decode(proposalCid).toString()
    const { proposal } = decodeClientDealProposal(signed)
    const [client, provider] = [await numberOf(proposal.client), await numberOf(proposal.provider)]
    if (!client || !provider) return undefined
    return dealProposalCid({ ...proposal, client, provider } satisfies DealProposal).toString()
  }
}
