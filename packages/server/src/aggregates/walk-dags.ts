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
  nodes: Map<string, Node>
}

interface Node {
  read: ReadSection
  links: readonly CID[]
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
 * depends on the DAGs alone, not on where their blocks lie. Gives leaves that are neighbours together.
 *
 * @throws UnreadableBlockError for a block that is not here, or whose links cannot be read
 */
export async function* walkDags(
  reader: SectionReader,
  roots: readonly CID[],
  { enter, signal }: WalkOptions,
): AsyncGenerator<WalkedBlock[], void> {
  const stack: Frame[] = [frameOf(roots, undefined)]
  let rootIndex = 0
  const ancestors = () => stack.flatMap(({ node }) => (node ? [node] : []))
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    signal?.throwIfAborted()
    if (frame.at >= frame.children.length) {
      stack.pop()
      continue
    }
    if (frame.at >= frame.locatedTo) await locate(reader, frame)
    const places = frame.places as Places
    const walked = (cid: CID, length: number, read?: ReadSection): WalkedBlock => ({
      cid,
      length,
      read,
      places,
      rootIndex,
      ancestors,
    })
    const isRoots = stack.length === 1
    const leaves: WalkedBlock[] = []
    let absent: CID | undefined
    let node: CID | undefined
    for (; frame.at < frame.locatedTo && !absent && !node; frame.at++) {
      const cid = frame.children[frame.at] as CID
      if (isRoots) rootIndex = frame.at
      const isLeaf = hasNoLinks(cid)
      if (isIdentity(cid)) {
        node = cid
        continue
      }
      if (!enter(cid, rootIndex, isLeaf)) continue
      const place = places.get(cid)[0]
      if (place === undefined) absent = cid
      else if (isLeaf) leaves.push(walked(cid, place.length))
      else node = cid
    }
    if (leaves.length > 0) yield leaves
    if (absent) throw new UnreadableBlockError(absent, [])
    if (!node) continue
    if (isIdentity(node)) {
      // Only a root: in blocks they are replaced by what they link to.
      stack.push(frameOf(outwardLinks(node, identityBytes(node)) ?? [], undefined))
      continue
    }
    const { read, links } = await expand(reader, frame, node, signal)
    yield [walked(node, read.bytes.length, read)]
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

/** Reads the child before `frame.at`, which has links, and with it others like it that come soon. */
async function expand(reader: SectionReader, frame: Frame, cid: CID, signal: AbortSignal | undefined): Promise<Node> {
  const name = nameOf(cid)
  const known = frame.nodes.get(name)
  if (known) {
    frame.nodes.delete(name)
    return known
  }
  const wanted: CID[] = [cid]
  let bytesAhead = 0
  const places = frame.places as Places
  for (let at = frame.at; at < frame.locatedTo && wanted.length < maxNodesAhead && bytesAhead < maxNodeBytesAhead; at++) {
    const child = frame.children[at] as CID
    if (hasNoLinks(child) || isIdentity(child) || !places.has(child)) continue
    wanted.push(child)
    bytesAhead += places.get(child)[0]?.length ?? 0
  }
  frame.nodes.clear()
  try {
    await readNodes(reader, frame, wanted, signal)
  } catch (error) {
    // One of the others: it is told when its turn comes.
    if (!(error instanceof UnreadableBlockError) || error.cid.equals(cid)) throw error
  }
  if (!frame.nodes.has(name)) await readNodes(reader, frame, [cid], signal)
  const node = frame.nodes.get(name) as Node
  frame.nodes.delete(name)
  return node
}

async function readNodes(
  reader: SectionReader,
  frame: Frame,
  cids: readonly CID[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const batch of reader.read(cids, frame.places as Places, { signal })) {
    for (const read of batch) frame.nodes.set(nameOf(read.cid), nodeOf(read))
  }
}

function nameOf(cid: CID): string {
  return digestKey(cid.multihash.bytes) + cid.code
}

function nodeOf(read: ReadSection): Node {
  const links = outwardLinks(read.cid, read.bytes)
  if (links === undefined)
    throw new ContentError('UNSUPPORTED_CODEC', `Block ${read.cid} is in a codec whose links cannot be read.`)
  return { read, links: links.map((link) => CID.decode(link.bytes)) }
}
