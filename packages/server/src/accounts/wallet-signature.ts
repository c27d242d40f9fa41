import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { KeepsakeError } from '../errors.ts'

/**
 * The address that signed `message` with `personal_sign`, in lower case. Source: EIP-191, version 0x45.
 *
 * Only accounts that have a private key sign this way. What a contract would call its signature (EIP-1271) can only be checked by
 * asking a chain, which this server does not do for signing in.
 *
 * @throws KeepsakeError `ERROR_INVALID_SIGNATURE`
 */
export function recoverSigner(message: string, signature: string): string {
  const bytes = Buffer.from(/^0x(?:[0-9a-fA-F]{2})+$/.test(signature) ? signature.slice(2) : '', 'hex')
  if (bytes.length !== 65) {
    throw invalid(
      `A signature of 65 bytes in hexadecimal was expected, got ${bytes.length}. Wallets that are contracts (EIP-1271) cannot sign in here.`,
    )
  }
  const recovery = bytes[64]! >= 27 ? bytes[64]! - 27 : bytes[64]!
  if (recovery > 1) throw invalid('The last byte of the signature is neither 27 nor 28.')
  const text = new TextEncoder().encode(message)
  const prefix = new TextEncoder().encode(`\x19Ethereum Signed Message:\n${text.length}`)
  try {
    const point = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), 'compact')
      .addRecoveryBit(recovery)
      .recoverPublicKey(keccak_256(Buffer.concat([prefix, text])))
    return addressOf(point.toBytes(false))
  } catch (error) {
    throw invalid('The signature is not one.', error)
  }
}

/** @param publicKey 65 bytes, uncompressed */
function addressOf(publicKey: Uint8Array): string {
  return `0x${Buffer.from(keccak_256(publicKey.subarray(1)).subarray(12)).toString('hex')}`
}

/** An address with the capitals that make slips visible. Source: ERC-55. */
export function checksumAddress(address: string): string {
  const lower = address.slice(2).toLowerCase()
  const hash = Buffer.from(keccak_256(new TextEncoder().encode(lower))).toString('hex')
  return `0x${[...lower].map((char, i) => (Number.parseInt(hash[i]!, 16) >= 8 ? char.toUpperCase() : char)).join('')}`
}

function invalid(message: string, cause?: unknown): KeepsakeError {
  return new KeepsakeError('ERROR_INVALID_SIGNATURE', message, { cause })
}
