import { createReadStream } from 'node:fs'
import { commPOfStream } from '@keepsake/commp/commp-of-stream.ts'
import type { Section } from '@keepsake/content/aggregate/sections.ts'
import type { DagEntry } from '@keepsake/content/aggregate/unixfs-2021/entries.ts'
import { layOutDags } from '@keepsake/content/aggregate/unixfs-2021/layout.ts'
import { decodeCar } from '@keepsake/content/car/decode.ts'
import { carCid } from '@keepsake/content/car/encode.ts'
import { CID } from 'multiformats/cid'
import type { StagedBlob } from '../blobs/blobs.ts'
import type { ShardToEnter } from '../blocks/content.ts'
import type { EntryColumns } from '../blocks/entry-columns.ts'
import { entryColumns } from '../blocks/entry-columns.ts'
import { digestKey, hashedAppender } from '../blocks/shard-writer.ts'
import type { Entry, Placement } from './build-store.ts'
import type { ByteChannel } from './byte-channel.ts'
import { byteChannel } from './byte-channel.ts'
import type { ItemSection } from './item-sections.ts'
import { itemSections } from './item-sections.ts'
import type { LaidOut, Layouter, LayoutInput } from './layouter.ts'
import { recipeWriter } from './recipe-codec.ts'

/** A block of the directory is a link for each of up to 16,384 names at most. */
const maxGeneratedBlockBytes = 4 * 1024 * 1024

/**
 * Builds a CAR by the batching spec of 2021. Its directory and manifest become a shard of their own, which is the beginning of the aggregate as it is:
 * so the gateway serves the directory like everything else, and the recipe is nothing but ranges of shards.
 */
export const buildUnixfs: Layouter = async (input) => {
  const channel = byteChannel()
  const computing = commPOfStream(channel, { signal: input.signal, threads: input.commPThreads })
  computing.catch(() => {})
  try {
    const laidOut = await layOut(input, channel)
    channel.end()
    return { ...laidOut, piece: (await computing).piece }
  } catch (error) {
    channel.fail(error)
    await computing.catch(() => {})
    throw error
  }
}

async function layOut(
  { entries: rows, reader, staged, signal, onProgress }: LayoutInput,
  channel: ByteChannel,
): Promise<Omit<LaidOut, 'piece'>> {
  const layout = await layOutDags(itemsOf(rows), { signal })
  const recipe = recipeWriter()
  const places = rootPlaces(rows)
  const out = hashedAppender(staged)
  let generated: ShardToEnter | undefined
  let sections: SectionsInOrder | undefined

  /** Called for the first entry, when all that is generated has been handed out. */
  const begin = async (): Promise<SectionsInOrder> => {
    generated = await finishGenerated(out, staged)
    recipe.add({ kind: 'shard', shard: generated.cid, offset: 0, length: generated.sizeBytes })
    return sectionsInOrder(itemSections(reader, rows, { known: multihashesOf(generated), signal }))
  }
  let entryIndex = 0
  /** Asked for each entry once, in their order, which is that of the rows. */
  async function* sectionsOf(_entry: DagEntry): AsyncGenerator<Section, void> {
    const index = entryIndex++
    sections ??= await begin()
    for await (const { section } of sections.of(index)) {
      places.note(section.cid, position)
      position += section.section.length
      onProgress(position)
      const full = channel.push(section.section)
      if (full) await full
      yield {
        multihash: section.cid.multihash.bytes,
        shard: shardCid(section.shard),
        offset: section.offset,
        length: section.section.length,
      }
    }
  }
  const shardCid = cidCache()
  let position = 0
  for await (const part of layout.parts(sectionsOf, { signal })) {
    if (part.kind === 'bytes') {
      position += part.bytes.length
      await channel.push(part.bytes)
      await out.append(part.bytes)
    } else recipe.add(part)
  }
  // Items without a block of their own, all identity CIDs, leave nothing to begin with.
  sections ??= await begin()
  if (recipe.sizeBytes !== position) throw new Error(`The recipe has ${recipe.sizeBytes} bytes and the aggregate ${position}.`)
  return {
    root: layout.root,
    recipe: recipe.end(),
    generated,
    items: rows.length,
    placements: placementsOf(rows, layout.entries, places),
  }
}

/** Of each entry, in the order both have. */
function* placementsOf(
  rows: readonly Entry[],
  entries: readonly DagEntry[],
  places: ReturnType<typeof rootPlaces>,
): Generator<Placement> {
  for (const [index, { cid, cidBytes }] of rows.entries()) {
    yield { cid: cidBytes, links: (entries[index] as DagEntry).links, byteOffset: places.find(cid), byteLength: undefined }
  }
}

function* multihashesOf({ entries }: ShardToEnter): Generator<Uint8Array> {
  for (const { multihash } of entries) yield multihash
}

function* itemsOf(rows: readonly Entry[]) {
  for (const { cid: root, parts, dagBytes, dagBlocks } of rows) {
    // Of a part, nobody who has the aggregate can count the whole.
    yield parts > 1 ? { root } : { root, dagBytes, nodeCount: dagBlocks }
  }
}

/** Where the roots' sections begin. */
function rootPlaces(rows: readonly Entry[]) {
  const places = new Map<string, number | undefined>(rows.map(({ cid }) => [digestKey(cid.multihash.bytes), undefined]))
  return {
    note(cid: CID, position: number): void {
      const name = digestKey(cid.multihash.bytes)
      if (places.has(name)) places.set(name, position)
    },
    find: (cid: CID) => places.get(digestKey(cid.multihash.bytes)),
  }
}

async function finishGenerated(out: ReturnType<typeof hashedAppender>, staged: StagedBlob): Promise<ShardToEnter> {
  const digest = await out.finish()
  return { cid: carCid(digest), sizeBytes: out.totalBytes, entries: await indexOfGenerated(staged) }
}

/** What lies where in the shard that was just written: read back, for it is large where there are many items. */
async function indexOfGenerated(staged: StagedBlob): Promise<EntryColumns> {
  const entries = entryColumns()
  await using car = await decodeCar(createReadStream(staged.path), { maxBlockBytes: maxGeneratedBlockBytes })
  for await (const { cid, offset, length } of car.blocks) entries.add({ multihash: cid.multihash.bytes, offset, length })
  return entries
}

type SectionsInOrder = ReturnType<typeof sectionsInOrder>

/** Hands out one stream of sections item by item. */
function sectionsInOrder(all: AsyncGenerator<ItemSection[], void>) {
  let batch: ItemSection[] = []
  let at = 0
  let ended = false
  return {
    async *of(itemIndex: number): AsyncGenerator<ItemSection, void> {
      for (;;) {
        for (let next = batch[at]; next; next = batch[at]) {
          if (next.itemIndex !== itemIndex) return
          at++
          yield next
        }
        if (ended) return
        const more = await all.next()
        ended = more.done === true
        batch = more.done ? [] : more.value
        at = 0
      }
    },
  }
}

/** Parsing a CID costs more than the rest of a small section. */
function cidCache() {
  let last: { name: string; cid: CID } | undefined
  return (name: string): CID => {
    if (last?.name !== name) last = { name, cid: CID.parse(name) }
    return last.cid
  }
}
