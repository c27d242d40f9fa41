import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Piece } from '@keepsake/content/piece/piece.ts'
import { KeepsakeError } from '../errors.ts'

/** What a signed link carries beside the piece CID. It is for the piece, whichever version of its CID the link names. */
export interface LinkSignature {
  /** When the link ends, in seconds since 1970. */
  expires: number
  signature: string
}

function mac(secret: Uint8Array, { root }: Pick<Piece, 'root'>, expires: number): string {
  return createHmac('sha256', secret).update(`piece\0${expires}\0`).update(root).digest('base64url')
}

export function signLink(secret: Uint8Array, piece: Pick<Piece, 'root'>, end: Date): LinkSignature {
  const expires = Math.ceil(end.getTime() / 1000)
  return { expires, signature: mac(secret, piece, expires) }
}

/** @throws KeepsakeError `ERROR_LINK_INVALID` for a link that was not signed here for this piece, `ERROR_LINK_EXPIRED` */
export function checkLink(
  secret: Uint8Array,
  piece: Pick<Piece, 'root'>,
  given: { expires?: unknown; signature?: unknown },
  now: Date,
): void {
  const expires = /^[1-9]\d{0,11}$/.test(String(given.expires)) ? Number(given.expires) : Number.NaN
  // As text: bytes have several spellings in base64, and a link has one.
  const signature = Buffer.from(String(given.signature))
  const expected = Buffer.from(mac(secret, piece, expires))
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected))
    throw new KeepsakeError('ERROR_PIECE_LINK', 'This server gives pieces only by links its operator signed, and this is none.')
  if (expires * 1000 <= now.getTime())
    throw new KeepsakeError(
      'ERROR_LINK_EXPIRED',
      `This link ended at ${new Date(expires * 1000).toISOString()}. Ask for a new one.`,
    )
}

/** The address of a piece, for whoever is to download it. */
export function pieceUrl(publicUrl: string, pieceCid: string, link: LinkSignature | undefined): string {
  const url = new URL(`/piece/${pieceCid}`, publicUrl)
  if (link) {
    url.searchParams.set('expires', String(link.expires))
    url.searchParams.set('signature', link.signature)
  }
  return url.href
}
