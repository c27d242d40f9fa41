import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import { noteDealEvent } from './deal-change.ts'

export { lockRequests } from './store.ts'

/** How long a proposal may take to be made; then the piece is free for others. */
const proposeWithinMs = 60 * 60_000

export interface Reservation {
  aggregateId: number
  providerId: number
  driver: 'self-service'
  /** The deal it stands in for before that ends. */
  replacesId?: number | undefined
  epoch: number
  /** Why, where it is not that the provider asked. */
  reason?: string
  /** What shows that it was asked for. */
  evidence: Record<string, unknown>
}

/**
 * Begins a deal, in the caller's transaction and under the lock of requests, which the caller takes before it looks whether there may be one: whoever
 * begins deals, a provider that asks, a renewal, the operator, does so one after the other.
 *
 * Its proposal is made by the job that the fact starts.
 */
export async function reserve(db: Db, facts: Facts, reservation: Reservation): Promise<number> {
  const {
    aggregateId,
    providerId,
    driver,
    replacesId,
    epoch,
    evidence,
    reason = 'The storage provider asked for it.',
  } = reservation
  const { id } = await db.kysely
    .insertInto('deal')
    .values({
      aggregate_id: aggregateId,
      provider_id: providerId,
      driver,
      replaces_id: replacesId ?? null,
      due_at: new Date(Date.now() + proposeWithinMs),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await noteDealEvent(db, id, { state: 'reserved', reason, epoch, evidence })
  await facts.record(db, 'deal:reserved', { dealId: id })
  return id
}
