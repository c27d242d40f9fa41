import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { ContentError } from '../errors.ts'

/** @throws {ContentError} `INVALID_BLOCK` when the bytes are not dag-pb. */
export function decodeDagPb(cid: CID, bytes: Uint8Array): dagPb.PBNode {
  return decodeAs('dag-pb', dagPb.decode, cid, bytes)
}

/** @throws {ContentError} `INVALID_BLOCK` when the bytes are not dag-cbor, or nested too deeply to be walked. */
export function decodeDagCbor(cid: CID, bytes: Uint8Array): unknown {
  return decodeAs('dag-cbor', dagCbor.decode, cid, bytes)
}

/** @throws {ContentError} `INVALID_BLOCK` when the bytes are not dag-json, or nested too deeply to be walked. */
export function decodeDagJson(cid: CID, bytes: Uint8Array): unknown {
  return decodeAs('dag-json', dagJson.decode, cid, bytes)
}

function decodeAs<T>(codec: string, decode: (bytes: Uint8Array) => T, cid: CID, bytes: Uint8Array): T {
  try {
    return decode(bytes)
  } catch (cause) {
    // The decoders recurse: what is nested thousands of levels deep ends in a RangeError about the stack, of no use to a reader.
    const tooDeep = cause instanceof RangeError && /call stack/i.test(cause.message)
    const reason = tooDeep ? 'nested too deeply' : cause instanceof Error ? cause.message : String(cause)
    throw new ContentError('INVALID_BLOCK', `${cid}: not valid ${codec}: ${reason}`, { cause })
  }
}
