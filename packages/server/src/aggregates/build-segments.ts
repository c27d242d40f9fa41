import { commPOfStream } from '@keepsake/commp/commp-of-stream.ts'
import type { RecipePart } from '@keepsake/content/aggregate/recipe.ts'
import { partBytes } from '@keepsake/content/aggregate/recipe.ts'
import { mergeRanges } from '@keepsake/content/aggregate/sections.ts'
import { dataOffset } from '@keepsake/content/aggregate/segments/index-area.ts'
import type { Segment } from '@keepsake/content/aggregate/segments/layout.ts'
import { layOutSegments } from '@keepsake/content/aggregate/segments/layout.ts'
import { heightOfAggregate, orderSegments } from '@keepsake/content/aggregate/segments/place.ts'
import { encodeCarHeader } from '@keepsake/content/car/encode.ts'
import { CID } from 'multiformats/cid'
import type { Placement } from './build-store.ts'
import { byteChannel } from './byte-channel.ts'
import { ItemError, itemSections } from './item-sections.ts'
import type { Layouter, LayoutInput } from './layouter.ts'
import { recipeWriter } from './recipe-codec.ts'

/** A CAR of one item, as a piece of its own; `shard` is the item's root, since the CAR is nowhere as a whole. */
interface ItemSegment extends Segment {
  parts: RecipePart[]
}

/**
 * Builds an aggregate of data segments (FRC-0058): a CAR for each item, with its root in the header, and an index behind them.
 */
export const buildSegments: Layouter = async (input) => {
  const segments: ItemSegment[] = []
  let doneBytes = 0
  for (const [index] of input.entries.entries()) {
    const segment = await segmentOf(input, index, doneBytes)
    segments.push(segment)
    doneBytes += segment.payloadBytes
  }
  const height = heightOfAggregate(orderSegments(segments))
  const layout = layOutSegments(segments, height)
  const partsOf = new Map(segments.map(({ shard, parts }) => [shard, parts]))
  const recipe = recipeWriter()
  for (const part of layout.parts()) {
    if (part.kind === 'shard') for (const own of partsOf.get(part.shard) ?? []) recipe.add(own)
    else recipe.add(part)
  }
  return {
    root: undefined,
    piece: layout.piece,
    recipe: recipe.end(),
    generated: undefined,
    items: layout.entries.length,
    placements: layout.entries.map(
      ({ shard, offset, payloadBytes }): Placement => ({
        cid: shard.bytes,
        links: undefined,
        byteOffset: dataOffset(offset),
        byteLength: payloadBytes,
      }),
    ),
  }
}

async function* sectionByOne(...args: Parameters<typeof itemSections>) {
  for await (const batch of itemSections(...args)) yield* batch
}

/** `doneBytes`: of the segments before it. */
async function segmentOf(
  { entries, reader, signal, onProgress, commPThreads }: LayoutInput,
  index: number,
  doneBytes: number,
): Promise<ItemSegment> {
  const entry = entries[index] as LayoutInput['entries'][number]
  const channel = byteChannel()
  const computing = commPOfStream(channel, {
    signal,
    threads: commPThreads,
    onProgress: (bytes) => onProgress(doneBytes + bytes),
  })
  computing.catch(() => {})
  try {
    const parts: RecipePart[] = [{ kind: 'bytes', bytes: encodeCarHeader([entry.cid]) }]
    await channel.push((parts[0] as RecipePart & { kind: 'bytes' }).bytes)
    const ranges = mergeRanges()
    const add = (part: RecipePart | undefined) => part && parts.push(part)
    for await (const { section } of sectionByOne(reader, [entry], { known: [], signal })) {
      await channel.push(section.section)
      const { multihash } = section.cid
      add(
        ranges.add({
          multihash: multihash.bytes,
          shard: CID.parse(section.shard),
          offset: section.offset,
          length: section.section.length,
        }),
      )
    }
    add(ranges.end())
    channel.end()
    const { piece } = await computing
    if (piece.payloadBytes !== parts.reduce((sum, part) => sum + partBytes(part), 0))
      throw new Error(`The CAR of ${entry.cid} has another length.`)
    return { ...piece, shard: entry.cid, parts }
  } catch (error) {
    channel.fail(error)
    await computing.catch(() => {})
    throw error instanceof ItemError ? new ItemError(index, error.cause as Error) : error
  }
}
