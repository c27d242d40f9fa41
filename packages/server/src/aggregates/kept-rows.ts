import type { Db } from '../database/database.ts'
import type { RecipeRow } from './recipe-codec.ts'
import { findRecipeRow } from './recipe-store.ts'

/** Reads the row of a recipe in which byte `offset` lies. */
export type ReadRow = (offset: number) => Promise<RecipeRow | undefined>

/** The rows that were read last, of whatever recipes. */
export interface KeptRows {
  /** `version` is another whenever the recipe may be. */
  of(aggregate: { id: number; version: number }): ReadRow
}

interface Kept {
  id: number
  version: number
  row: RecipeRow
  endOffset: number
}

/** Some 4 MiB. Of a piece that is downloaded, one row is needed again and again. */
const maxRows = 16

/**
 * Keeps rows, each of which tells where some thousand parts lie: reading one takes milliseconds, which is what a range of a few bytes would cost each
 * time.
 */
export function keptRows(database: Db): KeptRows {
  let kept: Kept[] = []
  return {
    of: ({ id, version }) => {
      const isOf = (row: Kept) => row.id === id && row.version === version
      return async (offset) => {
        const known = kept.find((row) => isOf(row) && row.row.byteOffset <= offset && offset < row.endOffset)
        const found = known ?? (await findRecipeRow(database, id, offset).then((row) => row && { id, version, ...row }))
        if (!found) return undefined
        kept = [found, ...kept.filter((row) => row !== found)].slice(0, maxRows)
        return found.row
      }
    },
  }
}
