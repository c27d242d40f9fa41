import * as dagPb from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block } from '../block.ts'
import { dagPbCid, rawCid } from '../hash/cid.ts'
import { type Allocate, chunksOf } from './chunk.ts'
import { fileNodeData } from './file-node.ts'

/** Bytes of every leaf but the last. With `MAX_LINKS` it decides the CID of a file, so neither may ever change. */
export const CHUNK_BYTES = 262_144

/** Children of an inner node of a file. */
const MAX_LINKS = 174

/** Leaves being hashed at a time: enough for a few cores, at 2 MiB of memory. */
const MAX_IN_FLIGHT = 8

/** What a directory has to know about what it holds. */
export interface PackedEntry {
  cid: CID
  /** Bytes of all blocks of the DAG, repeated where they are repeated: UnixFS' cumulative size (`Tsize`). */
  dagBytes: number
}

export interface PackedFile extends PackedEntry {
  /** Bytes of the file itself. */
  fileBytes: number
}

export interface PackFileOptions extends AbortOptions {
  /** Where leaves that are put together from several pieces get their memory: to use the same again and again. */
  allocate?: Allocate | undefined
}

/**
 * Makes a file into blocks as nft.storage did: CIDv1, sha2-256, raw leaves, balanced, no mode or time. A file of one chunk is
 * one raw block, an empty file the empty raw block. Blocks come children first, in the order of the file; memory does not grow
 * with the file. Leaves may be views of what the source gave, which must not be overwritten.
 */
export async function* packFile(
  source: AsyncIterable<Uint8Array>,
  options: PackFileOptions = {},
): AsyncGenerator<Block, PackedFile, undefined> {
  const levels: PackedFile[][] = [[]]
  for await (const leaf of hashedLeaves(source, options)) {
    yield leaf
    const leafBytes = leaf.bytes.length
    let node: PackedFile = { cid: leaf.cid, fileBytes: leafBytes, dagBytes: leafBytes }
    for (let level = 0; ; level++) {
      const siblings = levels[level] ?? []
      levels[level] = siblings
      siblings.push(node)
      if (siblings.length < MAX_LINKS) break
      levels[level] = []
      node = yield* packParent(siblings)
    }
  }
  return yield* closeLevels(levels)
}

/** Gives the nodes left over on every level a parent, up to the root. */
async function* closeLevels(levels: PackedFile[][]): AsyncGenerator<Block, PackedFile, undefined> {
  let last: PackedFile | undefined
  for (const [level, siblings] of levels.entries()) {
    if (last !== undefined) siblings.push(last)
    const [only] = siblings
    if (only === undefined) continue
    last = level === levels.length - 1 && siblings.length === 1 ? only : yield* packParent(siblings)
  }
  return last!
}

async function* packParent(children: readonly PackedFile[]): AsyncGenerator<Block, PackedFile, undefined> {
  const links = children.map((child) => ({ Hash: child.cid, Name: '', Tsize: child.dagBytes }))
  const bytes = dagPb.encode({ Data: fileNodeData(children.map((child) => child.fileBytes)), Links: links })
  const cid = await dagPbCid(bytes)
  yield { cid, bytes }
  let fileBytes = 0
  let dagBytes = bytes.length
  for (const child of children) {
    fileBytes += child.fileBytes
    dagBytes += child.dagBytes
  }
  return { cid, fileBytes, dagBytes }
}

async function* hashedLeaves(source: AsyncIterable<Uint8Array>, { signal, allocate }: PackFileOptions): AsyncGenerator<Block> {
  const inFlight: Promise<Block>[] = []
  let isEmpty = true
  for await (const bytes of chunksOf(source, CHUNK_BYTES, allocate)) {
    signal?.throwIfAborted()
    isEmpty = false
    inFlight.push(packLeaf(bytes))
    if (inFlight.length === MAX_IN_FLIGHT) yield inFlight.shift()!
  }
  if (isEmpty) yield packLeaf(new Uint8Array())
  for (const leaf of inFlight) yield leaf
}

async function packLeaf(bytes: Uint8Array): Promise<Block> {
  return { cid: await rawCid(bytes), bytes }
}
