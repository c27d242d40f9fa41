import { decodeAddress, idAddress, idOf } from '@keepsake/filecoin/address.ts'

/** A number as maps of the chain have it for a key: LEB128, as in an f0 address. */
export function numberKey(number: number): Uint8Array {
  return idAddress(number).payload
}

export function numberOfKey(key: Uint8Array): number {
  return idOfBytes(Uint8Array.of(0, ...key))
}

/** The number in the bytes of an f0 address. */
export function idOfBytes(bytes: Uint8Array): number {
  return idOf(decodeAddress(bytes))!
}
