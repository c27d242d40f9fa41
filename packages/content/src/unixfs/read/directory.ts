import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block, BlockSource } from '../../block.ts'
import { withIdentity } from '../../dag/identity.ts'
import { type Expanded, type Visit, walk } from '../../dag/walk.ts'
import { ContentError } from '../../errors.ts'
import { findInHamt, prefixLengthOf } from '../../hamt/find.ts'
import { cidOfLink, decodeUnixFs } from './node.ts'
import { findDagPbLink, type RawLink, scanLinks } from './scan.ts'

/** One name in a directory. */
export interface DirectoryEntry {
  name: string
  cid: CID
  /** Size of the DAG behind the entry as the directory claims it, in bytes: a little more than the size of a file. */
  cumulativeSizeBytes: number
}

export interface ListDirectoryOptions extends AbortOptions {
  /** The block of the directory where it has been read already. */
  bytes?: Uint8Array | undefined
}

interface Shard {
  block: Block
  entries: DirectoryEntry[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * Yields the entries of a directory, basic or sharded, in the order in which they are stored. Memory does not grow with a sharded
 * directory. Throws `INVALID_BLOCK` where `cid` is not a directory, and what `blocks` throws.
 */
export async function* listDirectory(
  blocks: BlockSource,
  cid: CID,
  options: ListDirectoryOptions = {},
): AsyncGenerator<DirectoryEntry> {
  for await (const { entries } of visitDirectory(blocks, cid, options)) yield* entries
}

/** Yields the blocks needed to enumerate a directory, depth first from its root. */
export async function* directoryBlocks(blocks: BlockSource, cid: CID, options: ListDirectoryOptions = {}): AsyncGenerator<Block> {
  for await (const { block } of visitDirectory(blocks, cid, options)) yield block
}

/** Looks one name up. `shards` are the blocks that were read for it below the directory's own; undefined where there is no such name. */
export async function findInDirectory(
  blocks: BlockSource,
  directory: Block,
  name: string,
  options?: AbortOptions,
): Promise<{ cid: CID; shards: Block[] } | undefined> {
  const node = decodeUnixFs(directory.cid, directory.bytes)
  if (node.type === 'hamt-sharded-directory') return findInHamt(withIdentity(blocks), directory, name, options)
  if (node.type !== 'directory') return undefined
  const link = findDagPbLink(directory.bytes, encoder.encode(name), true)
  return link && { cid: cidOfLink(link), shards: [] }
}

function visitDirectory(blocks: BlockSource, cid: CID, { signal, bytes }: ListDirectoryOptions): AsyncGenerator<Shard> {
  return walk(withIdentity(blocks), { cid, info: undefined }, expand, { signal, bytes })
}

function expand(bytes: Uint8Array, { cid }: Visit<undefined>): Expanded<undefined, Shard> {
  const node = decodeUnixFs(cid, bytes)
  const entries: DirectoryEntry[] = []
  const children: Visit<undefined>[] = []
  if (node.type === 'directory') {
    scanLinks(bytes, (link) => entries.push(entryOf(link, 0)))
  } else if (node.type === 'hamt-sharded-directory') {
    const prefix = prefixLengthOf(cid, node)
    scanLinks(bytes, (link) => {
      if (link.name.length > prefix) entries.push(entryOf(link, prefix))
      else children.push({ cid: cidOfLink(link), info: undefined })
    })
  } else throw new ContentError('INVALID_BLOCK', `Block ${cid} is not a directory.`)
  return { value: { block: { cid, bytes }, entries }, children }
}

function entryOf(link: RawLink, prefix: number): DirectoryEntry {
  return { name: decoder.decode(link.name.subarray(prefix)), cid: cidOfLink(link), cumulativeSizeBytes: link.tsize }
}
