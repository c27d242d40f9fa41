import { blake2b } from '@noble/hashes/blake2.js'
import { base32 } from 'multiformats/bases/base32'
import type { CborReader } from './cbor/reader.ts'
import { byteString, type Piece } from './cbor/writer.ts'
import { ChainFormatError } from './errors.ts'

/** 0 ID, 1 secp256k1 key, 2 actor, 3 BLS key, 4 delegated (FIP-0048). */
export type Protocol = 0 | 1 | 2 | 3 | 4

/** An address as the chain writes it: the protocol, then the payload. */
export interface Address {
  readonly protocol: Protocol
  readonly payload: Uint8Array
}

/** `f` on mainnet, `t` on every other network: the same bytes. */
export type NetworkPrefix = 'f' | 't'

const checksumBytes = 4
const payloadBytes: Partial<Record<Protocol, number>> = { 1: 20, 2: 20, 3: 48 }
/** Of a delegated address, without the name space (FIP-0048). */
const maxSubaddressBytes = 54
/** Longest unsigned LEB128 of 64 bits. */
const maxVarintBytes = 10
const maxId = 2n ** 63n - 1n

function invalid(what: string): ChainFormatError {
  return new ChainFormatError('INVALID_ADDRESS', what)
}

/** LEB128 as short as it goes, or undefined. */
function readVarint(bytes: Uint8Array): { value: bigint; length: number } | undefined {
  let value = 0n
  for (let i = 0; i < Math.min(bytes.length, maxVarintBytes); i++) {
    const byte = bytes[i] as number
    value |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) return byte === 0 && i > 0 ? undefined : { value, length: i + 1 }
  }
  return undefined
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn)
    if (rest < 0x80n) return Uint8Array.from([...bytes, low])
    bytes.push(low | 0x80)
  }
}

function checkPayload(protocol: Protocol, payload: Uint8Array): void {
  const wanted = payloadBytes[protocol]
  if (wanted !== undefined && payload.length !== wanted) {
    throw invalid(`An f${protocol} address has ${wanted} bytes, this has ${payload.length}.`)
  }
  if (wanted !== undefined) return
  const number = readVarint(payload)
  if (!number || number.value > maxId) throw invalid(`An f${protocol} address begins with a number; this does not.`)
  if (protocol === 0 && number.length !== payload.length) throw invalid('An f0 address is a number and nothing else.')
  if (protocol === 4 && payload.length - number.length > maxSubaddressBytes) {
    throw invalid(`A delegated address has at most ${maxSubaddressBytes} bytes behind its name space.`)
  }
}

/** @throws ChainFormatError `INVALID_ADDRESS` */
export function decodeAddress(bytes: Uint8Array): Address {
  const protocol = bytes[0]
  if (protocol === undefined || protocol > 4) throw invalid(`No address begins with ${protocol ?? 'nothing'}.`)
  const payload = bytes.subarray(1)
  checkPayload(protocol as Protocol, payload)
  return { protocol: protocol as Protocol, payload }
}

export function encodeAddress({ protocol, payload }: Address): Uint8Array {
  return Uint8Array.of(protocol, ...payload)
}

export function idAddress(id: number | bigint): Address {
  if (BigInt(id) < 0n || BigInt(id) > maxId) throw invalid(`${id} is no actor's number.`)
  return { protocol: 0, payload: varint(BigInt(id)) }
}

/** The number of an f0 address; undefined for any other. */
export function idOf({ protocol, payload }: Address): number | undefined {
  return protocol === 0 ? Number(readVarint(payload)?.value) : undefined
}

/** Address of a secp256k1 key. `publicKey`: 65 bytes, uncompressed. */
export function secpAddress(publicKey: Uint8Array): Address {
  return { protocol: 1, payload: blake2b(publicKey, { dkLen: 20 }) }
}

/** Address of a BLS key. `publicKey`: 48 bytes, a compressed point of G1. */
export function blsAddress(publicKey: Uint8Array): Address {
  return { protocol: 3, payload: publicKey }
}

function checksum(address: Address): Uint8Array {
  return blake2b(encodeAddress(address), { dkLen: checksumBytes })
}

/** As people write it: `f01234`, `f1…`, `f410f…`. */
export function formatAddress(address: Address, prefix: NetworkPrefix = 'f'): string {
  const { protocol, payload } = address
  if (protocol === 0) return `${prefix}0${readVarint(payload)?.value}`
  const namespace = protocol === 4 ? readVarint(payload) : undefined
  const shown = payload.subarray(namespace?.length ?? 0)
  return `${prefix}${protocol}${namespace ? `${namespace.value}f` : ''}${base32.baseEncode(Uint8Array.of(...shown, ...checksum(address)))}`
}

/** The library takes capitals too; the chain does not. */
function decodeBase32(text: string): Uint8Array {
  try {
    if (/^[a-z2-7]+$/.test(text)) return base32.baseDecode(text)
  } catch {
    // Bits are left over.
  }
  throw invalid('An address is base32 of lower-case letters and the digits 2 to 7.')
}

function parseBase32(text: string, namespace?: bigint): { payload: Uint8Array; given: Uint8Array } {
  const bytes = decodeBase32(text)
  if (bytes.length < checksumBytes) throw invalid('The address is too short.')
  const payload = bytes.subarray(0, -checksumBytes)
  const given = bytes.subarray(-checksumBytes)
  return { payload: namespace === undefined ? payload : Uint8Array.of(...varint(namespace), ...payload), given }
}

function parseId(digits: string): Address {
  if (!/^(0|[1-9]\d{0,18})$/.test(digits)) throw invalid(`${JSON.stringify(digits)} is no actor's number.`)
  return idAddress(BigInt(digits))
}

/** @throws ChainFormatError `INVALID_ADDRESS` */
export function parseAddress(text: string): Address {
  const match = /^[ft]([0-4])(.{1,120})$/.exec(text)
  if (!match) throw invalid(`An address begins with f0 to f4, or t0 to t4; this is ${JSON.stringify(text.slice(0, 100))}.`)
  const protocol = Number(match[1]) as Protocol
  const rest = match[2] as string
  if (protocol === 0) return parseId(rest)
  const delegated = protocol === 4 ? /^(0|[1-9]\d{0,18})f(.+)$/.exec(rest) : null
  if (protocol === 4 && !delegated) throw invalid('A delegated address names its name space and an f before the rest.')
  const { payload, given } = delegated ? parseBase32(delegated[2] as string, BigInt(delegated[1] as string)) : parseBase32(rest)
  const address: Address = { protocol, payload }
  checkPayload(protocol, payload)
  const wanted = checksum(address)
  if (wanted.some((byte, i) => byte !== given[i])) throw invalid(`The checksum of ${text} is wrong: it was mistyped.`)
  return address
}

export function isSameAddress(a: Address, b: Address): boolean {
  return a.protocol === b.protocol && a.payload.length === b.payload.length && a.payload.every((byte, i) => byte === b.payload[i])
}

export function readAddress(reader: CborReader): Address {
  return decodeAddress(reader.readBytes())
}

export function addressBytes(address: Address): Piece {
  return byteString(encodeAddress(address))
}
