import type { BlockSource } from '@keepsake/content/block.ts'
import { ContentError } from '@keepsake/content/errors.ts'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { CID } from 'multiformats/cid'
import { digestKey } from '../blocks/shard-writer.ts'
import type { RecipeReader } from './recipe-reader.ts'

export interface Placed {
  offset: number
  length: number
}

/** What is read at once: who follows a directory in the order it was written finds most of it there. */
const windowBytes = 2 * 1024 * 1024

/** Blocks out of the bytes of an aggregate, of those that `places` knows. */
export function aggregateBlocks(recipe: RecipeReader, places: ReadonlyMap<string, Placed>): BlockSource {
  let window = { offset: 0, bytes: new Uint8Array(0) }

  const read = async (place: Placed, signal: AbortSignal | undefined): Promise<Uint8Array> => {
    const isInside = place.offset >= window.offset && place.offset + place.length <= window.offset + window.bytes.length
    if (!isInside) {
      const length = Math.min(Math.max(windowBytes, place.length), recipe.sizeBytes - place.offset)
      window = { offset: place.offset, bytes: await collect(recipe.stream(place.offset, length, { signal }), length) }
    }
    return window.bytes.subarray(place.offset - window.offset, place.offset - window.offset + place.length)
  }
  const get = async (cid: CID, options: { signal?: AbortSignal | undefined } = {}): Promise<Uint8Array> => {
    const place = places.get(digestKey(cid.multihash.bytes))
    if (!place) throw new ContentError('BLOCK_NOT_FOUND', `Block ${cid} is not in the aggregate.`)
    const bytes = await read(place, options.signal)
    await verifyBlock(cid, bytes)
    return bytes
  }
  return {
    get,
    async *getMany(cids, options) {
      for (const cid of cids) yield { cid, bytes: await get(cid, options) }
    },
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  let at = 0
  for await (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
