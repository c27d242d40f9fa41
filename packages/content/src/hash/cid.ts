import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { sha256 } from './sha256.ts'

/** Multicodec codes of the codecs we write or read. */
export const RAW = 0x55
export const DAG_PB = 0x70
export const DAG_CBOR = 0x71
export const DAG_JSON = 0x0129
export const CBOR = 0x51
export const JSON_CODEC = 0x0200
export const IDENTITY_CODEC = 0x00
export const CAR = 0x0202

const SHA2_256 = 0x12

/** CIDv1 with sha2-256 of a block. A promise only for blocks big enough to be hashed on another thread. */
export function cidOf(codec: number, bytes: Uint8Array): CID | Promise<CID> {
  const digest = sha256(bytes)
  return digest instanceof Promise ? digest.then((known) => cidFromSha256(codec, known)) : cidFromSha256(codec, digest)
}

/** CIDv1 of a block without inner structure: a leaf of a file, a small file. */
export function rawCid(bytes: Uint8Array): CID | Promise<CID> {
  return cidOf(RAW, bytes)
}

/** CIDv1 of a dag-pb block: an inner node of a file, a directory. */
export function dagPbCid(bytes: Uint8Array): CID | Promise<CID> {
  return cidOf(DAG_PB, bytes)
}

/** CIDv1 for a sha2-256 digest that is known already. */
export function cidFromSha256(codec: number, digest: Uint8Array): CID {
  return CID.createV1(codec, Digest.create(SHA2_256, digest))
}

/** Whether `text` is a CID of version 1 in base32, in the one way it is written: a parsed CID says of itself what it was parsed from, padding included. */
export function isCanonicalCid(text: unknown): text is string {
  try {
    return typeof text === 'string' && base32.encode(CID.parse(text).bytes) === text
  } catch {
    return false
  }
}
