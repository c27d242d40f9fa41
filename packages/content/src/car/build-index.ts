import { varint } from 'multiformats'
import { MULTIHASH_INDEX_SORTED } from './multihash-index.ts'

const OFFSET_BYTES = 8
const IDENTITY_HASH = 0x00

/** Entries with digests of one length, one behind the other. */
interface Entries {
  code: number
  entryBytes: number
  bytes: Uint8Array
  filled: number
}

export interface IndexBuilder {
  /** Adds a section; blocks whose CID holds them (identity) have none and are left out. */
  add(multihash: { code: number; digest: Uint8Array }, offset: number): void
  /** All of it as MultihashIndexSorted: the bytes of a `.carindex`. */
  encode(): Uint8Array
}

/** Makes an index of a CAR: some 40 bytes of memory a section, and as much again while it is encoded. */
export function indexBuilder(): IndexBuilder {
  const all = new Map<string, Entries>()
  return {
    add({ code, digest }, offset) {
      if (code === IDENTITY_HASH) return
      const entryBytes = digest.length + OFFSET_BYTES
      const key = `${code} ${entryBytes}`
      const entries = all.get(key) ?? { code, entryBytes, bytes: new Uint8Array(64 * entryBytes), filled: 0 }
      all.set(key, entries)
      if (entries.filled === entries.bytes.length) entries.bytes = grown(entries.bytes)
      entries.bytes.set(digest, entries.filled)
      new DataView(entries.bytes.buffer).setBigUint64(entries.filled + digest.length, BigInt(offset), true)
      entries.filled += entryBytes
    },
    encode: () => encodeIndex([...all.values()]),
  }
}

function grown(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(bytes.length * 2)
  larger.set(bytes)
  return larger
}

function encodeIndex(all: readonly Entries[]): Uint8Array {
  const codes = [...new Set(all.map(({ code }) => code))].sort((a, b) => a - b)
  const bytes = new Uint8Array(
    varint.encodingLength(MULTIHASH_INDEX_SORTED) + 4 + codes.length * 12 + all.reduce((sum, { filled }) => sum + 12 + filled, 0),
  )
  const view = new DataView(bytes.buffer)
  varint.encodeTo(MULTIHASH_INDEX_SORTED, bytes)
  let at = varint.encodingLength(MULTIHASH_INDEX_SORTED)
  view.setUint32(at, codes.length, true)
  at += 4
  for (const code of codes) {
    const buckets = all.filter((entries) => entries.code === code).sort((a, b) => a.entryBytes - b.entryBytes)
    view.setBigUint64(at, BigInt(code), true)
    view.setUint32(at + 8, buckets.length, true)
    at += 12
    for (const entries of buckets) {
      view.setUint32(at, entries.entryBytes, true)
      view.setBigUint64(at + 4, BigInt(entries.filled), true)
      at += 12
      for (const from of sortedPlaces(entries)) {
        bytes.set(entries.bytes.subarray(from, from + entries.entryBytes), at)
        at += entries.entryBytes
      }
    }
  }
  return bytes
}

/** Where the entries lie, in the order of their digests; equal ones in the order of their offsets. */
function sortedPlaces({ bytes, entryBytes, filled }: Entries): Float64Array {
  const places = Float64Array.from({ length: filled / entryBytes }, (_, index) => index * entryBytes)
  const view = new DataView(bytes.buffer)
  const digestBytes = entryBytes - OFFSET_BYTES
  return places.sort((one, other) => {
    for (let at = 0; at < digestBytes; at++) {
      const difference = bytes[one + at]! - bytes[other + at]!
      if (difference !== 0) return difference
    }
    return view.getBigUint64(one + digestBytes, true) < view.getBigUint64(other + digestBytes, true) ? -1 : 1
  })
}
