import type { Db } from '../database/database.ts'
import type { ClosedBecause } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import type { Box } from './packing.ts'
import { forcedAt, isFull } from './packing.ts'
import type { PackingRules } from './rules.ts'
import type { CollectingRow } from './store.ts'
import { deleteAggregate, dropUnheld, findCollecting, listCollecting, lockPlanning, markClosed } from './store.ts'

interface Components {
  database: Db
  facts: Facts
  rules: PackingRules
}

export function boxOf({ id, items, plannedBytes, plannedBlocks, oldestAt }: CollectingRow): Box {
  return {
    id,
    items,
    bytes: plannedBytes,
    blocks: plannedBlocks,
    oldestAt: oldestAt ?? undefined,
    refusedSome: false,
    splitIds: new Set(),
  }
}

/** Closes every aggregate that is full or whose oldest item has waited long enough. */
export async function closeDue({ database, facts, rules }: Components): Promise<void> {
  for (const { id } of await listCollecting(database, rules.layout)) {
    await database.kysely.transaction().execute(async (kysely) => {
      const db = { kysely }
      await lockPlanning(db)
      const row = await findCollecting(db, id)
      const because = row && whyClose(boxOf(row), rules, new Date())
      if (because) await closeAggregate(db, facts, id, because)
    })
  }
}

export function whyClose(box: Box, rules: PackingRules, now: Date): ClosedBecause | undefined {
  if (isFull(box, rules)) return 'full'
  const forced = forcedAt(box, rules)
  return forced !== undefined && forced <= now ? 'waited' : undefined
}

/**
 * Closes one inside the caller's transaction, which holds the planning lock: what nobody holds any more is taken out, what is left is built. From
 * here on its items are decided: one that is deleted later stays in it.
 */
export async function closeAggregate(db: Db, facts: Facts, aggregateId: number, because: ClosedBecause): Promise<void> {
  if ((await dropUnheld(db, aggregateId)) === 0) return await deleteAggregate(db, aggregateId)
  if (await markClosed(db, aggregateId, because)) await facts.record(db, 'aggregate:closed', { aggregateId })
}

/** Closes what collects, whatever it holds, because an operator asks for it. @throws KeepsakeError `NOT_FOUND`, `CONFLICT` */
export async function closeNow({ database, facts }: Pick<Components, 'database' | 'facts'>, aggregateId: number): Promise<void> {
  await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    await lockPlanning(db)
    if (!(await findCollecting(db, aggregateId)))
      throw new KeepsakeError('CONFLICT', `Aggregate ${aggregateId} does not collect any more.`)
    await closeAggregate(db, facts, aggregateId, 'asked')
  })
}
