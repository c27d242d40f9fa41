import type { Updateable } from 'kysely'
import { sql } from 'kysely'
import { tellItemsChanged } from '../aggregates/tell-items.ts'
import type { Db } from '../database/database.ts'
import type { DealTable } from '../database/schema-filecoin.ts'
import type { Facts } from '../jobs/facts.ts'
import { type DealState, isLive, mayChange } from './deal.ts'

/** Columns that go with a change; state, reason and time are the change itself. */
export type DealColumns = Omit<
  Updateable<DealTable>,
  'id' | 'aggregate_id' | 'provider_id' | 'state' | 'reason' | 'created_at' | 'changed_at'
>

export interface DealChange {
  /** In which state it has to be; of several, whichever it is in. */
  from: DealState | readonly DealState[]
  to: DealState
  /** Why, for people. */
  reason?: string | null
  /** Of the chain, where the change was seen on it. */
  epoch?: number
  /** What shows it: CIDs and numbers that anybody can look up. */
  evidence?: Record<string, unknown>
  set?: DealColumns
}

/**
 * The one way in which the state of a deal changes: the row, its event and the fact are one transaction, `db`'s own where that is one. As facts that start
 * sweeps, it comes late in its transaction.
 *
 * @returns false where the deal is in none of the states of `from`, or is not there: then nothing was changed
 * @throws RangeError where the table of `deal.ts` has no such change
 */
export async function changeDeal(db: Db, facts: Facts, dealId: number, change: DealChange): Promise<boolean> {
  const from = typeof change.from === 'string' ? [change.from] : change.from
  const impossible = from.find((state) => !mayChange(state, change.to))
  if (impossible !== undefined) throw new RangeError(`A deal never goes from ${impossible} to ${change.to}.`)
  if (db.kysely.isTransaction) return await apply(db, facts, dealId, change, from)
  return await db.kysely.transaction().execute((kysely) => apply({ kysely }, facts, dealId, change, from))
}

async function apply(
  { kysely }: Db,
  facts: Facts,
  dealId: number,
  { to, reason = null, epoch, evidence, set }: DealChange,
  from: readonly DealState[],
): Promise<boolean> {
  const changed = await kysely
    .updateTable('deal')
    // One that lives again is offered to nobody else, and its provider has nothing to wait for.
    .set({ ...(isLive(to) && { again_at: null }), ...set, state: to, reason, changed_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', dealId)
    .where('state', 'in', from)
    .returning('aggregate_id')
    .executeTakeFirst()
  if (!changed) return false
  await noteDealEvent({ kysely }, dealId, { state: to, reason, epoch, evidence })
  await tellItemsChanged({ kysely }, changed.aggregate_id)
  await facts.record({ kysely }, `deal:${to}`, { dealId })
  return true
}

export interface DealEvent {
  state: DealState
  reason?: string | null | undefined
  epoch?: number | undefined
  evidence?: Record<string, unknown> | undefined
}

/** Adds to the history of a deal; for what is no change of state. */
export async function noteDealEvent(
  { kysely }: Db,
  dealId: number,
  { state, reason, epoch, evidence }: DealEvent,
): Promise<void> {
  await kysely
    .insertInto('deal_event')
    .values({ deal_id: dealId, state, reason: reason ?? null, epoch: epoch ?? null, evidence: JSON.stringify(evidence ?? {}) })
    .execute()
}
