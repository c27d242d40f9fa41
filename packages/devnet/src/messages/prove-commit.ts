import { type Address, addressBytes, idAddress, readAddress } from '@keepsake/filecoin/address.ts'
import { type CborReader, decodeAll, readList } from '@keepsake/filecoin/cbor/reader.ts'
import { boolean, byteString, encode, integer, link, nothing, type Piece, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import type { CID } from 'multiformats/cid'

/** Data in a sector, and whom to tell that it is there. */
export interface PieceManifest {
  /** Version 1. */
  pieceCid: CID
  /** Padded. */
  pieceSizeBytes: number
  /** Verified data that it is; always null here. */
  allocation: { client: number; id: number } | null
  notify: { address: Address; payload: Uint8Array }[]
}

export interface SectorManifest {
  sector: number
  pieces: PieceManifest[]
}

/** Parameters of a provider's method 34, ProveCommitSectors3. */
export interface ProveCommitParams {
  sectors: SectorManifest[]
  /** One a sector: what `encodeLeafProofs` writes. */
  proofs: Uint8Array[]
  aggregateProof: Uint8Array
  aggregateProofType: number | null
  /** All sectors or none. */
  requireActivationSuccess: boolean
  /** A sector whose notices are refused is not activated. */
  requireNotificationSuccess: boolean
}

/** Whom to tell of the piece of a deal: the market, with the deal's number. */
export function dealNotice(dealId: number): PieceManifest['notify'][number] {
  return { address: idAddress(5), payload: encode(integer(dealId)) }
}

function readPiece(reader: CborReader): PieceManifest {
  reader.readTuple(4, 'A piece of a sector')
  return {
    pieceCid: reader.readCid(),
    pieceSizeBytes: reader.readUint(),
    allocation: reader.takeNull() ? null : readAllocation(reader),
    notify: readList(reader, (item) => {
      item.readTuple(2, 'A notice')
      return { address: readAddress(item), payload: item.readBytes() }
    }),
  }
}

function readAllocation(reader: CborReader): { client: number; id: number } {
  reader.readTuple(2, 'An allocation')
  return { client: reader.readUint(), id: reader.readUint() }
}

function readSector(reader: CborReader): SectorManifest {
  reader.readTuple(2, 'The pieces of a sector')
  return { sector: reader.readUint(), pieces: readList(reader, readPiece) }
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR`, `INVALID_ADDRESS` */
export function decodeProveCommitParams(bytes: Uint8Array): ProveCommitParams {
  return decodeAll(bytes, (reader) => {
    reader.readTuple(6, 'The parameters of ProveCommitSectors3')
    return {
      sectors: readList(reader, readSector),
      proofs: readList(reader, (item) => item.readBytes()),
      aggregateProof: reader.readBytes(),
      aggregateProofType: reader.takeNull() ? null : reader.readInt(),
      requireActivationSuccess: reader.readBoolean(),
      requireNotificationSuccess: reader.readBoolean(),
    }
  })
}

function manifestPiece({ pieceCid, pieceSizeBytes, allocation, notify }: PieceManifest): Piece {
  return tuple(
    link(pieceCid),
    integer(pieceSizeBytes),
    allocation === null ? nothing() : tuple(integer(allocation.client), integer(allocation.id)),
    tuple(...notify.map(({ address, payload }) => tuple(addressBytes(address), byteString(payload)))),
  )
}

export function encodeProveCommitParams(params: ProveCommitParams): Uint8Array {
  return encode(
    tuple(
      tuple(...params.sectors.map(({ sector, pieces }) => tuple(integer(sector), tuple(...pieces.map(manifestPiece))))),
      tuple(...params.proofs.map(byteString)),
      byteString(params.aggregateProof),
      params.aggregateProofType === null ? nothing() : integer(params.aggregateProofType),
      boolean(params.requireActivationSuccess),
      boolean(params.requireNotificationSuccess),
    ),
  )
}

/** What a method over a batch gives back: how many went well, and why each of the others did not. */
export interface BatchReturn {
  successCount: number
  failures: { index: number; exitCode: number }[]
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR` */
export function decodeBatchReturn(bytes: Uint8Array): BatchReturn {
  return decodeAll(bytes, (reader) => {
    reader.readTuple(2, 'The result of a batch')
    const successCount = reader.readUint()
    const failures = readList(reader, (item) => {
      item.readTuple(2, 'A failure of a batch')
      return { index: item.readUint(), exitCode: item.readUint() }
    })
    return { successCount, failures }
  })
}

export function encodeBatchReturn({ successCount, failures }: BatchReturn): Uint8Array {
  const failed = failures.map(({ index, exitCode }) => tuple(integer(index), integer(exitCode)))
  return encode(tuple(integer(successCount), tuple(...failed)))
}
