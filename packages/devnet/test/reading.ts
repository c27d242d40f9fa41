import { type DealProposal, decodeDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { type DealState, decodeDealState, decodeMarketState } from '@keepsake/filecoin/actors/market.ts'
import { decodeMinerState, findSectorPlace, type SectorPlace } from '@keepsake/filecoin/actors/miner.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { findInAmt } from '@keepsake/filecoin/amt.ts'
import { blocksOf, chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { findActor } from '@keepsake/filecoin/state-tree.ts'

/** A deal as anybody reads it from any Filecoin node: block by block from the state of the head, every hash checked. */
export async function readDeal(
  rpc: Rpc,
  dealId: number,
): Promise<{ proposal: DealProposal | undefined; state: DealState | undefined }> {
  const get = blocksOf(rpc)
  const { blocks } = await chainHead(rpc)
  const actor = await findActor(get, blocks[0]!.parentStateRoot, idAddress(5))
  const market = decodeMarketState((await get(actor!.head))!)
  const proposal = await findInAmt(get, market.proposals, dealId)
  const state = await findInAmt(get, market.states, dealId)
  return {
    proposal: proposal && decodeDealProposal(proposal),
    state: state && decodeDealState(state, market.layout),
  }
}

/** Where and how a sector stands, read in the same way. */
export async function readSector(rpc: Rpc, provider: number, sector: number): Promise<SectorPlace | undefined> {
  const get = blocksOf(rpc)
  const { blocks } = await chainHead(rpc)
  const actor = await findActor(get, blocks[0]!.parentStateRoot, idAddress(provider))
  return await findSectorPlace(get, decodeMinerState((await get(actor!.head))!), sector)
}
