import type { CID } from 'multiformats/cid'
import type { AbortOptions, Block } from '../../block.ts'
import { encodeCarHeader } from '../../car/encode.ts'
import { type PackedEntry, packFile } from '../../unixfs/file.ts'
import { type MultihashSet, multihashSet } from '../multihash-set.ts'
import type { RecipePart } from '../recipe.ts'
import { multihashesIn, sectionBuffer } from '../section-buffer.ts'
import { mergeRanges, type Section } from '../sections.ts'
import { packFolder, packFolders } from './directories.ts'
import { type DagEntry, type DagItem, entriesOf } from './entries.ts'
import { encodeManifest, MANIFEST_NAME } from './manifest.ts'

/**
 * Where the sections of an entry's blocks lie, in the order in which they shall stand in the aggregate; best the order of the shards, so that ranges
 * are long. Blocks that stand in the aggregate already are left out.
 */
export type SectionsOf = (entry: DagEntry) => Iterable<Section> | AsyncIterable<Section>

/** An aggregate by the batching spec of 2021. */
export interface DagAggregate {
  layout: 'unixfs-2021'
  /** The only root of the CAR: a directory that holds every entry and the manifest. */
  root: CID
  /** Sorted by CID. */
  entries: readonly DagEntry[]
  /**
   * The bytes of the CAR, in order: header; root; the manifest's leaves, then the nodes above them; the folders, children first; then the blocks of
   * the entries, sorted by CID. What is generated comes first, so that who reads the CAR as a stream knows what is in it before it comes. Every
   * block is there once. Can be walked once: what is generated is let go as it is handed out.
   */
  parts(sectionsOf: SectionsOf, options?: AbortOptions): AsyncGenerator<RecipePart, void, undefined>
}

/**
 * Puts DAGs into one aggregate. Its root is decided by the roots, sizes and counts given, and by nothing else. Takes about a kilobyte of memory an
 * item.
 *
 * @throws {ContentError} `INVALID_INPUT` without items, `LIMIT_EXCEEDED` past `MAX_ENTRIES` or `MAX_FOLDER_LINKS`.
 */
export async function layOutDags(items: Iterable<DagItem>, { signal }: AbortOptions = {}): Promise<DagAggregate> {
  const entries = entriesOf(items)
  const folders = sectionBuffer()
  const rootLinks = await packFolders(entries, folders.add, signal)
  const manifest = sectionBuffer()
  const file = await packManifest(entries, manifest.add)
  const top = sectionBuffer()
  const { cid: root } = await packFolder(new Map([[MANIFEST_NAME, file], ...rootLinks]), top.add)
  const generated = [top, manifest, folders].flatMap((sections) => sections.end())
  return {
    layout: 'unixfs-2021',
    root,
    entries,
    async *parts(sectionsOf, options) {
      const known = multihashSet()
      yield { kind: 'bytes', bytes: encodeCarHeader([root]) }
      for (let bytes = generated.shift(); bytes; bytes = generated.shift()) {
        for (const multihash of multihashesIn(bytes)) known.add(multihash)
        yield { kind: 'bytes', bytes }
      }
      yield* shardRanges(entries, sectionsOf, known, options)
    },
  }
}

async function packManifest(entries: readonly DagEntry[], onBlock: (block: Block) => void): Promise<PackedEntry> {
  const packer = packFile(encodeManifest(entries))
  for (;;) {
    const next = await packer.next()
    if (next.done === true) return next.value
    onBlock(next.value)
  }
}

async function* shardRanges(
  entries: readonly DagEntry[],
  sectionsOf: SectionsOf,
  known: MultihashSet,
  { signal }: AbortOptions = {},
): AsyncGenerator<RecipePart, void, undefined> {
  const ranges = mergeRanges()
  for (const entry of entries) {
    signal?.throwIfAborted()
    for await (const section of sectionsOf(entry)) {
      const before = known.add(section.multihash) ? ranges.add(section) : undefined
      if (before) yield before
    }
  }
  const last = ranges.end()
  if (last) yield last
}
