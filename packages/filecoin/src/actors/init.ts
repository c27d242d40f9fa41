import type { CID } from 'multiformats/cid'
import { type Address, encodeAddress, idAddress } from '../address.ts'
import type { GetBlock } from '../blocks.ts'
import { CborReader, decodeAll } from '../cbor/reader.ts'
import { findInHamt } from '../hamt.ts'

/** State of the init actor, f01: which number every other address has. Later versions have more fields behind. */
export interface InitState {
  /** HAMT of numbers by address. */
  addressMap: CID
  nextId: number
  /** As `mainnet`, `calibrationnet`. */
  networkName: string
}

/** @throws ChainFormatError `INVALID_CBOR` */
export function decodeInitState(bytes: Uint8Array): InitState {
  const reader = new CborReader(bytes)
  reader.readArray()
  return { addressMap: reader.readCid(), nextId: reader.readUint(), networkName: new TextDecoder().decode(reader.readText()) }
}

/** The f0 address of any address; undefined where the chain has not seen it. */
export async function resolveAddress(get: GetBlock, { addressMap }: InitState, address: Address): Promise<Address | undefined> {
  if (address.protocol === 0) return address
  const value = await findInHamt(get, addressMap, encodeAddress(address))
  return value && idAddress(decodeAll(value, (reader) => reader.readUint()))
}
