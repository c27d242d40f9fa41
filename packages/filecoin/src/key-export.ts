import { ChainFormatError } from './errors.ts'
import { bytes, bytesJson } from './rpc/json.ts'
import { type KeyKind, type Signer, signerOf } from './signature.ts'

/** The secret key of an account. */
export interface AccountKey {
  kind: KeyKind
  /** 32 bytes, big-endian. */
  secretKey: Uint8Array
}

/** Lotus writes the scalar of a BLS key least significant byte first. */
function turned({ kind }: Pick<AccountKey, 'kind'>, key: Uint8Array): Uint8Array {
  return kind === 'bls' ? key.toReversed() : key
}

/** A key as `lotus wallet export` writes it: JSON, in hexadecimal. */
export function encodeKeyExport({ kind, secretKey }: AccountKey): string {
  const json = JSON.stringify({ Type: kind, PrivateKey: bytesJson(turned({ kind }, secretKey)) })
  return [...new TextEncoder().encode(json)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function parseHexJson(text: string): unknown {
  if (!/^([0-9a-f]{2}){1,500}$/i.test(text)) return undefined
  const decoded = Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  try {
    return JSON.parse(new TextDecoder().decode(decoded))
  } catch {
    return undefined
  }
}

function isKeyJson(value: unknown): value is { Type: KeyKind; PrivateKey: string } {
  const { Type, PrivateKey } = (value ?? {}) as Record<string, unknown>
  return (Type === 'secp256k1' || Type === 'bls') && typeof PrivateKey === 'string'
}

/**
 * Reads a key as `lotus wallet export` writes it, white space around it allowed.
 *
 * @throws ChainFormatError `INVALID_KEY`, with a message that shows nothing of what was given
 */
export function decodeKeyExport(text: string): AccountKey & { signer: Signer } {
  const json = parseHexJson(text.trim())
  if (!isKeyJson(json))
    throw new ChainFormatError(
      'INVALID_KEY',
      'A key is expected as `lotus wallet export` writes it: hexadecimal digits of JSON with a Type, secp256k1 or bls, and a PrivateKey.',
    )
  const secretKey = turned({ kind: json.Type }, decode64(json.PrivateKey))
  return { kind: json.Type, secretKey, signer: signerOf(json.Type, secretKey) }
}

function decode64(text: string): Uint8Array {
  try {
    return bytes(text)
  } catch {
    throw new ChainFormatError('INVALID_KEY', 'The PrivateKey of a key is base64; this is not.')
  }
}
