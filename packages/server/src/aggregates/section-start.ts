import { varint } from 'multiformats'
import type { CID } from 'multiformats/cid'

/** A CIDv1 begins with its version; a multihash of version 0 with the code of sha2-256. */
const cidVersion1 = 0x01
/** No codec has a longer code. */
const maxCodecBytes = 5

/** Bytes that may stand before a block in its section: the length of the section and a CID. */
export function maxPrefixBytes(cid: CID): number {
  return 5 + 1 + maxCodecBytes + cid.multihash.bytes.length
}

/**
 * How many bytes before a block its section begins: before `at` in `bytes` stand the length of the section and a CID with the multihash of `cid`,
 * be it of version 0 or 1 and of whatever codec, as whoever stored it spelled it. Undefined where there is no such thing.
 */
export function prefixLength(bytes: Uint8Array, at: number, cid: CID, blockBytes: number): number | undefined {
  const multihash = cid.multihash.bytes
  const hashAt = at - multihash.length
  if (hashAt < 1 || !endsWith(bytes, at, multihash)) return undefined
  // The codec's varint ends where a byte without the high bit is; the version stands before it.
  for (let codecBytes = 1; codecBytes <= maxCodecBytes && hashAt - codecBytes >= 2; codecBytes++) {
    if (bytes[hashAt - codecBytes - 1] !== cidVersion1) continue
    const found = lengthBefore(bytes, hashAt - codecBytes - 1, multihash.length + codecBytes + 1, blockBytes)
    if (found !== undefined) return found
  }
  return lengthBefore(bytes, hashAt, multihash.length, blockBytes)
}

/** Checks that right before the CID at `cidAt` stands the length of a section of this CID and block; gives the bytes of both. */
function lengthBefore(bytes: Uint8Array, cidAt: number, cidBytes: number, blockBytes: number): number | undefined {
  const expected = varint.encodeTo(cidBytes + blockBytes, new Uint8Array(varint.encodingLength(cidBytes + blockBytes)))
  return cidAt >= expected.length && endsWith(bytes, cidAt, expected) ? expected.length + cidBytes : undefined
}

function endsWith(bytes: Uint8Array, end: number, suffix: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(end - suffix.length, end), suffix) === 0
}
