import type { CID } from 'multiformats/cid'
import { type Address, addressBytes, readAddress } from './address.ts'
import { bigInt, readBigInt } from './big-int.ts'
import { type CborReader, decodeAll, readList } from './cbor/reader.ts'
import { byteString, encode, integer, link, nothing, type Piece, tuple } from './cbor/writer.ts'
import { chainCid } from './cid.ts'
import { readSignature, type Signature, signatureBytes } from './signature.ts'

export interface BeaconEntry {
  round: number
  data: Uint8Array
}

/** A block of the chain, without its messages. */
export interface BlockHeader {
  miner: Address
  /** VRF proof. Genesis has one of its own kind. */
  ticket: Uint8Array | null
  electionProof: { winCount: number; vrfProof: Uint8Array } | null
  beaconEntries: BeaconEntry[]
  winPostProofs: { type: number; bytes: Uint8Array }[]
  parents: CID[]
  parentWeight: bigint
  /** Epoch. */
  height: number
  /** State after the *parents'* messages. */
  parentStateRoot: CID
  parentMessageReceipts: CID
  /** Of a `MessageMeta`. */
  messages: CID
  blsAggregate: Signature | null
  /** Unix time in seconds. */
  timestamp: number
  blockSignature: Signature | null
  forkSignaling: number
  parentBaseFee: bigint
}

function readOptional<T>(reader: CborReader, read: () => T): T | null {
  return reader.takeNull() ? null : read()
}

function readTicket(reader: CborReader): Uint8Array {
  reader.readTuple(1, 'A ticket')
  return reader.readBytes()
}

function readElectionProof(reader: CborReader): BlockHeader['electionProof'] {
  reader.readTuple(2, 'An election proof')
  return { winCount: reader.readInt(), vrfProof: reader.readBytes() }
}

function readBeaconEntry(reader: CborReader): BeaconEntry {
  reader.readTuple(2, 'A beacon entry')
  return { round: reader.readUint(), data: reader.readBytes() }
}

function readPostProof(reader: CborReader): BlockHeader['winPostProofs'][number] {
  reader.readTuple(2, 'A proof of spacetime')
  return { type: reader.readInt(), bytes: reader.readBytes() }
}

function readHeader(reader: CborReader): BlockHeader {
  reader.readTuple(16, 'A block header')
  return {
    miner: readAddress(reader),
    ticket: readOptional(reader, () => readTicket(reader)),
    electionProof: readOptional(reader, () => readElectionProof(reader)),
    beaconEntries: readList(reader, readBeaconEntry),
    winPostProofs: readList(reader, readPostProof),
    parents: readList(reader, (item) => item.readCid()),
    parentWeight: readBigInt(reader),
    height: reader.readInt(),
    parentStateRoot: reader.readCid(),
    parentMessageReceipts: reader.readCid(),
    messages: reader.readCid(),
    blsAggregate: readOptional(reader, () => readSignature(reader)),
    timestamp: reader.readUint(),
    blockSignature: readOptional(reader, () => readSignature(reader)),
    forkSignaling: reader.readUint(),
    parentBaseFee: readBigInt(reader),
  }
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR` */
export function decodeBlockHeader(bytes: Uint8Array): BlockHeader {
  return decodeAll(bytes, readHeader)
}

function optional<T>(value: T | null, write: (value: T) => Piece): Piece {
  return value === null ? nothing() : write(value)
}

export function encodeBlockHeader(header: BlockHeader): Uint8Array {
  return encode(
    tuple(
      addressBytes(header.miner),
      optional(header.ticket, (proof) => tuple(byteString(proof))),
      optional(header.electionProof, ({ winCount, vrfProof }) => tuple(integer(winCount), byteString(vrfProof))),
      tuple(...header.beaconEntries.map(({ round, data }) => tuple(integer(round), byteString(data)))),
      tuple(...header.winPostProofs.map(({ type, bytes }) => tuple(integer(type), byteString(bytes)))),
      tuple(...header.parents.map(link)),
      bigInt(header.parentWeight),
      integer(header.height),
      link(header.parentStateRoot),
      link(header.parentMessageReceipts),
      link(header.messages),
      optional(header.blsAggregate, signatureBytes),
      integer(header.timestamp),
      optional(header.blockSignature, signatureBytes),
      integer(header.forkSignaling),
      bigInt(header.parentBaseFee),
    ),
  )
}

/** The CID of a block is that of its header. */
export function blockCid(header: BlockHeader): CID {
  return chainCid(encodeBlockHeader(header))
}
