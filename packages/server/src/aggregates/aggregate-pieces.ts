import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { PieceFile, PieceSource } from '../pieces/pieces.ts'
import { keptRows } from './kept-rows.ts'
import { openRecipe } from './open-recipe.ts'
import type { ShardReads } from './recipe-reader.ts'

interface BuiltRow {
  id: number
  layout: 'unixfs-2021' | 'segments'
  sizeBytes: number
  root: Uint8Array
  height: number
  changedAt: Date
}

/** Aggregates as pieces that can be downloaded: those that were found to be what they should be, and no other. */
export function aggregatePieces(components: { database: Db; blobs: ShardReads }): PieceSource {
  const rows = keptRows(components.database)
  return {
    async findByRoot(root): Promise<PieceFile | undefined> {
      const row = await findBuilt(components.database, root)
      if (!row) return undefined
      // Whatever is done to an aggregate, its recipe being written anew included, changes that time.
      const recipe = openRecipe(components, row, rows.of({ id: row.id, version: row.changedAt.getTime() }))
      return {
        piece: { root: row.root, height: row.height, payloadBytes: row.sizeBytes },
        format: row.layout === 'segments' ? 'segments' : 'car',
        stream: (offset, length, options) => recipe.stream(offset, length, options),
      }
    },
  }
}

/** Two aggregates of the same root have the same bytes, but for zeros at their end. */
async function findBuilt({ kysely }: Db, root: Uint8Array): Promise<BuiltRow | undefined> {
  const { rows } = await sql<BuiltRow>`
    select id, layout, size_bytes as "sizeBytes", piece_root as root, piece_height as height, changed_at as "changedAt"
    from aggregate where piece_root = ${root} and state = 'built' order by id limit 1`.execute(kysely)
  return rows[0]
}
