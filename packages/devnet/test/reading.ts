import { type DealProposal, decodeDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { type DealState, decodeDealState, decodeMarketState } from '@keepsake/filecoin/actors/market.ts'
import { decodeMinerState, findSectorPlace, type SectorPlace } from '@keepsake/filecoin/actors/miner.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { findInAmt } from '@keepsake/filecoin/amt.ts'
import type { GetBlock } from '@keepsake/filecoin/blocks.ts'
import { blocksOf, chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { findActor } from '@keepsake/filecoin/state-tree.ts'
import type { CID } from 'multiformats/cid'

/** A deal as it stands in a state, read block by block as from any Filecoin node. */
export async function dealIn(get: GetBlock, root: CID, dealId: number): Promise<{ proposal?: DealProposal; state?: DealState }> {
  const actor = await findActor(get, root, idAddress(5))
  const market = decodeMarketState((await get(actor!.head))!)
  const proposal = await findInAmt(get, market.proposals, dealId)
  const state = await findInAmt(get, market.states, dealId)
  return {
    ...(proposal && { proposal: decodeDealProposal(proposal) }),
    ...(state && { state: decodeDealState(state, market.layout) }),
  }
}

/** Where and how a sector stands in a state, read in the same way. */
export async function sectorIn(get: GetBlock, root: CID, provider: number, sector: number): Promise<SectorPlace | undefined> {
  const actor = await findActor(get, root, idAddress(provider))
  return await findSectorPlace(get, decodeMinerState((await get(actor!.head))!), sector)
}

async function stateOf(rpc: Rpc): Promise<CID> {
  const { blocks } = await chainHead(rpc)
  return blocks[0]!.parentStateRoot
}

export async function readDeal(rpc: Rpc, dealId: number): ReturnType<typeof dealIn> {
  return await dealIn(blocksOf(rpc), await stateOf(rpc), dealId)
}

export async function readSector(rpc: Rpc, provider: number, sector: number): ReturnType<typeof sectorIn> {
  return await sectorIn(blocksOf(rpc), await stateOf(rpc), provider, sector)
}
