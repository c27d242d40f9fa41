import type { CID } from 'multiformats/cid'
import { ContentError } from '../errors.ts'
import { ByteReader } from './byte-reader.ts'
import { readHeader, readV2Header } from './header.ts'
import type { ReadAt } from './read-at.ts'

/** Largest header that is read: room for 25,000 roots. */
const MAX_HEADER_BYTES = 1024 * 1024
const HEADER_WINDOW_BYTES = 4096

/** Where what a CAR consists of lies in its file. */
export interface CarFile {
  version: 1 | 2
  roots: CID[]
  /** Where the CARv1 begins: 0, or behind the header of a CARv2. Offsets in an index count from here. */
  payloadOffset: number
  /** Of the CARv1, as far as the file has it. */
  payloadBytes: number
  /** Of a CARv2: how much of its CARv1 the file does not have, because it is cut short. */
  missingBytes: number
  /** Where the first section begins, from the start of the CARv1. */
  firstSection: number
  /** Where the index of a CARv2 begins in the file; undefined where it has none. */
  indexOffset: number | undefined
}

/**
 * Reads what stands in front of the sections of a CAR, version 1 or 2, without reading any of them.
 *
 * @throws {ContentError} `INVALID_CAR` for what is no CAR, and for a CAR that is cut short in front of its first section
 */
export async function openCarFile(readAt: ReadAt, sizeBytes: number, signal?: AbortSignal): Promise<CarFile> {
  const reader = new ByteReader(windows(readAt, 0, sizeBytes), signal)
  const header = await readHeader(reader, MAX_HEADER_BYTES)
  if (header.version === 1) {
    const { roots } = header
    return {
      version: 1,
      roots,
      payloadOffset: 0,
      payloadBytes: sizeBytes,
      missingBytes: 0,
      firstSection: reader.position,
      indexOffset: undefined,
    }
  }
  const { dataOffset, dataBytes, indexOffset } = await readV2Header(reader)
  const end = Math.min(dataOffset + dataBytes, sizeBytes)
  const inner = new ByteReader(windows(readAt, dataOffset, end), signal)
  const innerHeader = await readHeader(inner, MAX_HEADER_BYTES)
  if (innerHeader.version !== 1) throw new ContentError('INVALID_CAR', 'Invalid CAR version: 2 (expected 1)')
  return {
    version: 2,
    roots: innerHeader.roots,
    payloadOffset: dataOffset,
    payloadBytes: end - dataOffset,
    missingBytes: dataOffset + dataBytes - end,
    firstSection: inner.position,
    indexOffset: indexOffset === 0 || indexOffset >= sizeBytes ? undefined : indexOffset,
  }
}

async function* windows(readAt: ReadAt, from: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = from; at < end; at += HEADER_WINDOW_BYTES) yield await readAt(at, Math.min(HEADER_WINDOW_BYTES, end - at))
}
