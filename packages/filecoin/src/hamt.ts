import { sha256 } from '@noble/hashes/sha2.js'
import type { CID } from 'multiformats/cid'
import { type GetBlock, requireBlock } from './blocks.ts'
import { CborReader } from './cbor/reader.ts'
import { ChainFormatError } from './errors.ts'

/** Bits of the hash that choose a child, most significant first. Every map of the chain has 5. */
export const bitWidth = 5
export const maxBucket = 3
/** A sha2-256 has 51 groups of 5 bits. */
export const maxDepth = Math.floor(256 / bitWidth)

export interface HamtEntry {
  key: Uint8Array
  /** The value's CBOR. A view. */
  value: Uint8Array
}

type Pointer = { link: CID } | { bucket: HamtEntry[] }

interface Node {
  /** Which of the 32 places are taken. */
  bitmap: number
  pointers: Pointer[]
}

function readEntry(reader: CborReader): HamtEntry {
  reader.readTuple(2, 'An entry of a HAMT')
  return { key: reader.readBytes(), value: reader.readRaw() }
}

function readBucket(reader: CborReader): Pointer {
  const length = reader.readArray()
  if (length === 0 || length > maxBucket) throw new ChainFormatError('INVALID_NODE', `A bucket of a HAMT with ${length} entries.`)
  return { bucket: Array.from({ length }, () => readEntry(reader)) }
}

/** Since actors v3 a pointer is its own kind; before, it was a map with the key "0" for a link and "1" for a bucket. */
function readPointer(reader: CborReader): Pointer {
  if (reader.isLink()) return { link: reader.readCid() }
  if (!reader.isMap()) return readBucket(reader)
  const pairs = reader.readMap()
  const key = String.fromCharCode(...reader.readText())
  if (pairs !== 1 || (key !== '0' && key !== '1'))
    throw new ChainFormatError('INVALID_NODE', 'A pointer of a HAMT is a link or a bucket.')
  return key === '0' ? { link: reader.readCid() } : readBucket(reader)
}

function readBitmap(bytes: Uint8Array): number {
  if (bytes.length > 4) throw new ChainFormatError('INVALID_NODE', `A node of a HAMT with a bit map of ${bytes.length} bytes.`)
  return bytes.reduce((value, byte) => ((value << 8) | byte) >>> 0, 0)
}

export function countBits(bitmap: number): number {
  let count = 0
  for (let rest = bitmap; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++
  return count
}

function decodeNode(bytes: Uint8Array): Node {
  const reader = new CborReader(bytes)
  reader.readTuple(2, 'A node of a HAMT')
  const bitmap = readBitmap(reader.readBytes())
  const length = reader.readArray()
  if (length !== countBits(bitmap)) {
    throw new ChainFormatError('INVALID_NODE', `A node of a HAMT with ${countBits(bitmap)} bits and ${length} pointers.`)
  }
  const pointers = Array.from({ length }, () => readPointer(reader))
  reader.expectEnd()
  return { bitmap, pointers }
}

/** The place, of 32, that a key's hash chooses on a level. */
export function placeOf(hash: Uint8Array, level: number): number {
  let place = 0
  for (let bit = level * bitWidth; bit < (level + 1) * bitWidth; bit++) {
    place = (place << 1) | (((hash[bit >> 3] as number) >> (7 - (bit & 7))) & 1)
  }
  return place
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number)
  return a.length - b.length
}

/**
 * The value of a key, as CBOR; undefined where the map has none.
 *
 * @throws ChainFormatError `BLOCK_NOT_FOUND` for a node that is not there, `INVALID_NODE`, `INVALID_CBOR`
 */
export async function findInHamt(get: GetBlock, root: CID, key: Uint8Array): Promise<Uint8Array | undefined> {
  const hash = sha256(key)
  let cid = root
  for (let level = 0; level < maxDepth; level++) {
    const { bitmap, pointers } = decodeNode(requireBlock(cid, await get(cid)))
    const bit = (1 << placeOf(hash, level)) >>> 0
    if ((bitmap & bit) >>> 0 === 0) return undefined
    const pointer = pointers[countBits((bitmap & (bit - 1)) >>> 0)] as Pointer
    if ('bucket' in pointer) return pointer.bucket.find((entry) => compareBytes(entry.key, key) === 0)?.value
    cid = pointer.link
  }
  throw new ChainFormatError('INVALID_NODE', `A HAMT of more than ${maxDepth} levels.`)
}

export interface WalkOptions {
  /** Told the CID of a node that is not there, which is then passed over. Without it that is an error. */
  onMissing?: (cid: CID) => void
}

/** Every entry, in the order of the hashes of the keys. @throws as `findInHamt` */
export async function* hamtEntries(get: GetBlock, root: CID, options: WalkOptions = {}, level = 0): AsyncGenerator<HamtEntry> {
  if (level >= maxDepth) throw new ChainFormatError('INVALID_NODE', `A HAMT of more than ${maxDepth} levels.`)
  const bytes = await get(root)
  if (bytes === undefined && options.onMissing) return options.onMissing(root)
  for (const pointer of decodeNode(requireBlock(root, bytes)).pointers) {
    if ('bucket' in pointer) yield* pointer.bucket
    else yield* hamtEntries(get, pointer.link, options, level + 1)
  }
}
