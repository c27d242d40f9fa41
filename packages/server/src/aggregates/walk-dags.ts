import type { AbortOptions } from '@keepsake/content/block.ts'
import { identityBytes, isIdentity } from '@keepsake/content/dag/identity.ts'
import { ContentError } from '@keepsake/content/errors.ts'
import { CBOR, JSON_CODEC, RAW } from '@keepsake/content/hash/cid.ts'
import { CID } from 'multiformats/cid'
import { outwardLinks } from '../blocks/dag-check.ts'
import type { Places } from '../blocks/location-finder.ts'
import { digestKey } from '../blocks/shard-writer.ts'
import type { ReadSection, SectionReader } from './section-reader.ts'
import { UnreadableBlockError } from './section-reader.ts'

/** A block a walk comes by. */
export interface WalkedBlock {
  cid: CID
  /** Bytes of the block. */
  length: number
  /** Of a block with links, which had to be read; a leaf has not been. */
  read: ReadSection | undefined
  places: Places
  /** Which of the roots it was found under. */
  rootIndex: number
  /** The blocks on the way from the root to it, without it. */
  ancestors(): ReadSection[]
}

/** Children looked up in the index at once. */
const lookUpAtOnce = 1000
/** Inner nodes read at once, before their turn. */
const maxNodesAhead = 64
const maxNodeBytesAhead = 8 * 1024 * 1024

interface Frame {
  children: readonly CID[]
  at: number
  /** The node whose children these are; none for the roots. */
  node: ReadSection | undefined
  places: Places | undefined
  /** Children before this one have been looked up. */
  locatedTo: number
  nodes: Map<string, { read: ReadSection; links: readonly CID[] }>
}

interface WalkOptions extends AbortOptions {
  /** Whether a block is to be visited, and what lies below it; asked once for each time it is linked, in order. */
  enter(cid: CID, rootIndex: number, isLeaf: boolean): boolean
}

function hasNoLinks(cid: CID): boolean {
  return cid.code === RAW || cid.code === CBOR || cid.code === JSON_CODEC
}

/**
 * Walks DAGs depth first, parents before children, one root after the other, without reading leaves: the index knows their sizes. The order
 * depends on the DAGs alone, not on where their blocks lie.
 *
 * @throws UnreadableBlockError for a block that is not here, or whose links cannot be read
 */
export async function* walkDags(
  reader: SectionReader,
  roots: readonly CID[],
  { enter, signal }: WalkOptions,
): AsyncGenerator<WalkedBlock, void> {
  const stack: Frame[] = [frameOf(roots, undefined)]
  let rootIndex = 0
  const ancestors = () => stack.flatMap(({ node }) => (node ? [node] : []))
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    signal?.throwIfAborted()
    if (frame.at >= frame.children.length) {
      stack.pop()
      continue
    }
    const cid = frame.children[frame.at] as CID
    if (stack.length === 1) rootIndex = frame.at
    if (isIdentity(cid)) {
      frame.at++
      // Only a root: in blocks they are replaced by what they link to.
      stack.push(frameOf(outwardLinks(cid, identityBytes(cid)) ?? [], undefined))
      continue
    }
    if (frame.at >= frame.locatedTo) await locate(reader, frame)
    if (!enter(cid, rootIndex, hasNoLinks(cid))) {
      frame.at++
      continue
    }
    const places = frame.places as Places
    const place = places.get(cid)[0]
    if (place === undefined) throw new UnreadableBlockError(cid, [])
    const walked = { cid, length: place.length, places, rootIndex, ancestors }
    if (hasNoLinks(cid)) {
      frame.at++
      yield { ...walked, read: undefined }
      continue
    }
    const { read, links } = await expand(reader, frame, cid, signal)
    frame.at++
    yield { ...walked, length: read.bytes.length, read }
    stack.push(frameOf(links, read))
  }
}

function frameOf(children: readonly CID[], node: ReadSection | undefined): Frame {
  return { children, at: 0, node, places: undefined, locatedTo: 0, nodes: new Map() }
}

async function locate(reader: SectionReader, frame: Frame): Promise<void> {
  const next = frame.children.slice(frame.at, frame.at + lookUpAtOnce)
  frame.places = await reader.locate(next.filter((cid) => !isIdentity(cid)))
  frame.locatedTo = frame.at + next.length
}

/** Reads a child that has links, and with it others like it that come soon. */
async function expand(reader: SectionReader, frame: Frame, cid: CID, signal: AbortSignal | undefined) {
  const name = digestKey(cid.multihash.bytes) + cid.code
  const known = frame.nodes.get(name)
  if (known) {
    frame.nodes.delete(name)
    return known
  }
  const wanted: CID[] = []
  let bytesAhead = 0
  const places = frame.places as Places
  for (let at = frame.at; at < frame.locatedTo && wanted.length < maxNodesAhead && bytesAhead < maxNodeBytesAhead; at++) {
    const child = frame.children[at] as CID
    if (hasNoLinks(child) || isIdentity(child) || !places.has(child)) continue
    if (frame.nodes.has(digestKey(child.multihash.bytes) + child.code)) continue
    wanted.push(child)
    bytesAhead += places.get(child)[0]?.length ?? 0
  }
  frame.nodes.clear()
  try {
    for await (const read of reader.read(wanted, places, { signal }))
      frame.nodes.set(digestKey(read.cid.multihash.bytes) + read.cid.code, nodeOf(read))
  } catch (error) {
    // One of the others: it is told when its turn comes.
    if (!(error instanceof UnreadableBlockError) || error.cid.equals(cid)) throw error
  }
  const node = frame.nodes.get(name)
  frame.nodes.delete(name)
  if (!node) throw new UnreadableBlockError(cid, [])
  return node
}

function nodeOf(read: ReadSection): { read: ReadSection; links: readonly CID[] } {
  const links = outwardLinks(read.cid, read.bytes)
  if (links === undefined)
    throw new ContentError('UNSUPPORTED_CODEC', `Block ${read.cid} is in a codec whose links cannot be read.`)
  return { read, links: links.map((link) => CID.decode(link.bytes)) }
}
