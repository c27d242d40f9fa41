import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

/** Often enough to be watched; what takes less time leaves no note. */
const usualMs = 2000

/**
 * Notes in the row of an aggregate how many bytes of it are done, for whoever looks. A note that fails is left out: it is nothing but a sight.
 * Those of a step that has ended change nothing, whenever they arrive.
 */
export function progressNote(
  { kysely }: Db,
  { aggregateId, state }: { aggregateId: number; state: 'building' | 'validating' },
  betweenMs = usualMs,
) {
  let noteAt = performance.now() + betweenMs
  return (bytes: number): void => {
    const now = performance.now()
    if (now < noteAt) return
    noteAt = now + betweenMs
    sql`update aggregate set done_bytes = ${bytes} where id = ${aggregateId} and state = ${state}`.execute(kysely).catch(() => {})
  }
}
