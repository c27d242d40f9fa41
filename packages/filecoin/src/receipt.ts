import type { CID } from 'multiformats/cid'
import { decodeAll } from './cbor/reader.ts'
import { byteString, encode, integer, link, nothing, tuple } from './cbor/writer.ts'
import { ChainFormatError } from './errors.ts'

/** What became of a message. */
export interface Receipt {
  /** 0 is success. */
  exitCode: number
  return: Uint8Array
  gasUsed: number
  /** Since network version 18: the root of its events, or null. Before, receipts had no such field. */
  eventsRoot?: CID | null
}

/** @throws ChainFormatError `UNKNOWN_LAYOUT`, `INVALID_CBOR` */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  return decodeAll(bytes, (reader) => {
    const fields = reader.readArray()
    if (fields !== 3 && fields !== 4)
      throw new ChainFormatError('UNKNOWN_LAYOUT', `A receipt has 3 or 4 fields, this has ${fields}.`)
    const receipt = { exitCode: reader.readInt(), return: reader.readBytes(), gasUsed: reader.readInt() }
    return fields === 3 ? receipt : { ...receipt, eventsRoot: reader.takeNull() ? null : reader.readCid() }
  })
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  const { eventsRoot } = receipt
  const events = eventsRoot === undefined ? [] : [eventsRoot === null ? nothing() : link(eventsRoot)]
  return encode(tuple(integer(receipt.exitCode), byteString(receipt.return), integer(receipt.gasUsed), ...events))
}
