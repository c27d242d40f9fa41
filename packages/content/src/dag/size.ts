import type { CID } from 'multiformats/cid'
import { DAG_PB, RAW } from '../hash/cid.ts'
import { decodeDagPb } from './decode-block.ts'

/**
 * How many bytes the DAG below a root has, as far as the root alone tells: the bytes of a raw block; for dag-pb the bytes of
 * the block and the sizes its links claim, which nobody has checked. `undefined` for other codecs, and for claims whose sum
 * is more than an integer can hold.
 *
 * @throws {ContentError} `INVALID_BLOCK` when a dag-pb root does not decode.
 */
export function dagBytesOf(cid: CID, bytes: Uint8Array): number | undefined {
  if (cid.code === RAW) return bytes.length
  if (cid.code !== DAG_PB) return undefined
  let sum = bytes.length
  for (const link of decodeDagPb(cid, bytes).Links) sum += link.Tsize ?? 0
  return Number.isSafeInteger(sum) ? sum : undefined
}
