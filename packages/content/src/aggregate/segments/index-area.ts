import { ContentError } from '../../errors.ts'
import { pad, QUAD_BYTES, QUAD_DATA_BYTES, unpad } from '../../piece/fr32.ts'
import { capacityBytes, MAX_PIECE_HEIGHT, paddedBytes } from '../../piece/piece.ts'
import { MAX_ENTRIES } from '../entry-limit.ts'
import { decodeEntry, ENTRY_BYTES, encodeEntry, type SegmentEntry } from './entry.ts'

/** Height of the smallest aggregate that has room for anything beside its index. */
export const MIN_AGGREGATE_HEIGHT = 4

/** Part of an aggregate that its index takes: one in so many bytes. */
const BYTES_PER_INDEX_BYTE = 2048
const MIN_INDEX_ENTRIES = 4

/** Entries the index of an aggregate has room for. */
export function indexEntries(height: number): number {
  return Math.max(MIN_INDEX_ENTRIES, paddedBytes(height) / BYTES_PER_INDEX_BYTE / ENTRY_BYTES)
}

/** Where the index of an aggregate begins, in padded bytes: it is at the very end. */
export function indexStart(height: number): number {
  return paddedBytes(height) - indexEntries(height) * ENTRY_BYTES
}

/** Where the index begins in the data of the aggregate, and how many bytes it takes there: what to read to find all entries. */
export function indexRange(height: number): { offset: number; length: number } {
  const offset = dataOffset(indexStart(height))
  return { offset, length: capacityBytes(height) - offset }
}

/** What a place in the padded form is in the data; whole quads only. */
export function dataOffset(padded: number): number {
  return (padded / QUAD_BYTES) * QUAD_DATA_BYTES
}

/** The used part of an index as data, in whole quads; zeros follow. */
export function encodeIndex(entries: readonly SegmentEntry[]): Uint8Array {
  const padded = new Uint8Array(Math.ceil((entries.length * ENTRY_BYTES) / QUAD_BYTES) * QUAD_BYTES)
  for (const [at, entry] of entries.entries()) padded.set(encodeEntry(entry), at * ENTRY_BYTES)
  return unpad(padded)
}

export interface ParsedIndex {
  /** In the order of the index, each with its place in it. They may contradict each other. */
  entries: (SegmentEntry & { position: number })[]
  /** Places that are neither valid nor empty. */
  invalid: number
}

/**
 * Reads the index at the end of an aggregate of `height`, which anybody may have written: each entry by itself, as FRC-0058 asks for. `data` is
 * what lies at `indexRange`; less of it is taken for zeros.
 *
 * An entry in the answer is well formed and lies in front of the index. That the segment it names is really there has to be verified against the
 * commitment before it is served.
 *
 * @throws {ContentError} `INVALID_INPUT` for a height no aggregate has and for more data than the index takes, `LIMIT_EXCEEDED` for an index of more
 * than `MAX_ENTRIES`.
 */
export function parseIndex(data: Uint8Array, height: number): ParsedIndex {
  checkHeight(height)
  const { length } = indexRange(height)
  if (indexEntries(height) > MAX_ENTRIES) {
    throw new ContentError(
      'LIMIT_EXCEEDED',
      `The index has room for ${indexEntries(height)} entries, more than the limit of ${MAX_ENTRIES}.`,
    )
  }
  if (data.length > length) throw new ContentError('INVALID_INPUT', `The index takes ${length} bytes; these are ${data.length}.`)
  const padded = pad(data)
  const end = indexStart(height)
  const parsed: ParsedIndex = { entries: [], invalid: 0 }
  for (let at = 0; at < padded.length; at += ENTRY_BYTES) {
    const bytes = padded.subarray(at, at + ENTRY_BYTES)
    const entry = decodeEntry(bytes)
    if (entry && entry.offset + paddedBytes(entry.height) <= end) parsed.entries.push({ ...entry, position: at / ENTRY_BYTES })
    else if (bytes.some((byte) => byte !== 0)) parsed.invalid++
  }
  return parsed
}

/** @throws {ContentError} `INVALID_INPUT` for a height no aggregate has. */
export function checkHeight(height: number): void {
  if (Number.isInteger(height) && height >= MIN_AGGREGATE_HEIGHT && height <= MAX_PIECE_HEIGHT) return
  throw new ContentError(
    'INVALID_INPUT',
    `An aggregate has a height of ${MIN_AGGREGATE_HEIGHT} to ${MAX_PIECE_HEIGHT}, not ${height}.`,
  )
}
