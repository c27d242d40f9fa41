import type { CID } from 'multiformats/cid'
import { type Address, addressBytes, readAddress } from '../address.ts'
import { bigInt, readBigInt } from '../big-int.ts'
import { type CborReader, decodeAll } from '../cbor/reader.ts'
import { boolean, byteString, encode, integer, link, type Piece, text, tuple } from '../cbor/writer.ts'
import { chainCid } from '../cid.ts'
import { readSignature, type Signature, signatureBytes, verifySignature } from '../signature.ts'

/**
 * What a client wrote on a deal. Before actors v8 any bytes stood in a CBOR text, so `bytes` need not be UTF-8; since then a text is one, and other
 * bytes are a byte string (FIP-0027).
 */
export interface DealLabel {
  isText: boolean
  bytes: Uint8Array
}

/** An offer to store a piece from one epoch to another. */
export interface DealProposal {
  pieceCid: CID
  /** Padded. */
  pieceSizeBytes: number
  /** Paid with DataCap. */
  verifiedDeal: boolean
  client: Address
  provider: Address
  label: DealLabel
  startEpoch: number
  endEpoch: number
  /** attoFIL, as the other amounts. */
  storagePricePerEpoch: bigint
  providerCollateral: bigint
  clientCollateral: bigint
}

function readLabel(reader: CborReader): DealLabel {
  return reader.isText() ? { isText: true, bytes: reader.readText() } : { isText: false, bytes: reader.readBytes() }
}

export function readDealProposal(reader: CborReader): DealProposal {
  reader.readTuple(11, 'A deal proposal')
  return {
    pieceCid: reader.readCid(),
    pieceSizeBytes: reader.readUint(),
    verifiedDeal: reader.readBoolean(),
    client: readAddress(reader),
    provider: readAddress(reader),
    label: readLabel(reader),
    startEpoch: reader.readInt(),
    endEpoch: reader.readInt(),
    storagePricePerEpoch: readBigInt(reader),
    providerCollateral: readBigInt(reader),
    clientCollateral: readBigInt(reader),
  }
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR`, `INVALID_ADDRESS` */
export function decodeDealProposal(bytes: Uint8Array): DealProposal {
  return decodeAll(bytes, readDealProposal)
}

function proposalPiece(proposal: DealProposal): Piece {
  const { label } = proposal
  return tuple(
    link(proposal.pieceCid),
    integer(proposal.pieceSizeBytes),
    boolean(proposal.verifiedDeal),
    addressBytes(proposal.client),
    addressBytes(proposal.provider),
    label.isText ? text(label.bytes) : byteString(label.bytes),
    integer(proposal.startEpoch),
    integer(proposal.endEpoch),
    bigInt(proposal.storagePricePerEpoch),
    bigInt(proposal.providerCollateral),
    bigInt(proposal.clientCollateral),
  )
}

export function encodeDealProposal(proposal: DealProposal): Uint8Array {
  return encode(proposalPiece(proposal))
}

export function dealProposalCid(proposal: DealProposal): CID {
  return chainCid(encodeDealProposal(proposal))
}

/** A proposal with the client's word for it. */
export interface ClientDealProposal {
  proposal: DealProposal
  /** What is signed: the proposal as it came, byte for byte. */
  proposalBytes: Uint8Array
  signature: Signature
}

function readClientDealProposal(reader: CborReader): ClientDealProposal {
  reader.readTuple(2, 'A signed deal proposal')
  const proposalBytes = reader.readRaw()
  return { proposal: decodeDealProposal(proposalBytes), proposalBytes, signature: readSignature(reader) }
}

export function decodeClientDealProposal(bytes: Uint8Array): ClientDealProposal {
  return decodeAll(bytes, readClientDealProposal)
}

export function encodeClientDealProposal({ proposalBytes, signature }: Omit<ClientDealProposal, 'proposal'>): Uint8Array {
  return encode(tuple(proposalBytes, signatureBytes(signature)))
}

/**
 * Whether the client's key signed the proposal.
 *
 * @param client its f1 or f3 address, where the proposal names it by number
 * @throws ChainFormatError `INVALID_SIGNATURE` for a kind that cannot be checked
 */
export function verifyClientDealProposal({ proposal, proposalBytes, signature }: ClientDealProposal, client?: Address): boolean {
  return verifySignature(signature, client ?? proposal.client, proposalBytes)
}

/** Parameters of the market's method 4, PublishStorageDeals. */
export function decodePublishParams(params: Uint8Array): ClientDealProposal[] {
  return decodeAll(params, (reader) => {
    reader.readTuple(1, 'The parameters of PublishStorageDeals')
    const length = reader.readArray()
    const deals: ClientDealProposal[] = []
    for (let i = 0; i < length; i++) deals.push(readClientDealProposal(reader))
    return deals
  })
}

export function encodePublishParams(deals: readonly Omit<ClientDealProposal, 'proposal'>[]): Uint8Array {
  return encode(tuple(tuple(...deals.map(encodeClientDealProposal))))
}
