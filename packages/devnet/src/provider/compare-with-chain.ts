import { isSameAddress, parseAddress } from '@keepsake/filecoin/address.ts'
import { chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import { RpcError } from '@keepsake/filecoin/rpc/errors.ts'
import { cid, object, string, whole } from '@keepsake/filecoin/rpc/json.ts'
import type { HeldDeal } from './held-deals.ts'
import { minerOf, type ProviderParts, piecePath, proposalOf } from './parts.ts'
import { removePiece } from './stored-piece.ts'

/** What the chain says of a deal; undefined where it has none of that number, or another. */
interface OnChain {
  isActive: boolean
  isSlashed: boolean
  sector: number | undefined
}

async function findOnChain({ rpc, ...parts }: ProviderParts, deal: HeldDeal, signal: AbortSignal): Promise<OnChain | undefined> {
  let answer: unknown
  try {
    answer = await rpc.call('StateMarketStorageDeal', [deal.dealId, null], { signal })
  } catch (error) {
    if (error instanceof RpcError && error.code === 'REFUSED') return undefined
    throw error
  }
  const { Proposal, State } = object(answer)
  const said = object(Proposal)
  const { pieceCid, startEpoch } = proposalOf(deal).proposal
  const isOurs =
    cid(said.PieceCID).equals(pieceCid) &&
    whole(said.StartEpoch) === startEpoch &&
    isSameAddress(parseAddress(string(said.Provider)), minerOf(parts))
  if (!isOurs) return undefined
  const state = object(State)
  const isActive = whole(state.SectorStartEpoch) >= 0
  return { isActive, isSlashed: whole(state.SlashEpoch) >= 0, sector: isActive ? whole(state.SectorNumber) : undefined }
}

/**
 * Brings what is written here in line with the chain, which may have changed its mind (a reorganisation) or have ended the deal. Never the other way
 * round: a deal that the chain forgot is published again.
 */
export async function compareWithChain(parts: ProviderParts, deal: HeldDeal, signal: AbortSignal): Promise<void> {
  const { rpc, deals, tell } = parts
  const { endEpoch, startEpoch } = proposalOf(deal).proposal
  const { height } = await chainHead(rpc, { signal })
  const found = await findOnChain(parts, deal, signal)
  if (height >= endEpoch) return await end(parts, deal, 'It ran its time.')
  if (found?.isSlashed) return await end(parts, deal, 'It was terminated.')
  if (!found && height >= startEpoch) return await end(parts, deal, 'The chain has it no more.')
  if (!found) {
    const { message: _, dealId: _id, ...rest } = deal
    tell(`deal ${deal.dealId} is not on the chain any more; it is published again`)
    return await deals.save({ ...rest, stage: 'stored' })
  }
  if (deal.stage === 'committed' && !found.isActive) {
    const { message: _, ...rest } = deal
    tell(`deal ${deal.dealId} is in no sector any more; it is put into one again`)
    return await deals.save({ ...rest, stage: 'published' })
  }
}

/** The bytes go with the last deal about them. */
async function end(parts: ProviderParts, deal: HeldDeal, reason: string): Promise<void> {
  const { deals, tell } = parts
  await deals.save({ ...deal, stage: 'ended', reason })
  tell(`deal ${deal.dealId} has ended: ${reason}`)
  const path = piecePath(parts, deal)
  const isNeeded = deals.list().some((other) => isHeld(other) && piecePath(parts, other) === path)
  if (!isNeeded) await removePiece(path)
}

/** Whether the bytes of a deal are to be kept. */
export function isHeld({ stage }: HeldDeal): boolean {
  return stage !== 'refused' && stage !== 'ended'
}
