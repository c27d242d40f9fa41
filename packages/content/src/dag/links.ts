import { CID } from 'multiformats/cid'
import { CBOR, DAG_CBOR, DAG_JSON, DAG_PB, IDENTITY_CODEC, JSON_CODEC, RAW } from '../hash/cid.ts'
import { decodeDagCbor, decodeDagJson, decodeDagPb } from './decode-block.ts'

/**
 * The blocks a block points at, in the order they stand in it, repeated where they are repeated. `undefined` when the codec is
 * not one we can read. The CIDs are views of `bytes`: copy what has to be kept for long.
 *
 * @throws {ContentError} `INVALID_BLOCK` when the bytes do not decode as the codec of the CID.
 */
export function linksOf(cid: CID, bytes: Uint8Array): CID[] | undefined {
  switch (cid.code) {
    case RAW:
    case CBOR:
    case JSON_CODEC:
    case IDENTITY_CODEC:
      return []
    case DAG_PB:
      return decodeDagPb(cid, bytes).Links.map((link) => link.Hash)
    case DAG_CBOR:
      return linksIn(decodeDagCbor(cid, bytes))
    case DAG_JSON:
      return linksIn(decodeDagJson(cid, bytes))
    default:
      return undefined
  }
}

function linksIn(root: unknown): CID[] {
  const links: CID[] = []
  const pending: unknown[] = [root]
  while (pending.length > 0) {
    const value = pending.pop()
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue
    const cid = CID.asCID(value)
    if (cid !== null) {
      links.push(cid)
      continue
    }
    const children = Array.isArray(value) ? value : Object.values(value)
    for (let index = children.length - 1; index >= 0; index--) pending.push(children[index])
  }
  return links
}
