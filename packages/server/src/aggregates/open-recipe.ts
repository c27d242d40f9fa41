import { partBytes, type RecipePart } from '@keepsake/content/aggregate/recipe.ts'
import type { Db } from '../database/database.ts'
import type { ReadRow } from './kept-rows.ts'
import type { RecipeRow } from './recipe-codec.ts'
import { decodeRow } from './recipe-codec.ts'
import type { PlacedParts, RecipeReader, RecipeSource, ShardReads } from './recipe-reader.ts'
import { recipeReader } from './recipe-reader.ts'
import { readRecipeRows } from './recipe-store.ts'

/** Rows loaded at once when a reader goes on; it begins with one, since many want a few bytes only. Each holds some thousand parts. */
const rowsAtOnce = 4
/** Parts handed on at once, at first, then twice as many each time: what a reader that has enough does not ask for is not decoded. */
const firstParts = 64
const mostParts = 4096

/** The bytes of an aggregate, by the recipe in the database. */
export function openRecipe(
  { database, blobs }: { database: Db; blobs: ShardReads },
  aggregate: { id: number; sizeBytes: number },
  readFirst?: ReadRow,
): RecipeReader {
  return recipeReader(blobs, recipeSource(database, aggregate, readFirst))
}

/** The recipe itself, some rows of it at a time; `readFirst` may know the row that a reader begins with. */
export function recipeSource(
  database: Db,
  { id, sizeBytes }: { id: number; sizeBytes: number },
  readFirst: ReadRow = async (offset) => (await readRecipeRows(database, id, offset, 1))[0],
): RecipeSource {
  const rowsFrom = async (offset: number, isFirst: boolean): Promise<RecipeRow[]> => {
    if (!isFirst) return await readRecipeRows(database, id, offset, rowsAtOnce)
    const row = await readFirst(offset)
    return row ? [row] : []
  }
  return {
    sizeBytes,
    async *partsFrom(offset, options = {}) {
      let at = offset
      let partsAtOnce = firstParts
      for (let isFirst = true; ; isFirst = false) {
        const rows = await rowsFrom(at, isFirst)
        for (const row of rows) {
          options.signal?.throwIfAborted()
          for (const placed of groups(decodeRow(row, at), () => partsAtOnce)) {
            at = placed.offset + placed.parts.reduce((sum, part) => sum + partBytes(part), 0)
            yield placed
            partsAtOnce = Math.min(mostParts, 2 * partsAtOnce)
          }
        }
        if (rows.length === 0 || at >= sizeBytes) return
      }
    },
  }
}

function* groups(placed: Iterable<{ offset: number; part: RecipePart }>, most: () => number): Generator<PlacedParts, void> {
  let parts: RecipePart[] = []
  let begin = 0
  for (const { offset, part } of placed) {
    if (parts.length === 0) begin = offset
    parts.push(part)
    if (parts.length < most()) continue
    yield { offset: begin, parts }
    parts = []
  }
  if (parts.length > 0) yield { offset: begin, parts }
}
