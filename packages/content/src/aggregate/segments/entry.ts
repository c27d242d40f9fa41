import { sha256 as sha256Portable } from '@noble/hashes/sha2.js'
import { nodeCrypto, opensslHash } from '../../hash/node-crypto.ts'
import { NODE_BYTES } from '../../piece/hash-pairs.ts'
import { MAX_PIECE_HEIGHT, MIN_PIECE_HEIGHT, paddedBytes } from '../../piece/piece.ts'

/** Bytes of an entry of the index in padded form: two leaves. */
export const ENTRY_BYTES = 64

const OFFSET_AT = 32
const SIZE_AT = 40
const CHECKSUM_AT = 48
const CHECKSUM_BYTES = 16

/** What the index says of a segment. Offsets and sizes are of the padded form, as in FRC-0058. */
export interface SegmentEntry {
  /** The segment's own piece commitment. */
  root: Uint8Array
  /** Levels of the segment above its leaves: it takes `paddedBytes(height)`. */
  height: number
  /** Of the segment in the aggregate: a multiple of its size. */
  offset: number
}

/** An entry as it stands in the index, padded. */
export function encodeEntry({ root, height, offset }: SegmentEntry): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES)
  const view = new DataView(bytes.buffer)
  bytes.set(root)
  view.setBigUint64(OFFSET_AT, BigInt(offset), true)
  view.setBigUint64(SIZE_AT, BigInt(paddedBytes(height)), true)
  bytes.set(checksumOf(bytes), CHECKSUM_AT)
  return bytes
}

/**
 * Reads an entry that anybody may have written. Undefined where it is none: all zeros, a checksum that is wrong, a size that no piece has, an offset
 * that is no multiple of it. That what it says is true has to be shown by other means.
 */
export function decodeEntry(bytes: Uint8Array): SegmentEntry | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, ENTRY_BYTES)
  const size = view.getBigUint64(SIZE_AT, true)
  const offset = view.getBigUint64(OFFSET_AT, true)
  const height = heightOfSize(size)
  if (height === undefined || offset % size !== 0n || offset > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  if (bytes[NODE_BYTES - 1]! > 0x3f) return undefined
  const checksum = checksumOf(bytes.subarray(0, ENTRY_BYTES))
  if (checksum.some((byte, at) => byte !== bytes[CHECKSUM_AT + at])) return undefined
  return { root: bytes.slice(0, NODE_BYTES), height, offset: Number(offset) }
}

function heightOfSize(size: bigint): number | undefined {
  for (let height = MIN_PIECE_HEIGHT; height <= MAX_PIECE_HEIGHT; height++) {
    if (BigInt(paddedBytes(height)) === size) return height
  }
  return undefined
}

/** The first bytes of the hash of the entry without checksum, made to fit the field. */
function checksumOf(entry: Uint8Array): Uint8Array {
  const bare = entry.slice()
  bare.fill(0, CHECKSUM_AT)
  const hash = nodeCrypto === undefined ? sha256Portable(bare) : opensslHash(nodeCrypto, 'sha256', bare)
  const checksum = hash.slice(0, CHECKSUM_BYTES)
  checksum[CHECKSUM_BYTES - 1]! &= 0x3f
  return checksum
}
