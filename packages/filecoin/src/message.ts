import type { CID } from 'multiformats/cid'
import { type Address, addressBytes, readAddress } from './address.ts'
import { bigInt, readBigInt } from './big-int.ts'
import { type CborReader, decodeAll } from './cbor/reader.ts'
import { byteString, encode, integer, link, type Piece, tuple } from './cbor/writer.ts'
import { chainCid } from './cid.ts'
import { readSignature, type Signature, signatureBytes } from './signature.ts'

export interface Message {
  version: number
  to: Address
  from: Address
  nonce: number
  /** attoFIL. */
  value: bigint
  gasLimit: number
  gasFeeCap: bigint
  gasPremium: bigint
  method: number
  params: Uint8Array
}

export interface SignedMessage {
  message: Message
  signature: Signature
}

function readMessage(reader: CborReader): Message {
  reader.readTuple(10, 'A message')
  return {
    version: reader.readUint(),
    to: readAddress(reader),
    from: readAddress(reader),
    nonce: reader.readUint(),
    value: readBigInt(reader),
    gasLimit: reader.readInt(),
    gasFeeCap: readBigInt(reader),
    gasPremium: readBigInt(reader),
    method: reader.readUint(),
    params: reader.readBytes(),
  }
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR`, `INVALID_ADDRESS` */
export function decodeMessage(bytes: Uint8Array): Message {
  return decodeAll(bytes, readMessage)
}

/** @throws ChainFormatError as `decodeMessage`, and `INVALID_SIGNATURE` */
export function decodeSignedMessage(bytes: Uint8Array): SignedMessage {
  return decodeAll(bytes, (reader) => {
    reader.readTuple(2, 'A signed message')
    return { message: readMessage(reader), signature: readSignature(reader) }
  })
}

function messagePiece(message: Message): Piece {
  return tuple(
    integer(message.version),
    addressBytes(message.to),
    addressBytes(message.from),
    integer(message.nonce),
    bigInt(message.value),
    integer(message.gasLimit),
    bigInt(message.gasFeeCap),
    bigInt(message.gasPremium),
    integer(message.method),
    byteString(message.params),
  )
}

export function encodeMessage(message: Message): Uint8Array {
  return encode(messagePiece(message))
}

export function encodeSignedMessage({ message, signature }: SignedMessage): Uint8Array {
  return encode(tuple(messagePiece(message), signatureBytes(signature)))
}

/** The CID of a message without its signature; its bytes are what is signed. */
export function messageCid(message: Message): CID {
  return chainCid(encodeMessage(message))
}

/** As blocks list it: messages of BLS keys without their signature, which the block aggregates, all others with it. */
export function listedCid(signed: SignedMessage): CID {
  return signed.signature.kind === 'bls' ? messageCid(signed.message) : chainCid(encodeSignedMessage(signed))
}

/** What `messages` of a header links to: two arrays of the CIDs of messages. */
export interface MessageMeta {
  blsMessages: CID
  secpMessages: CID
}

export function decodeMessageMeta(bytes: Uint8Array): MessageMeta {
  return decodeAll(bytes, (reader) => {
    reader.readTuple(2, 'The list of messages')
    return { blsMessages: reader.readCid(), secpMessages: reader.readCid() }
  })
}

export function encodeMessageMeta({ blsMessages, secpMessages }: MessageMeta): Uint8Array {
  return encode(tuple(link(blsMessages), link(secpMessages)))
}
