import type { CborReader } from './cbor/reader.ts'
import { byteString, type Piece } from './cbor/writer.ts'
import { ChainFormatError } from './errors.ts'

/** Longest big integer the chain accepts, sign included. */
const maxBytes = 128

/**
 * An amount: attoFIL, weight, power. Bytes are a sign (0 or 1) and the magnitude, most significant byte first; zero has no bytes at all.
 *
 * @throws ChainFormatError `OUT_OF_RANGE`, `INVALID_CBOR`
 */
export function decodeBigInt(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n
  if (bytes.length > maxBytes)
    throw new ChainFormatError('OUT_OF_RANGE', `A number of ${bytes.length} bytes; at most ${maxBytes}.`)
  const sign = bytes[0] as number
  if (sign > 1) throw new ChainFormatError('INVALID_CBOR', `The sign of a big integer is 0 or 1, not ${sign}.`)
  let magnitude = 0n
  for (let i = 1; i < bytes.length; i++) magnitude = (magnitude << 8n) | BigInt(bytes[i] as number)
  return sign === 1 ? -magnitude : magnitude
}

export function encodeBigInt(value: bigint): Uint8Array {
  const bytes: number[] = []
  for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= 8n) bytes.push(Number(rest & 0xffn))
  return bytes.length === 0 ? new Uint8Array() : Uint8Array.of(value < 0n ? 1 : 0, ...bytes.reverse())
}

export function readBigInt(reader: CborReader): bigint {
  return decodeBigInt(reader.readBytes())
}

export function bigInt(value: bigint): Piece {
  return byteString(encodeBigInt(value))
}
