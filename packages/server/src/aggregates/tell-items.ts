import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { maxNamedIds, tellContentsChanged } from '../jobs/content-changes.ts'

/** Says, inside the caller's transaction, that something became of every content in an aggregate. */
export async function tellItemsChanged(db: Db, aggregateId: number): Promise<void> {
  const { rows } = await sql<{ id: number }>`
    select content_id as id from aggregate_entry where aggregate_id = ${aggregateId} and content_id is not null limit ${maxNamedIds + 1}`.execute(
    db.kysely,
  )
  await tellContentsChanged(
    db,
    rows.map(({ id }) => id),
  )
}
