import { join } from 'node:path'
import type { Piece } from '@keepsake/content/piece/piece.ts'
import { parsePieceCidText, pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { type ClientDealProposal, decodeClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { type Address, idAddress } from '@keepsake/filecoin/address.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import type { HeldDeal, HeldDeals } from './held-deals.ts'
import type { KeptMood } from './mood.ts'
import type { Outbox } from './outbox.ts'
import type { Portal } from './portal.ts'

/** Says what happens, for whoever watches. */
export type Tell = (message: string) => void

/** What every step of a provider's work has at hand. */
export interface ProviderParts {
  /** The number in f01234. */
  actorId: number
  rpc: Rpc
  portal: Portal
  outbox: Outbox
  deals: HeldDeals
  mood: KeptMood
  /** Folder of the pieces. */
  piecesDirectory: string
  tell: Tell
}

export function minerOf({ actorId }: Pick<ProviderParts, 'actorId'>): Address {
  return idAddress(actorId)
}

export function proposalOf(deal: HeldDeal): ClientDealProposal {
  return decodeClientDealProposal(Buffer.from(deal.signedProposal, 'base64'))
}

/** The piece of a deal, as the CID of version 2 says it. */
export function pieceOf({ pieceCidV2 }: Pick<HeldDeal, 'pieceCidV2'>): Piece {
  const parsed = parsePieceCidText(pieceCidV2)
  if (parsed.version !== 2) throw new TypeError(`${pieceCidV2} does not say how long the piece is.`)
  return parsed.piece
}

/** Where the file of a deal's piece lies; deals about the same piece share it. */
export function piecePath(
  { piecesDirectory }: Pick<ProviderParts, 'piecesDirectory'>,
  deal: Pick<HeldDeal, 'pieceCidV2'>,
): string {
  return join(piecesDirectory, String(pieceCidV1(pieceOf(deal))))
}
