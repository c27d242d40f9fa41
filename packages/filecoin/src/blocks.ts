import type { CID } from 'multiformats/cid'
import { ChainFormatError } from './errors.ts'

/** Where blocks of the chain come from: at once from memory, later from a node. Undefined where there is none. What it gives was checked. */
export type GetBlock = (cid: CID) => Uint8Array | undefined | Promise<Uint8Array | undefined>

/** Where new blocks go to; gives the CID by which they are linked. */
export type PutBlock = (bytes: Uint8Array) => CID

/** @throws ChainFormatError `BLOCK_NOT_FOUND` */
export function requireBlock(cid: CID, bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new ChainFormatError('BLOCK_NOT_FOUND', `Block ${cid} is not here.`)
  return bytes
}
