import { multihashSet } from '@keepsake/content/aggregate/multihash-set.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import type { CID } from 'multiformats/cid'
import type { Located, Places } from '../blocks/location-finder.ts'
import { digestKey } from '../blocks/shard-writer.ts'
import type { ReadSection, SectionReader } from './section-reader.ts'
import { UnreadableBlockError } from './section-reader.ts'
import type { WalkedBlock } from './walk-dags.ts'
import { walkDags } from './walk-dags.ts'

/** A DAG to be packed, or the part of one that was split. */
export interface ItemToPack {
  /** Its root. */
  readonly cid: CID
  /** Blocks of the walk that belong to this part; undefined for all. */
  readonly range?: { first: number; end: number | undefined } | undefined
}

/** An item whose blocks are not all readable. */
export class ItemError extends Error {
  override readonly name = 'ItemError'
  readonly itemIndex: number

  constructor(itemIndex: number, cause: Error) {
    super(cause.message, { cause })
    this.itemIndex = itemIndex
  }
}

/** A block of an item, which is not in the aggregate yet. */
export interface ItemSection {
  itemIndex: number
  section: ReadSection
}

/** Blocks whose leaves are looked for together. Of inner nodes the bytes are held until their turn. */
const maxGroupBlocks = 2048
/** Items walked one behind the other: their roots are decoded together. */
const maxRootsAtOnce = 4096
const maxGroupNodeBytes = 8 * 1024 * 1024

interface Options {
  /** Multihashes that are in the aggregate already. */
  known: Iterable<Uint8Array>
  signal?: AbortSignal | undefined
}

/**
 * The blocks of items, in order, each once however many items have it, verified while they are read. The order within an item is that of a walk from
 * its root, so the same items always give the same blocks in the same order, wherever they lie.
 *
 * @throws ItemError
 */
export async function* itemSections(
  reader: SectionReader,
  items: readonly ItemToPack[],
  { known, signal }: Options,
): AsyncGenerator<ItemSection[], void> {
  const written = multihashSet()
  for (const multihash of known) written.add(multihash)
  /** Nodes that are there with everything below them. */
  const covered = setsByCodec()
  for (let at = 0; at < items.length; ) {
    const item = items[at] as ItemToPack
    if (item.range) {
      yield* partOfDag(reader, { cid: item.cid, range: item.range }, at++, { written, signal })
      continue
    }
    let end = at
    while (end < items.length && end < at + maxRootsAtOnce && !items[end]?.range) end++
    yield* wholeDags(reader, items.slice(at, end), at, { written, covered, signal })
    at = end
  }
}

/** CIDs that were met: which links a block has depends on its codec. */
function setsByCodec() {
  const sets = new Map<number, ReturnType<typeof multihashSet>>()
  return {
    /** Whether it is new here. */
    add({ code, multihash }: CID): boolean {
      let met = sets.get(code)
      if (!met) {
        met = multihashSet()
        sets.set(code, met)
      }
      return met.add(multihash.bytes)
    },
  }
}

interface Context {
  written: ReturnType<typeof multihashSet>
  signal: AbortSignal | undefined
}

async function* wholeDags(
  reader: SectionReader,
  items: readonly ItemToPack[],
  base: number,
  { written, covered, signal }: Context & { covered: ReturnType<typeof setsByCodec> },
): AsyncGenerator<ItemSection[], void> {
  let walking = base
  const enter = (cid: CID, rootIndex: number, isLeaf: boolean): boolean => {
    walking = base + rootIndex
    if (isLeaf) return written.add(cid.multihash.bytes)
    return covered.add(cid)
  }
  const walk = walkDags(
    reader,
    items.map(({ cid }) => cid),
    { enter, signal },
  )
  const blocks = told(walk, () => walking)
  for await (const group of grouped(blocks)) yield* readLeaves(reader, group, base, { written, signal })
}

