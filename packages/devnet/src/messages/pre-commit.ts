import { type CborReader, decodeAll, readList } from '@keepsake/filecoin/cbor/reader.ts'
import { encode, integer, link, nothing, type Piece, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import type { CID } from 'multiformats/cid'

/** What a provider says of a sector before it proves that it holds it. */
export interface SectorPreCommit {
  /** `DEVNET_PROOF` here. */
  sealProof: number
  sector: number
  sealedCid: CID
  sealRandomnessEpoch: number
  dealIds: number[]
  expiration: number
  /** Commitment of the data; null for a sector without any. */
  unsealedCid: CID | null
}

export function readSectorPreCommit(reader: CborReader): SectorPreCommit {
  reader.readTuple(7, 'A pre-commitment of a sector')
  return {
    sealProof: reader.readInt(),
    sector: reader.readUint(),
    sealedCid: reader.readCid(),
    sealRandomnessEpoch: reader.readInt(),
    dealIds: readList(reader, (item) => item.readUint()),
    expiration: reader.readInt(),
    unsealedCid: reader.takeNull() ? null : reader.readCid(),
  }
}

export function sectorPreCommitPiece(sector: SectorPreCommit): Piece {
  return tuple(
    integer(sector.sealProof),
    integer(sector.sector),
    link(sector.sealedCid),
    integer(sector.sealRandomnessEpoch),
    tuple(...sector.dealIds.map(integer)),
    integer(sector.expiration),
    sector.unsealedCid === null ? nothing() : link(sector.unsealedCid),
  )
}

/** Parameters of a provider's method 28, PreCommitSectorBatch2. @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR` */
export function decodePreCommitParams(bytes: Uint8Array): SectorPreCommit[] {
  return decodeAll(bytes, (reader) => {
    reader.readTuple(1, 'The parameters of PreCommitSectorBatch2')
    return readList(reader, readSectorPreCommit)
  })
}

export function encodePreCommitParams(sectors: readonly SectorPreCommit[]): Uint8Array {
  return encode(tuple(tuple(...sectors.map(sectorPreCommitPiece))))
}
