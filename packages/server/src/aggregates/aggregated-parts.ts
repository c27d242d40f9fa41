import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

/** One content's place in an aggregate that has been validated. */
export interface AggregatedPart {
  contentId: number
  aggregateId: number
  part: number
  parts: number
  links: number[] | null
  root: Uint8Array | null
  pieceRoot: Uint8Array
  pieceHeight: number
  sizeBytes: number
  builtAt: Date
}

/** Where contents lie in validated aggregates: one query, however many they are. */
export async function listAggregated({ kysely }: Db, contentIds: readonly number[]): Promise<AggregatedPart[]> {
  const { rows } = await sql<AggregatedPart>`
    select e.content_id as "contentId", a.id as "aggregateId", e.part, e.parts, e.path_indexes as links, a.root, a.piece_root as "pieceRoot",
      a.piece_height as "pieceHeight", a.size_bytes as "sizeBytes", a.built_at as "builtAt"
    from aggregate_entry e join aggregate a on a.id = e.aggregate_id
    where e.content_id = any(${contentIds}::bigint[]) and a.state = 'built' order by a.built_at, a.id`.execute(kysely)
  return rows
}
