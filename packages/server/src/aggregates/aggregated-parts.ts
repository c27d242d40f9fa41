import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

/** An aggregate that has been validated. */
export interface BuiltAggregate {
  id: number
  root: Uint8Array | null
  pieceRoot: Uint8Array
  pieceHeight: number
  sizeBytes: number
  builtAt: Date
}

/** One content's place in such an aggregate. */
export interface AggregatedPart {
  contentId: number
  part: number
  parts: number
  links: number[] | null
  /** The same object for all that were listed together. */
  aggregate: BuiltAggregate
}

/**
 * Where contents lie in validated aggregates, by when these were built: two queries, however many they are. A page of uploads mostly lies in few
 * aggregates, so what is the same for all of one is read once.
 */
export async function listAggregated({ kysely }: Db, contentIds: readonly number[]): Promise<AggregatedPart[]> {
  const [aggregates, places] = await Promise.all([
    sql<BuiltAggregate>`
      select id, root, piece_root as "pieceRoot", piece_height as "pieceHeight", size_bytes as "sizeBytes", built_at as "builtAt" from aggregate
      where state = 'built' and id = any(array(select distinct aggregate_id from aggregate_entry where content_id = any(${contentIds}::bigint[])))
      order by built_at, id`.execute(kysely),
    sql<Omit<AggregatedPart, 'aggregate'> & { aggregateId: number }>`
      select content_id as "contentId", aggregate_id as "aggregateId", part, parts, path_indexes as links from aggregate_entry
      where content_id = any(${contentIds}::bigint[]) order by content_id`.execute(kysely),
  ])
  const placesIn = Map.groupBy(places.rows, ({ aggregateId }) => aggregateId)
  return aggregates.rows.flatMap((aggregate) =>
    (placesIn.get(aggregate.id) ?? []).map(({ contentId, part, parts, links }) => ({ contentId, part, parts, links, aggregate })),
  )
}
