import { bls12_381 } from '@noble/curves/bls12-381.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { type Address, blsAddress, isSameAddress, secpAddress } from './address.ts'
import type { CborReader } from './cbor/reader.ts'
import { byteString, type Piece } from './cbor/writer.ts'
import { ChainFormatError } from './errors.ts'

/** `secp256k1`: 65 bytes r, s, recovery. `bls`: 96 bytes, a compressed point of G2. `delegated`: as Ethereum has it. */
export type SignatureKind = 'secp256k1' | 'bls' | 'delegated'

export interface Signature {
  kind: SignatureKind
  bytes: Uint8Array
}

const kinds: Record<number, SignatureKind> = { 1: 'secp256k1', 2: 'bls', 3: 'delegated' }
const codes: Record<SignatureKind, number> = { secp256k1: 1, bls: 2, delegated: 3 }

/** Domain separation tag of the chain's BLS signatures. */
const blsTag = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_'

/** @throws ChainFormatError `INVALID_SIGNATURE` */
export function decodeSignature(bytes: Uint8Array): Signature {
  const kind = kinds[bytes[0] ?? 0]
  if (!kind) throw new ChainFormatError('INVALID_SIGNATURE', `No signature is of kind ${bytes[0] ?? 'nothing'}.`)
  return { kind, bytes: bytes.subarray(1) }
}

export function encodeSignature({ kind, bytes }: Signature): Uint8Array {
  return Uint8Array.of(codes[kind], ...bytes)
}

export function readSignature(reader: CborReader): Signature {
  return decodeSignature(reader.readBytes())
}

export function signatureBytes(signature: Signature): Piece {
  return byteString(encodeSignature(signature))
}

/** What a secp256k1 key really signs. */
function secpDigest(message: Uint8Array): Uint8Array {
  return blake2b(message, { dkLen: 32 })
}

/** The address of whoever signed; undefined where the signature is none. */
function recoverSecp(message: Uint8Array, bytes: Uint8Array): Address | undefined {
  if (bytes.length !== 65) return undefined
  try {
    // The library wants the recovery number in front.
    const signature = secp256k1.Signature.fromBytes(Uint8Array.of(bytes[64] as number, ...bytes.subarray(0, 64)), 'recovered')
    return secpAddress(signature.recoverPublicKey(secpDigest(message)).toBytes(false))
  } catch {
    return undefined
  }
}

function verifyBls(message: Uint8Array, bytes: Uint8Array, publicKey: Uint8Array): boolean {
  const { longSignatures: scheme } = bls12_381
  try {
    return scheme.verify(bytes, scheme.hash(message, blsTag), publicKey)
  } catch {
    return false
  }
}

/**
 * Whether the key behind `signer` (an f1 or f3 address) signed `message`. BLS takes some 50 ms.
 *
 * @throws ChainFormatError `INVALID_SIGNATURE` for a kind that cannot be checked against that address
 */
export function verifySignature(signature: Signature, signer: Address, message: Uint8Array): boolean {
  if (signature.kind === 'secp256k1' && signer.protocol === 1) {
    const recovered = recoverSecp(message, signature.bytes)
    return recovered !== undefined && isSameAddress(recovered, signer)
  }
  if (signature.kind === 'bls' && signer.protocol === 3) return verifyBls(message, signature.bytes, signer.payload)
  throw new ChainFormatError(
    'INVALID_SIGNATURE',
    `A ${signature.kind} signature cannot be checked against an f${signer.protocol} address.`,
  )
}

/** A key that signs. */
export interface Signer {
  address: Address
  sign(message: Uint8Array): Signature
}

/** @param secretKey 32 bytes */
export function secpSigner(secretKey: Uint8Array): Signer {
  return {
    address: secpAddress(secp256k1.getPublicKey(secretKey, false)),
    sign(message) {
      const signed = secp256k1.sign(secpDigest(message), secretKey, { prehash: false, format: 'recovered' })
      return { kind: 'secp256k1', bytes: Uint8Array.of(...signed.subarray(1), signed[0] as number) }
    },
  }
}

/** @param secretKey 32 bytes, big-endian, less than the order of the group */
export function blsSigner(secretKey: Uint8Array): Signer {
  const { longSignatures: scheme } = bls12_381
  return {
    address: blsAddress(scheme.getPublicKey(secretKey).toBytes()),
    sign: (message) => ({ kind: 'bls', bytes: scheme.sign(scheme.hash(message, blsTag), secretKey).toBytes() }),
  }
}

/** Of which kind the keys of accounts are. */
export type KeyKind = Exclude<SignatureKind, 'delegated'>

/** 32 bytes of a new key. */
export function newSecretKey(kind: KeyKind): Uint8Array {
  return kind === 'bls' ? bls12_381.utils.randomSecretKey() : secp256k1.utils.randomSecretKey()
}

/** The library would take it modulo the order. */
function isScalar(bytes: Uint8Array): boolean {
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return bytes.length === 32 && value > 0n && value < bls12_381.fields.Fr.ORDER
}

/**
 * @param secretKey 32 bytes, big-endian
 * @throws ChainFormatError `INVALID_KEY` where they are no key: zero, or not less than the order of the group
 */
export function signerOf(kind: KeyKind, secretKey: Uint8Array): Signer {
  try {
    if (kind === 'bls' && !isScalar(secretKey)) throw new RangeError('Not less than the order of the group.')
    return kind === 'bls' ? blsSigner(secretKey) : secpSigner(secretKey)
  } catch {
    // What the library says may show the key.
    throw new ChainFormatError('INVALID_KEY', `These ${secretKey.length} bytes are no ${kind} key.`)
  }
}
