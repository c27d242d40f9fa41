import { varint } from 'multiformats'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { ContentError } from '../errors.ts'
import { RAW } from '../hash/cid.ts'
import { LEAF_BYTES } from './fr32.ts'
import { NODE_BYTES } from './hash-pairs.ts'
import { capacityBytes, MAX_PIECE_HEIGHT, MIN_PIECE_HEIGHT, type Piece } from './piece.ts'

/** Codec of a piece in version 1: `fil-commitment-unsealed`. */
const FIL_COMMITMENT_UNSEALED = 0xf101
/** Hash of a piece in version 1: `sha2-256-trunc254-padded`. */
const SHA2_256_TRUNC254_PADDED = 0x1012
/** Hash of a piece in version 2: `fr32-sha256-trunc254-padded-binary-tree`. */
const FR32_SHA2_256_TREE = 0x1011

/** What a piece CID says. Version 1 is the bare root: how large the piece is has to be known from elsewhere. */
export type ParsedPieceCid = { version: 1; root: Uint8Array } | { version: 2; piece: Piece }

/** `baga6ea4sea...`: the root alone, as deals name it. */
export function pieceCidV1(piece: Pick<Piece, 'root'>): CID {
  return CID.createV1(FIL_COMMITMENT_UNSEALED, Digest.create(SHA2_256_TRUNC254_PADDED, piece.root))
}

/** `bafkzcib...`: root, height and how much of the piece is data. (FRC-0069.) */
export function pieceCidV2({ root, height, payloadBytes }: Piece): CID {
  const padding = capacityBytes(height) - payloadBytes
  const digest = new Uint8Array(varint.encodingLength(padding) + 1 + NODE_BYTES)
  varint.encodeTo(padding, digest)
  digest[digest.length - NODE_BYTES - 1] = height
  digest.set(root, digest.length - NODE_BYTES)
  return CID.createV1(RAW, Digest.create(FR32_SHA2_256_TREE, digest))
}

/**
 * Reads a piece CID of either version.
 *
 * @throws {ContentError} `INVALID_INPUT` for a CID that does not name a piece, or says what cannot be of one.
 */
export function parsePieceCid(cid: CID): ParsedPieceCid {
  const { code, digest } = cid.multihash
  if (cid.code === FIL_COMMITMENT_UNSEALED && code === SHA2_256_TRUNC254_PADDED) {
    refuseRoot(cid, digest)
    return { version: 1, root: digest }
  }
  if (cid.code === RAW && code === FR32_SHA2_256_TREE) return { version: 2, piece: pieceOfDigest(cid, digest) }
  throw new ContentError('INVALID_INPUT', `${cid} is not the CID of a piece.`)
}

/** `parsePieceCid` for text, as it comes from people. */
export function parsePieceCidText(text: string): ParsedPieceCid {
  let cid: CID
  try {
    cid = CID.parse(text)
  } catch (cause) {
    throw new ContentError('INVALID_INPUT', `${JSON.stringify(text)} is not the CID of a piece.`, { cause })
  }
  return parsePieceCid(cid)
}

function pieceOfDigest(cid: CID, digest: Uint8Array): Piece {
  const [padding, paddingBytes] = decodePadding(cid, digest)
  const height = digest[paddingBytes] ?? 0
  const root = digest.subarray(paddingBytes + 1)
  refuseRoot(cid, root)
  if (height < MIN_PIECE_HEIGHT || height > MAX_PIECE_HEIGHT)
    throw new ContentError(
      'INVALID_INPUT',
      `${cid} names a piece of height ${height}; there are ${MIN_PIECE_HEIGHT} to ${MAX_PIECE_HEIGHT}.`,
    )
  const payloadBytes = capacityBytes(height) - padding
  if (payloadBytes < 0) throw new ContentError('INVALID_INPUT', `${cid} names a piece with more padding than it has room for.`)
  return { root, height, payloadBytes }
}

function decodePadding(cid: CID, digest: Uint8Array): [number, number] {
  try {
    const [padding, bytes] = varint.decode(digest)
    if (varint.encodingLength(padding) === bytes) return [padding, bytes]
  } catch {
    // Told below.
  }
  throw new ContentError('INVALID_INPUT', `${cid} names a piece whose padding cannot be read.`)
}

function refuseRoot(cid: CID, root: Uint8Array): void {
  if (root.length !== LEAF_BYTES)
    throw new ContentError('INVALID_INPUT', `${cid} names a piece whose root is not ${LEAF_BYTES} bytes.`)
  if (root[LEAF_BYTES - 1]! > 0x3f)
    throw new ContentError('INVALID_INPUT', `${cid} names a piece whose root is not a number of the field.`)
}
