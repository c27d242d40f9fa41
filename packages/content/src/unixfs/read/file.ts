import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block, BlockSource } from '../../block.ts'
import { withIdentity } from '../../dag/identity.ts'
import { type Expanded, type Visit, walk } from '../../dag/walk.ts'
import { ContentError } from '../../errors.ts'
import { DAG_PB } from '../../hash/cid.ts'
import { decodeUnixFs, isFile, linkedCids, sizeOfFile } from './node.ts'

export interface ReadFileOptions extends AbortOptions {
  /** First byte, from 0. */
  offset?: number | undefined
  /** How many bytes; to the end of the file when left out. What lies past the end is left out. */
  length?: number | undefined
  /** The block of `cid` where it has been read already. */
  bytes?: Uint8Array | undefined
}

/** Where a block lies in its file; the size is what its parent says, unknown for the root. */
interface Part {
  start: number
  sizeBytes: number | undefined
}

interface Visited {
  block: Block
  /** The bytes of the file that this block holds itself and that were asked for. */
  slice: Uint8Array
}

/**
 * Yields the bytes of a UnixFS file in order, as views into its blocks. Only blocks that hold bytes asked for, and the nodes above
 * them, are read. A node whose parts are not as long as its parent says is `INVALID_BLOCK`: a reader that was promised a length
 * gets exactly that or an error. Also throws what `blocks` throws.
 */
export async function* readFile(blocks: BlockSource, cid: CID, options: ReadFileOptions = {}): AsyncGenerator<Uint8Array> {
  for await (const { slice } of visitFile(blocks, cid, options)) if (slice.length > 0) yield slice
}

/** Yields the blocks needed to verify a range of a file, depth first from its root; at least the root. */
export async function* fileBlocks(blocks: BlockSource, cid: CID, options: ReadFileOptions = {}): AsyncGenerator<Block> {
  for await (const { block } of visitFile(blocks, cid, options)) yield block
}

function visitFile(blocks: BlockSource, cid: CID, options: ReadFileOptions): AsyncGenerator<Visited> {
  const { offset = 0, length = Number.POSITIVE_INFINITY, signal, bytes } = options
  const end = offset + length
  const root: Visit<Part> = { cid, info: { start: 0, sizeBytes: undefined } }
  return walk(withIdentity(blocks), root, (block, visit) => expand(block, visit, offset, end), { signal, bytes })
}

/** Which part of a node was asked for: its own bytes come first, then those behind its links. */
function expand(bytes: Uint8Array, visit: Visit<Part>, from: number, to: number): Expanded<Part, Visited> {
  const { cid, info } = visit
  const node = decodeUnixFs(cid, bytes)
  if (!isFile(node)) throw new ContentError('INVALID_BLOCK', `Block ${cid} should be part of a file and is a ${node.type}.`)
  const sizeBytes = sizeOfFile(node)
  if (info.sizeBytes !== undefined && info.sizeBytes !== sizeBytes) {
    throw new ContentError('INVALID_BLOCK', `Block ${cid} holds ${sizeBytes} bytes of a file, its parent says ${info.sizeBytes}.`)
  }
  const own = node.data
  const start = Math.max(0, from - info.start)
  const slice = start === 0 && to >= info.start + own.length ? own : own.subarray(start, Math.max(start, to - info.start))
  const block = { cid, bytes }
  if (cid.code !== DAG_PB || to <= from) return { value: { block, slice }, children: [] }
  return { value: { block, slice }, children: childrenInRange(bytes, visit, node, from, to) }
}

function childrenInRange(
  bytes: Uint8Array,
  { cid, info }: Visit<Part>,
  { data, blockSizes }: { data: Uint8Array; blockSizes: readonly number[] },
  from: number,
  to: number,
): Visit<Part>[] {
  const links = linkedCids(bytes)
  if (links.length !== blockSizes.length) {
    throw new ContentError('INVALID_BLOCK', `Block ${cid} has ${links.length} links and sizes for ${blockSizes.length}.`)
  }
  const children: Visit<Part>[] = []
  let start = info.start + data.length
  for (const [index, link] of links.entries()) {
    const sizeBytes = blockSizes[index]!
    const end = start + sizeBytes
    // A part of no bytes is never read: a few blocks can link it more often than anybody can wait for.
    if (sizeBytes > 0 && end > from && start < to) children.push({ cid: link, info: { start, sizeBytes } })
    start = end
  }
  return children
}
