import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { ContentError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'

/** Bytes of the CARv2 pragma and of the header behind it. (CARv2 specification.) */
const PRAGMA_BYTES = 11
const V2_HEADER_BYTES = 40
const V2_PREAMBLE_BYTES = PRAGMA_BYTES + V2_HEADER_BYTES

/** Where the parts of a CARv2 are. */
interface CarV2Header {
  /** Between this header and the CARv1 inside. */
  paddingBytes: number
  /** Of the CARv1 inside. */
  dataBytes: number
  /** Where the CARv1 begins in the file, and where the index does; no index is 0. */
  dataOffset: number
  indexOffset: number
  /** What has to follow it at least: 0, or up to the first byte of the index. */
  minTrailerBytes: number
}

/** A section in the place of a header: the roots of a CARv1, or the pragma that announces a CARv2. */
export type CarHeader = { version: 1; roots: CID[] } | { version: 2 }

/** @throws {ContentError} `INVALID_CAR` when it does not decode as a header. */
export async function readHeader(reader: ByteReader, maxHeaderBytes: number): Promise<CarHeader> {
  const headerBytes = await reader.takeVarint()
  if (headerBytes === 0) throw invalid('Invalid CAR header (zero length)')
  if (headerBytes > maxHeaderBytes) throw invalid(`CAR header too big: ${headerBytes} > ${maxHeaderBytes}`)
  const header = decodeCbor(await reader.take(headerBytes))
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw invalid('Invalid CAR header format')
  const { version, roots, ...others } = header as Record<string, unknown>
  if (version === 2 && roots === undefined) return { version }
  if (version !== 1) throw invalid(typeof version === 'number' ? `Invalid CAR version: ${version}` : 'Invalid CAR header format')
  if (!isListOfCids(roots) || Object.keys(others).length > 0) throw invalid('Invalid CAR header format')
  return { version, roots }
}

/** Reads the fixed header behind the pragma. @throws {ContentError} `INVALID_CAR` when its offsets contradict each other. */
export async function readV2Header(reader: ByteReader): Promise<CarV2Header> {
  const bytes = await reader.take(V2_HEADER_BYTES)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const dataOffset = safeUint64(view, 16)
  const dataBytes = safeUint64(view, 24)
  const indexOffset = safeUint64(view, 32)
  if (dataOffset < V2_PREAMBLE_BYTES) throw invalid(`Invalid CARv2 data offset: ${dataOffset}`)
  if (dataBytes === 0) throw invalid('Invalid CARv2 data size: 0')
  if (indexOffset !== 0 && indexOffset < dataOffset + dataBytes) throw invalid(`Invalid CARv2 index offset: ${indexOffset}`)
  return {
    paddingBytes: dataOffset - V2_PREAMBLE_BYTES,
    dataBytes,
    dataOffset,
    indexOffset,
    minTrailerBytes: indexOffset === 0 ? 0 : indexOffset - dataOffset - dataBytes + 1,
  }
}

function safeUint64(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`Invalid CARv2 offset: ${value}`)
  return Number(value)
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw invalid(reason.startsWith('CBOR decode error') ? reason : `CBOR decode error: ${reason}`, { cause })
  }
}

function isListOfCids(value: unknown): value is CID[] {
  return Array.isArray(value) && value.every((item) => CID.asCID(item) !== null)
}

function invalid(message: string, options?: ErrorOptions): ContentError {
  return new ContentError('INVALID_CAR', message, options)
}
