import { addressBytes, idAddress, idOf, readAddress } from '@keepsake/filecoin/address.ts'
import { bigInt } from '@keepsake/filecoin/big-int.ts'
import { CborReader, readList } from '@keepsake/filecoin/cbor/reader.ts'
import { byteString, encode, integer, nothing, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import { DEVNET_PROOF } from '../messages/proof-types.ts'

/** Sectors of a partition at most: so few that a proof of one is a small message. */
export const sectorsPerPartition = 32

/** Who a storage provider is. Parties are numbers of actors. */
export interface ProviderInfo {
  owner: number
  worker: number
  /** Others that may send its messages. */
  controls: number[]
  peerId: Uint8Array
  multiaddrs: Uint8Array[]
  sectorSizeBytes: number
}

/** The form of actors v13: 14 fields. */
export function encodeProviderInfo(info: ProviderInfo): Uint8Array {
  const id = (actor: number) => addressBytes(idAddress(actor))
  return encode(
    tuple(
      id(info.owner),
      id(info.worker),
      tuple(...info.controls.map(id)),
      nothing(),
      byteString(info.peerId),
      tuple(...info.multiaddrs.map(byteString)),
      integer(DEVNET_PROOF),
      integer(info.sectorSizeBytes),
      integer(sectorsPerPartition),
      integer(-1),
      nothing(),
      id(info.owner),
      tuple(bigInt(0n), bigInt(0n), integer(0)),
      nothing(),
    ),
  )
}

export function decodeProviderInfo(bytes: Uint8Array): ProviderInfo {
  const reader = new CborReader(bytes)
  reader.readTuple(14, 'What a provider says of itself')
  const id = (from: CborReader) => idOf(readAddress(from))!
  const owner = id(reader)
  const worker = id(reader)
  const controls = readList(reader, id)
  reader.skip()
  const peerId = reader.readBytes()
  const multiaddrs = readList(reader, (item) => item.readBytes())
  reader.readInt()
  return { owner, worker, controls, peerId, multiaddrs, sectorSizeBytes: reader.readUint() }
}
