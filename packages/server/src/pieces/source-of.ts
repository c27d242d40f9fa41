import type { Piece } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import type { Config } from '../config.ts'
import { pieceUrl, signLink } from './signed-links.ts'

interface Components {
  config: Pick<Config, 'PUBLIC_URL' | 'PIECE_DOWNLOADS'>
  pieceLinkSecret: Uint8Array
}

/** Where a piece is downloaded, until `end`. */
export function sourceOf({ config, pieceLinkSecret }: Components, piece: Pick<Piece, 'root'>, end: Date): string {
  const link = config.PIECE_DOWNLOADS === 'signed' ? signLink(pieceLinkSecret, piece, end) : undefined
  return pieceUrl(config.PUBLIC_URL, String(pieceCidV1(piece)), link)
}
