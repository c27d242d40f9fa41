import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import { parsePieceCidText, pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import {
  type ClientDealProposal,
  dealProposalCid,
  decodeClientDealProposal,
  verifyClientDealProposal,
} from '@keepsake/filecoin/actors/deal-proposal.ts'
import { formatAddress, idAddress, idOf, isSameAddress } from '@keepsake/filecoin/address.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { accountKey, minerInfo } from '@keepsake/filecoin/rpc/state.ts'
import type { PendingProposal } from './portal.ts'

/** A proposal that this provider does not take, and why. */
export class UnfitProposal extends Error {
  override readonly name = 'UnfitProposal'
}

interface Terms {
  rpc: Rpc
  actorId: number
  epochNow: number
}

/** Less than this before the start there is no time to publish and seal. */
const minEpochsBeforeStart = 8

/**
 * Reads a proposal and checks what whoever proposes it could have wrong or lied about: whom it is for, its piece, its times, and that the client
 * signed it. Prices are the client's to offer; this provider takes any.
 *
 * @throws UnfitProposal
 */
export async function checkProposal(
  pending: PendingProposal,
  { rpc, actorId, epochNow }: Terms,
  signal: AbortSignal,
): Promise<ClientDealProposal> {
  const signed = decode(pending)
  const { proposal } = signed
  const own = idAddress(actorId)
  if (!isSameAddress(proposal.provider, own))
    throw new UnfitProposal(`It is for ${formatAddress(proposal.provider)}, and this is ${formatAddress(own)}.`)
  checkPiece(pending, signed, (await minerInfo(rpc, own, { signal })).sectorSizeBytes)
  if (proposal.startEpoch < epochNow + minEpochsBeforeStart)
    throw new UnfitProposal(`It starts in epoch ${proposal.startEpoch}; it is ${epochNow}, too late to have it sealed by then.`)
  if (proposal.endEpoch <= proposal.startEpoch) throw new UnfitProposal('It ends before it begins.')
  const client = idOf(proposal.client) === undefined ? proposal.client : await accountKey(rpc, proposal.client, { signal })
  if (!verifyClientDealProposal(signed, client)) throw new UnfitProposal('The signature is not that of the client it names.')
  return signed
}

function decode({ signedProposal, proposalCid }: PendingProposal): ClientDealProposal {
  let signed: ClientDealProposal
  try {
    signed = decodeClientDealProposal(signedProposal)
  } catch (cause) {
    throw new UnfitProposal(`It cannot be read: ${(cause as Error).message}`, { cause })
  }
  const found = dealProposalCid(signed.proposal).toString()
  if (found !== proposalCid) throw new UnfitProposal(`It is proposal ${found}, not ${proposalCid}.`)
  return signed
}

function checkPiece({ pieceCidV2 }: PendingProposal, { proposal }: ClientDealProposal, sectorSizeBytes: number): void {
  const parsed = parsePieceCidText(pieceCidV2)
  if (parsed.version !== 2) throw new UnfitProposal(`${pieceCidV2} does not say how long the piece is.`)
  const { piece } = parsed
  if (!pieceCidV1(piece).equals(proposal.pieceCid) || paddedBytes(piece.height) !== proposal.pieceSizeBytes)
    throw new UnfitProposal(
      `The deal is about ${proposal.pieceCid} of ${proposal.pieceSizeBytes} bytes, which is not ${pieceCidV2}.`,
    )
  if (proposal.pieceSizeBytes > sectorSizeBytes)
    throw new UnfitProposal(`A piece of ${proposal.pieceSizeBytes} bytes does not fit a sector of ${sectorSizeBytes}.`)
}
