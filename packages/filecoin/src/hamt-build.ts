import { sha256 } from '@noble/hashes/sha2.js'
import type { CID } from 'multiformats/cid'
import type { PutBlock } from './blocks.ts'
import { byteString, encode, link, type Piece, tuple } from './cbor/writer.ts'
import { ChainFormatError } from './errors.ts'
import { compareBytes, type HamtEntry, maxBucket, maxDepth, placeOf } from './hamt.ts'

interface Hashed extends HamtEntry {
  hash: Uint8Array
}

function bitmapBytes(bitmap: number): Uint8Array {
  const bytes = Uint8Array.of(bitmap >>> 24, (bitmap >>> 16) & 0xff, (bitmap >>> 8) & 0xff, bitmap & 0xff)
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? new Uint8Array() : bytes.subarray(first)
}

function bucket(entries: Hashed[]): Piece {
  const sorted = entries.toSorted((a, b) => compareBytes(a.key, b.key))
  return tuple(...sorted.map(({ key, value }) => tuple(byteString(key), value)))
}

function buildNode(put: PutBlock, entries: Hashed[], level: number): CID {
  if (level >= maxDepth) throw new ChainFormatError('INVALID_NODE', 'Two keys of a HAMT have one hash.')
  const places = Map.groupBy(entries, ({ hash }) => placeOf(hash, level))
  let bitmap = 0
  const pointers: Piece[] = []
  for (const [place, group] of [...places].sort(([a], [b]) => a - b)) {
    bitmap = (bitmap | (1 << place)) >>> 0
    pointers.push(group.length <= maxBucket ? bucket(group) : link(buildNode(put, group, level + 1)))
  }
  return put(encode(tuple(byteString(bitmapBytes(bitmap)), tuple(...pointers))))
}

/**
 * Writes a map as actors since v3 have it. The form is the only one for these entries: the same as if they had been set one by one.
 *
 * @returns the CID of its root
 */
export function buildHamt(put: PutBlock, entries: Iterable<HamtEntry>): CID {
  return buildNode(
    put,
    Array.from(entries, (entry) => ({ ...entry, hash: sha256(entry.key) })),
    0,
  )
}
