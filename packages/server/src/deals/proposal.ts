import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import type { ClientDealProposal, DealLabel, DealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { encodeDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import type { Address } from '@keepsake/filecoin/address.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import type { Signer } from '@keepsake/filecoin/signature.ts'
import { CID } from 'multiformats/cid'
import type { DealRules } from './rules.ts'

/** What a deal is about. */
export interface DealSubject {
  pieceRoot: Uint8Array
  pieceHeight: number
  /** The directory of everything in the aggregate. */
  root: Uint8Array | null
  /** Number of the storage provider's actor. */
  actorId: number
}

/** Longest label the chain takes (FIP-0027). */
const maxLabelBytes = 256

function labelOf({ root, pieceRoot }: DealSubject, rules: Pick<DealRules, 'label'>): DealLabel {
  const cid = rules.label === 'root' && root ? CID.decode(root) : pieceCidV1({ root: pieceRoot })
  const bytes = new TextEncoder().encode(cid.toString())
  if (bytes.length > maxLabelBytes) throw new RangeError(`The label would have ${bytes.length} bytes; at most ${maxLabelBytes}.`)
  return { isText: true, bytes }
}

interface Terms {
  subject: DealSubject
  client: Address
  /** Now. */
  epoch: number
  /** The least the chain takes from the provider, in attoFIL. */
  minCollateral: bigint
  rules: DealRules
}

/** What is offered: price 0, from as late as the provider may begin, for as long as the rules say. */
export function proposalFor({ subject, client, epoch, minCollateral, rules }: Terms): DealProposal {
  const startEpoch = epoch + rules.startEpochs
  return {
    pieceCid: pieceCidV1({ root: subject.pieceRoot }),
    pieceSizeBytes: paddedBytes(subject.pieceHeight),
    verifiedDeal: rules.isVerified,
    client,
    provider: idAddress(subject.actorId),
    label: labelOf(subject, rules),
    startEpoch,
    endEpoch: startEpoch + rules.durationEpochs,
    storagePricePerEpoch: 0n,
    // Rounded up: less than the minimum would be refused.
    providerCollateral: (minCollateral * BigInt(rules.collateralPercent) + 99n) / 100n,
    clientCollateral: 0n,
  }
}

export function signProposal(proposal: DealProposal, signer: Signer): ClientDealProposal {
  const proposalBytes = encodeDealProposal(proposal)
  return { proposal, proposalBytes, signature: signer.sign(proposalBytes) }
}

/**
 * Whether what was proposed before is what would be proposed now, but for when: then it is proposed again as it was, byte for byte, and the chain takes
 * it once however often it is published.
 */
export function isStillRight(old: DealProposal, now: DealProposal, leastStart: number, minCollateral: bigint): boolean {
  const same: DealProposal = {
    ...now,
    startEpoch: old.startEpoch,
    endEpoch: old.startEpoch + (now.endEpoch - now.startEpoch),
    providerCollateral: old.providerCollateral,
  }
  const isSame = Buffer.compare(encodeDealProposal(old), encodeDealProposal(same)) === 0
  return isSame && old.startEpoch >= leastStart && old.providerCollateral >= minCollateral
}
