import type { AbortOptions } from '@keepsake/content/block.ts'
import { type Piece, paddedBytes } from '@keepsake/content/piece/piece.ts'
import { type ParsedPieceCid, parsePieceCidText, pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import { KeepsakeError } from '../errors.ts'

/** A piece whose bytes can be had here. */
export interface PieceFile {
  piece: Piece
  /** Whether it is one CAR, or something else that providers store as it is. */
  format: 'car' | 'segments'
  /** Streams a range of its data in order, with flat memory. */
  stream(offset: number, length: number, options?: AbortOptions): AsyncIterable<Uint8Array>
}

/** Somewhere pieces are. */
export interface PieceSource {
  /** A piece with this root, of any length; undefined where there is none. */
  findByRoot(root: Uint8Array): Promise<PieceFile | undefined>
}

/**
 * The piece a person asked for by a piece CID of either version.
 *
 * @throws KeepsakeError `ERROR_INVALID_CID` for what is no piece CID, `NOT_FOUND`
 */
export async function getPiece(source: PieceSource, text: string): Promise<PieceFile> {
  const wanted = parse(text)
  const root = wanted.version === 1 ? wanted.root : wanted.piece.root
  const file = await source.findByRoot(root)
  if (!file || !isWanted(wanted, file.piece)) throw new KeepsakeError('NOT_FOUND', `There is no piece ${text} here.`)
  return file
}

function parse(text: string): ParsedPieceCid {
  try {
    return parsePieceCidText(text)
  } catch (cause) {
    throw new KeepsakeError('ERROR_INVALID_CID', `${JSON.stringify(text)} is not the CID of a piece.`, { cause })
  }
}

/** Version 2 says how long the data is; the same root can be that of a longer or shorter one. */
function isWanted(wanted: ParsedPieceCid, { height, payloadBytes }: Piece): boolean {
  return wanted.version === 1 || (wanted.piece.height === height && wanted.piece.payloadBytes === payloadBytes)
}

/** What providers call the file: by the piece CID that deals name. */
export function fileNameOf({ piece, format }: PieceFile): string {
  return `${pieceCidV1(piece)}.${format === 'car' ? 'car' : 'data'}`
}

/** What tells whether a download is whole: the piece CIDs are its checksum. */
export function pieceHeaders({ piece }: PieceFile): Record<string, string> {
  return {
    'x-piece-cid': String(pieceCidV1(piece)),
    'x-piece-cid-v2': String(pieceCidV2(piece)),
    'x-piece-size': String(paddedBytes(piece.height)),
  }
}
