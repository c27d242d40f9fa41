import { type Bitfield, decodeBitfield, encodeBitfield } from '@keepsake/filecoin/bitfield.ts'
import { decodeAll, readList } from '@keepsake/filecoin/cbor/reader.ts'
import { boolean, byteString, encode, integer, tuple } from '@keepsake/filecoin/cbor/writer.ts'

/** Sectors of a partition that something is said of. */
export interface SectorSet {
  deadline: number
  partition: number
  sectors: Bitfield
}

/**
 * Parameters of a provider's methods 9, TerminateSectors; 10, DeclareFaults; and 11, DeclareFaultsRecovered, which have one form.
 *
 * @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR`, `INVALID_BITFIELD`
 */
export function decodeSectorSets(bytes: Uint8Array): SectorSet[] {
  return decodeAll(bytes, (reader) => {
    reader.readTuple(1, 'A declaration about sectors')
    return readList(reader, (item) => {
      item.readTuple(3, 'A set of sectors')
      return { deadline: item.readUint(), partition: item.readUint(), sectors: decodeBitfield(item.readBytes()) }
    })
  })
}

export function encodeSectorSets(sets: readonly SectorSet[]): Uint8Array {
  const written = sets.map(({ deadline, partition, sectors }) =>
    tuple(integer(deadline), integer(partition), byteString(encodeBitfield(sectors))),
  )
  return encode(tuple(tuple(...written)))
}

/** What TerminateSectors gives back: whether all was done at once. */
export function decodeTerminateReturn(bytes: Uint8Array): boolean {
  return decodeAll(bytes, (reader) => {
    reader.readTuple(1, 'The result of TerminateSectors')
    return reader.readBoolean()
  })
}

export function encodeTerminateReturn(done: boolean): Uint8Array {
  return encode(tuple(boolean(done)))
}
