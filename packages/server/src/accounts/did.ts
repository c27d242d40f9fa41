import { base58btc } from 'multiformats/bases/base58'
import { KeepsakeError } from '../errors.ts'

/** Multicodec `ed25519-pub` as a varint. */
const ed25519Prefix = [0xed, 0x01]
const prefix = 'did:key:'
const keyBytes = 32
/** One DID has 56 characters; decoding base58 takes time that grows with the square of its length. */
const maxLength = 64

/**
 * The Ed25519 public key (32 bytes) that a `did:key` spells. Source: W3C did:key method, section 3.1.
 *
 * @throws KeepsakeError `ERROR_INVALID_DID`
 */
export function publicKeyOfDid(did: unknown): Uint8Array {
  const bytes = typeof did === 'string' && did.startsWith(prefix) && did.length <= maxLength ? decode(did) : undefined
  if (bytes?.length !== ed25519Prefix.length + keyBytes || ed25519Prefix.some((byte, i) => bytes[i] !== byte))
    throw new KeepsakeError('ERROR_INVALID_DID', 'Expected `did` to be a did:key of an Ed25519 key.')
  return bytes.subarray(ed25519Prefix.length)
}

function decode(did: string): Uint8Array | undefined {
  try {
    return base58btc.decode(did.slice(prefix.length))
  } catch {
    return undefined
  }
}
