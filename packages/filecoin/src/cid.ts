import { blake2b } from '@noble/hashes/blake2.js'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

export const DAG_CBOR = 0x71
export const RAW = 0x55
export const BLAKE2B_256 = 0xb220

/** The CID the chain gives a block: CIDv1, dag-cbor, blake2b-256. */
export function chainCid(bytes: Uint8Array, codec: number = DAG_CBOR): CID {
  return CID.createV1(codec, Digest.create(BLAKE2B_256, blake2b(bytes, { dkLen: 32 })))
}
