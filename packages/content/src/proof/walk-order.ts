import type { CID } from 'multiformats/cid'
import { identityBytes, isIdentity } from '../dag/identity.ts'
import { linksOf } from '../dag/links.ts'
import { MAX_DEPTH } from '../dag/walk.ts'
import { ContentError } from '../errors.ts'
import { CBOR, JSON_CODEC, RAW } from '../hash/cid.ts'

export interface OrderedBlock {
  cid: CID
  /** Of a block that may have links; leaves are not read. */
  bytes: Uint8Array | undefined
}

/**
 * The blocks of a DAG in the order a proof counts them: from the root, a block before what it links to, links in their order, each block only where it
 * is met first, whatever codec it is met with. Blocks inside identity CIDs are followed and do not count.
 *
 * `read` gives bytes that were checked. Throws what it throws, `UNSUPPORTED_CODEC` for a block whose links cannot be read, `LIMIT_EXCEEDED` below
 * `MAX_DEPTH`.
 */
export async function* walkOrder(
  root: CID,
  read: (cid: CID) => Promise<Uint8Array>,
): AsyncGenerator<OrderedBlock, void, undefined> {
  const counted = new Set<string>()
  const followed = new Set<string>()
  const stack: { links: readonly CID[]; at: number }[] = [{ links: [root], at: 0 }]
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    const cid = frame.links[frame.at++]
    if (cid === undefined) {
      stack.pop()
      continue
    }
    const name = String.fromCharCode(...cid.multihash.bytes)
    const isLeaf = cid.code === RAW || cid.code === CBOR || cid.code === JSON_CODEC
    if (isLeaf ? counted.has(name) || isIdentity(cid) : followed.has(name + cid.code)) continue
    const bytes = isLeaf ? undefined : isIdentity(cid) ? identityBytes(cid) : await read(cid)
    if (!isIdentity(cid) && counted.size < counted.add(name).size) yield { cid, bytes }
    if (bytes === undefined) continue
    followed.add(name + cid.code)
    const links = linksOf(cid, bytes)
    if (!links) throw new ContentError('UNSUPPORTED_CODEC', `What block ${cid} links to cannot be read: its codec is not known.`)
    if (stack.push({ links, at: 0 }) > MAX_DEPTH)
      throw new ContentError('LIMIT_EXCEEDED', `A DAG is more than ${MAX_DEPTH} levels deep.`)
  }
}
