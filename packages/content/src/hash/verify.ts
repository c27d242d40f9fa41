import { murmur332, murmur3128 } from '@multiformats/murmur3'
import { blake2b, blake2s } from '@noble/hashes/blake2.js'
import { sha512 } from '@noble/hashes/sha2.js'
import {
  keccak_224,
  keccak_256,
  keccak_384,
  keccak_512,
  sha3_224,
  sha3_256,
  sha3_384,
  sha3_512,
  shake128,
  shake256,
} from '@noble/hashes/sha3.js'
import type { CID } from 'multiformats/cid'
import { ContentError } from '../errors.ts'
import { nodeCrypto, opensslHash } from './node-crypto.ts'
import { sha256 } from './sha256.ts'

type Hash = (bytes: Uint8Array, digestBytes: number) => Uint8Array | Promise<Uint8Array>

/**
 * Hash functions a block may be named by, by multicodec code. `identity` and `sha1` are left out on purpose, as nft.storage
 * did: the first holds no hash to check, the second can be forged.
 */
const HASHES: ReadonlyMap<number, Hash> = new Map<number, Hash>([
  [0x12, sha256],
  [0x13, openssl('sha512', sha512)],
  [0x14, openssl('sha3-512', sha3_512)],
  [0x15, openssl('sha3-384', sha3_384)],
  [0x16, openssl('sha3-256', sha3_256)],
  [0x17, openssl('sha3-224', sha3_224)],
  [0x18, (bytes) => shake128(bytes, { dkLen: 32 })],
  [0x19, (bytes) => shake256(bytes, { dkLen: 64 })],
  [0x1a, keccak_224],
  [0x1b, keccak_256],
  [0x1c, keccak_384],
  [0x1d, keccak_512],
  // Code 0x22 named the whole 128 bits before the table of codes split it in two, so both lengths are about.
  [0x22, (bytes, digestBytes) => murmur128(bytes).subarray(0, digestBytes === 8 ? 8 : 16)],
  [0x1022, murmur128],
  [0x23, (bytes) => murmur332.encode(bytes) as Uint8Array],
  [0xb220, (bytes) => blake2b(bytes, { dkLen: 32 })],
  [0xb260, (bytes) => blake2s(bytes, { dkLen: 32 })],
])

/**
 * Checks that `bytes` are what `cid` names. A promise only for blocks big enough to be hashed on another thread.
 *
 * @throws {ContentError} `HASH_MISMATCH` when they are not; `UNSUPPORTED_HASH` when the hash function is not one we verify.
 */
export function verifyBlock(cid: CID, bytes: Uint8Array): void | Promise<void> {
  const { code, digest } = cid.multihash
  const hash = HASHES.get(code)
  if (hash === undefined) throw new ContentError('UNSUPPORTED_HASH', `${cid}: multihash code ${code} is not supported`)
  const actual = hash(bytes, digest.length)
  if (actual instanceof Promise) return actual.then((known) => refuseUnequal(cid, digest, known))
  refuseUnequal(cid, digest, actual)
}

/**
 * The digest of `bytes` under a hash function named by its multicodec code, `digestBytes` long where the function leaves that open.
 *
 * @throws {ContentError} `UNSUPPORTED_HASH` when the hash function is not one we verify.
 */
export function digestOf(code: number, bytes: Uint8Array, digestBytes: number): Uint8Array | Promise<Uint8Array> {
  const hash = HASHES.get(code)
  if (hash === undefined) throw new ContentError('UNSUPPORTED_HASH', `multihash code ${code} is not supported`)
  return hash(bytes, digestBytes)
}

function refuseUnequal(cid: CID, expected: Uint8Array, actual: Uint8Array): void {
  let equal = expected.length === actual.length
  for (let at = 0; equal && at < expected.length; at++) equal = expected[at] === actual[at]
  if (!equal) throw new ContentError('HASH_MISMATCH', `failed hash verification: ${cid}: CID hash does not match bytes`)
}

function murmur128(bytes: Uint8Array): Uint8Array {
  return murmur3128.encode(bytes) as Uint8Array
}

function openssl(algorithm: string, portable: (bytes: Uint8Array) => Uint8Array): Hash {
  const crypto = nodeCrypto
  return crypto === undefined ? portable : (bytes) => opensslHash(crypto, algorithm, bytes)
}
