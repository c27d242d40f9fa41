import { partBytes } from '@keepsake/content/aggregate/recipe.ts'
import type { CID } from 'multiformats/cid'
import { recipeSource } from '../aggregates/open-recipe.ts'
import type { PlacedParts, RecipeSource, ShardReads } from '../aggregates/recipe-reader.ts'
import { recipeReader } from '../aggregates/recipe-reader.ts'
import { maxPrefixBytes, prefixLength } from '../aggregates/section-start.ts'
import type { Places } from '../blocks/location-finder.ts'
import type { Db } from '../database/database.ts'

interface Components {
  database: Db
  blobs: ShardReads
}

/** Small reads at many places of one aggregate, for one proof. */
export interface AggregateReads {
  /** Fewer bytes come where the aggregate ends. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Where the sections of blocks begin in the aggregate, by the text of their CIDs. Looks through the whole recipe. */
  locate(cids: readonly CID[], places: Places): Promise<Map<string, number>>
}

/** Where blocks are small, many sections are read at once. */
const windowBytes = 16 * 1024

export function aggregateReads({ database, blobs }: Components, aggregate: { id: number; sizeBytes: number }): AggregateReads {
  const source = rememberingSource(recipeSource(database, aggregate))
  const reader = recipeReader(blobs, source)
  let window = { offset: 0, bytes: new Uint8Array(0) }

  const fetchBytes = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, aggregate.sizeBytes - offset)))
    let at = 0
    for await (const chunk of reader.stream(offset, bytes.length)) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return bytes
  }
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (offset >= aggregate.sizeBytes) return new Uint8Array(0)
    if (length > windowBytes) return await fetchBytes(offset, length)
    const end = Math.min(offset + length, aggregate.sizeBytes)
    if (offset < window.offset || end > window.offset + window.bytes.length) {
      window = { offset, bytes: await fetchBytes(offset, windowBytes) }
    }
    return window.bytes.subarray(offset - window.offset, end - window.offset)
  }
  return {
    read,
    async locate(cids, places) {
      const found = new Map<string, number>()
      for (const { cid, offset, length } of await blocksInRecipe(source, cids, places)) {
        const before = Math.min(offset, maxPrefixBytes(cid))
        const prefix = prefixLength(await fetchBytes(offset - before, before), before, cid, length)
        if (prefix !== undefined) found.set(cid.toString(), offset - prefix)
      }
      return found
    },
  }
}

/** Finds blocks in the ranges of a recipe, each where it comes first. `offset` is where the block's own bytes are. */
async function blocksInRecipe(source: RecipeSource, cids: readonly CID[], places: Places) {
  const wanted = new Map<string, { cid: CID; at: number; length: number }[]>()
  for (const cid of cids) {
    for (const { shard, offset, length } of places.get(cid)) {
      const known = wanted.get(shard)
      if (known) known.push({ cid, at: offset, length })
      else wanted.set(shard, [{ cid, at: offset, length }])
    }
  }
  const found = new Map<string, { cid: CID; offset: number; length: number }>()
  for await (const { offset, parts } of source.partsFrom(0)) {
    let begin = offset
    for (const part of parts) {
      const candidates = part.kind === 'shard' ? wanted.get(part.shard.toString()) : undefined
      for (const { cid, at, length } of candidates ?? []) {
        if (part.kind !== 'shard' || at < part.offset || at + length > part.offset + part.length || found.has(cid.toString()))
          continue
        found.set(cid.toString(), { cid, offset: begin + at - part.offset, length })
      }
      begin += partBytes(part)
    }
    if (found.size === cids.length) break
  }
  return found.values()
}

/** Rows of a recipe held: what a proof reads lies mostly in one or two. */
const maxRows = 8

/** Remembers rows that were read, so that neighbouring reads do not ask the database again. */
function rememberingSource(source: RecipeSource): RecipeSource {
  const rows: PlacedParts[] = []
  const endOf = ({ offset, parts }: PlacedParts) => offset + parts.reduce((sum, part) => sum + partBytes(part), 0)
  return {
    sizeBytes: source.sizeBytes,
    async *partsFrom(offset, options) {
      let at = offset
      for (
        let known = rows.find((row) => row.offset <= at && at < endOf(row));
        known;
        known = rows.find((row) => row.offset === at)
      ) {
        yield known
        at = endOf(known)
      }
      if (at >= source.sizeBytes) return
      for await (const row of source.partsFrom(at, options)) {
        rows.push(row)
        if (rows.length > maxRows) rows.shift()
        yield row
      }
    },
  }
}
