import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { PieceFile, PieceSource } from '../pieces/pieces.ts'
import { checkedStream } from './checked-stream.ts'
import { keptRows } from './kept-rows.ts'
import { keptSums } from './kept-sums.ts'
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

/**
 * Aggregates as pieces that can be downloaded: those that were found to be what they should be, and no other. Disks rot after that, so bytes are
 * compared on their way out with what was noted then.
 */
export function aggregatePieces(components: { database: Db; blobs: ShardReads }): PieceSource {
  const rows = keptRows(components.database)
  const sums = keptSums(components.database)
  return {
    async findByRoot(root): Promise<PieceFile | undefined> {
      const row = await findBuilt(components.database, root)
      if (!row) return undefined
      // Whatever is done to an aggregate, its recipe being written anew included, changes that time.
      const known = { id: row.id, version: row.changedAt.getTime() }
      const recipe = openRecipe(components, row, rows.of(known))
      return {
        piece: { root: row.root, height: row.height, payloadBytes: row.sizeBytes },
        format: row.layout === 'segments' ? 'segments' : 'car',
        async *stream(offset, length, options) {
          const sumOf = await sums.of(known)
          if (sumOf) yield* checkedStream({ recipe, sumOf, damaged: (at) => damaged(row.id, at) }, offset, length, options)
          else yield* recipe.stream(offset, length, options)
        },
      }
    },
  }
}

function damaged(id: number, offset: number): KeepsakeError {
  return new KeepsakeError(
    'ERROR_CONTENT_DAMAGED',
    `A shard of aggregate ${id} is damaged, at byte ${offset} of the aggregate: "npx keepsake aggregates validate ${id}" finds the block.`,
  )
}

/** Two aggregates of the same root have the same bytes, but for zeros at their end. */
async function findBuilt({ kysely }: Db, root: Uint8Array): Promise<BuiltRow | undefined> {
  const { rows } = await sql<BuiltRow>`
    select id, layout, size_bytes as "sizeBytes", piece_root as root, piece_height as height, changed_at as "changedAt"
    from aggregate where piece_root = ${root} and state = 'built' order by id limit 1`.execute(kysely)
  return rows[0]
}
