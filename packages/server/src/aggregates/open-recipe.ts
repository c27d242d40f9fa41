import { partBytes } from '@keepsake/content/aggregate/recipe.ts'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Db } from '../database/database.ts'
import { decodeRow } from './recipe-codec.ts'
import type { RecipeReader, RecipeSource } from './recipe-reader.ts'
import { recipeReader } from './recipe-reader.ts'
import { readRecipeRows } from './recipe-store.ts'

/** Rows loaded at once: each some thousand parts. */
const rowsAtOnce = 4

/** The bytes of an aggregate, by the recipe in the database. */
export function openRecipe(
  { database, blobs }: { database: Db; blobs: Pick<BlobStore, 'read'> },
  aggregate: { id: number; sizeBytes: number },
): RecipeReader {
  return recipeReader(blobs, recipeSource(database, aggregate))
}

/** The recipe itself, some rows of it at a time. */
export function recipeSource(database: Db, { id, sizeBytes }: { id: number; sizeBytes: number }): RecipeSource {
  return {
    sizeBytes,
    async *partsFrom(offset, options = {}) {
      let at = offset
      for (;;) {
        const rows = await readRecipeRows(database, id, at, rowsAtOnce)
        for (const row of rows) {
          options.signal?.throwIfAborted()
          const parts = [...decodeRow(row)]
          at = row.byteOffset + parts.reduce((sum, part) => sum + partBytes(part), 0)
          yield { offset: row.byteOffset, parts }
        }
        if (rows.length === 0 || at >= sizeBytes) return
      }
    },
  }
}
