import { varint } from 'multiformats'
import type { AbortOptions } from '../block.ts'
import { ContentError } from '../errors.ts'
import type { ReadAt } from './read-at.ts'

/** Multicodecs of CAR indexes: one sorts digests, the other sorts them for each hash function. (CARv2 specification, "Index format".) */
export const INDEX_SORTED = 0x0400
export const MULTIHASH_INDEX_SORTED = 0x0401

/** Hash functions an index may name, and lengths of digests for each: real ones have a few. */
const MAX_CODES = 64
const MAX_WIDTHS = 256
/** Longest entry: a digest of 128 bytes and an offset. */
const MAX_ENTRY_BYTES = 136
const OFFSET_BYTES = 8
/** Copies of a block that are told of. An index of nothing but one hash is made to hurt. */
const MAX_COPIES = 64
/** Read at once when a search has come close. */
const PAGE_BYTES = 4096

/** Where sections begin, by the hash of their block, read from an index that is never held in memory. */
export interface CarIndex {
  entries: number
  /** Offsets of all sections that hold such a block, from the start of the CARv1. What an index says has to be checked against the CAR. */
  find(multihash: { code: number; digest: Uint8Array }, options?: AbortOptions): Promise<number[]>
}

/** Entries of one length, sorted. */
interface Bucket {
  /** Undefined in an index that does not tell hash functions apart. */
  code: number | undefined
  entryBytes: number
  at: number
  count: number
}

/**
 * Opens an index of either format that begins at 0 of `readAt`, and checks that its parts lie inside of it.
 *
 * @throws {ContentError} `INVALID_CAR`
 */
export async function openCarIndex(readAt: ReadAt, sizeBytes: number): Promise<CarIndex> {
  const cursor = indexCursor(readAt, sizeBytes)
  const buckets: Bucket[] = []
  const codec = await cursor.varint()
  if (codec === INDEX_SORTED) await readBuckets(cursor, undefined, buckets)
  else if (codec === MULTIHASH_INDEX_SORTED) {
    const codes = await cursor.count(MAX_CODES, 'hash functions')
    for (let at = 0; at < codes; at++) await readBuckets(cursor, await cursor.uint64(), buckets)
  } else throw invalid(`it has the unknown format 0x${codec.toString(16)}`)
  return {
    entries: buckets.reduce((sum, { count }) => sum + count, 0),
    async find({ code, digest }, options) {
      const fitting = buckets.filter(
        (bucket) => bucket.entryBytes === digest.length + OFFSET_BYTES && (bucket.code === undefined || bucket.code === code),
      )
      return (await Promise.all(fitting.map((bucket) => search(readAt, bucket, digest, options)))).flat()
    },
  }
}

async function readBuckets(cursor: IndexCursor, code: number | undefined, buckets: Bucket[]): Promise<void> {
  const widths = await cursor.count(MAX_WIDTHS, 'lengths of digests')
  for (let width = 0; width < widths; width++) {
    const entryBytes = await cursor.uint32()
    const bytes = await cursor.uint64()
    if (entryBytes < OFFSET_BYTES || entryBytes > MAX_ENTRY_BYTES) throw invalid(`it has entries of ${entryBytes} bytes`)
    if (bytes % entryBytes !== 0) throw invalid(`${bytes} bytes are not entries of ${entryBytes}`)
    buckets.push({ code, entryBytes, at: cursor.skip(bytes), count: bytes / entryBytes })
  }
}

type IndexCursor = ReturnType<typeof indexCursor>

/** Reads the few numbers an index consists of beside its entries. */
function indexCursor(readAt: ReadAt, sizeBytes: number) {
  let at = 0
  const take = async (length: number): Promise<DataView> => {
    const bytes = at + length <= sizeBytes ? await readAt(at, length) : new Uint8Array()
    if (bytes.length < length) throw invalid('it is cut short')
    at += length
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  const uint32 = async () => (await take(4)).getUint32(0, true)
  return {
    uint32,
    async uint64(): Promise<number> {
      const value = (await take(8)).getBigUint64(0, true)
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`it holds the number ${value}`)
      return Number(value)
    },
    async varint(): Promise<number> {
      const bytes = await readAt(0, Math.min(9, sizeBytes))
      try {
        const [value, length] = varint.decode(bytes)
        at = length
        return value
      } catch {
        throw invalid('it is cut short')
      }
    },
    async count(most: number, what: string): Promise<number> {
      const count = await uint32()
      if (count > most) throw invalid(`it has ${count} ${what}`)
      return count
    },
    /** Passes over entries and gives where they begin. */
    skip(bytes: number): number {
      if (at + bytes > sizeBytes) throw invalid('it is cut short')
      at += bytes
      return at - bytes
    },
  }
}

/** Halves a bucket until a page is left, which is read whole. */
async function search(readAt: ReadAt, bucket: Bucket, digest: Uint8Array, { signal }: AbortOptions = {}): Promise<number[]> {
  const { entryBytes, at, count } = bucket
  let low = 0
  let high = count
  while ((high - low) * entryBytes > PAGE_BYTES) {
    signal?.throwIfAborted()
    const middle = Math.floor((low + high) / 2)
    const entry = await readAt(at + middle * entryBytes, digest.length)
    if (compare(entry, 0, digest) < 0) low = middle + 1
    else high = middle
  }
  // Everything before `low` is smaller; the first that is as large may stand right at `high`, and equal ones behind it.
  const found: number[] = []
  for (let index = low; index < count; ) {
    const page = await readAt(
      at + index * entryBytes,
      Math.min(PAGE_BYTES - (PAGE_BYTES % entryBytes), (count - index) * entryBytes),
    )
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength)
    for (let from = 0; from + entryBytes <= page.length; from += entryBytes, index++) {
      const order = compare(page, from, digest)
      if (order > 0 || found.length >= MAX_COPIES) return found
      if (order === 0) found.push(Number(view.getBigUint64(from + digest.length, true)))
    }
    if (page.length < entryBytes) throw invalid('it is cut short')
  }
  return found
}

function compare(bytes: Uint8Array, from: number, digest: Uint8Array): number {
  for (let at = 0; at < digest.length; at++) {
    const difference = bytes[from + at]! - digest[at]!
    if (difference !== 0) return difference
  }
  return 0
}

function invalid(reason: string): ContentError {
  return new ContentError('INVALID_CAR', `Invalid CAR index: ${reason}`)
}