async function* partOfDag(
  reader: SectionReader,
  { cid, range }: ItemToPack & { range: { first: number; end: number | undefined } },
  itemIndex: number,
  { written, signal }: Context,
): AsyncGenerator<ItemSection[], void> {
  for await (const group of grouped(told(blocksOfPart(reader, cid, range, signal), () => itemIndex))) {
    const fresh = group.filter(({ cid, read }) => read !== undefined || written.add(cid.multihash.bytes))
    yield* readLeaves(reader, fresh, itemIndex, { written, signal })
  }
}

/** The blocks of a part: those on the way from the root to its first, then its own. */
export async function* blocksOfPart(
  reader: SectionReader,
  root: CID,
  { first, end }: { first: number; end: number | undefined },
  signal?: AbortSignal,
): AsyncGenerator<WalkedBlock[], void> {
  const seen = setsByCodec()
  const enter = (cid: CID): boolean => seen.add(cid)
  let index = 0
  for await (const blocks of walkDags(reader, [root], { enter, signal })) {
    const own: WalkedBlock[] = []
    for (const walked of blocks) {
      if (end !== undefined && index >= end) break
      if (index === first)
        for (const read of walked.ancestors()) own.push({ ...walked, cid: read.cid, length: read.bytes.length, read })
      if (index >= first) own.push(walked)
      index++
    }
    if (own.length > 0) yield own
    if (end !== undefined && index >= end) return
  }
}

/** Says of which item a block is that stops the walk. */
async function* told(walk: AsyncIterable<WalkedBlock[]>, itemIndex: () => number): AsyncGenerator<WalkedBlock[], void> {
  try {
    yield* walk
  } catch (error) {
    throw asItemError(error, itemIndex())
  }
}

function asItemError(error: unknown, itemIndex: number): unknown {
  return error instanceof UnreadableBlockError || isContentError(error) ? new ItemError(itemIndex, error) : error
}

async function* grouped(blocks: AsyncIterable<WalkedBlock[]>): AsyncGenerator<WalkedBlock[], void> {
  let group: WalkedBlock[] = []
  let nodeBytes = 0
  for await (const some of blocks) {
    group.push(...some)
    for (const { read } of some) nodeBytes += read?.section.length ?? 0
    if (group.length < maxGroupBlocks && nodeBytes < maxGroupNodeBytes) continue
    yield group
    group = []
    nodeBytes = 0
  }
  if (group.length > 0) yield group
}

/** The sections of a group in order, as many at a time as are read at once. */
async function* readLeaves(
  reader: SectionReader,
  group: readonly WalkedBlock[],
  base: number,
  { written, signal }: Context,
): AsyncGenerator<ItemSection[], void> {
  const leaves = group.filter(({ read }) => !read)
  const cids = leaves.map(({ cid }) => cid)
  let at = 0
  /** Nodes up to the next leaf. One may have come before as a leaf, or as part of a DAG that is not all here. */
  const nodes = (into: ItemSection[]) => {
    for (let node = group[at]; node?.read; node = group[++at])
      if (written.add(node.cid.multihash.bytes)) into.push({ itemIndex: base + node.rootIndex, section: node.read })
    return into
  }
  try {
    for await (const sections of reader.read(cids, placesOf(leaves), { signal })) {
      const batch: ItemSection[] = []
      for (const section of sections) {
        nodes(batch)
        batch.push({ itemIndex: base + (group[at++] as WalkedBlock).rootIndex, section })
      }
      yield batch
    }
  } catch (error) {
    const bad = error instanceof UnreadableBlockError ? leaves.find(({ cid }) => cid.equals(error.cid)) : undefined
    throw bad ? asItemError(error, base + bad.rootIndex) : error
  }
  const last = nodes([])
  if (last.length > 0) yield last
}

function placesOf(leaves: readonly WalkedBlock[]): Places {
  const found = new Map<string, readonly Located[]>()
  for (const { cid, places } of leaves) found.set(digestKey(cid.multihash.bytes), places.get(cid))
  return {
    get: (cid) => found.get(digestKey(cid.multihash.bytes)) ?? [],
    has: (cid) => found.has(digestKey(cid.multihash.bytes)),
  }
}
