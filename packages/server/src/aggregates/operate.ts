import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import type { BuildComponents } from './build-aggregate.ts'
import { findToBuild } from './build-store.ts'
import { closeNow } from './close-aggregates.ts'
import { noteFailure } from './jobs.ts'
import type { PackingRules } from './rules.ts'
import type { AggregateSteps } from './steps.ts'
import { listCollecting } from './store.ts'

interface Components extends BuildComponents {
  aggregateSteps: AggregateSteps
}

interface Options {
  signal?: AbortSignal | undefined
  /** Told what is being done, and how many bytes of it. */
  onStep?: ((step: 'building' | 'validating', aggregateId: number) => void) | undefined
  onProgress?: ((bytes: number) => void) | undefined
}

/** Between two looks at an aggregate that another process is building. */
const lookMs = 250

/** Closes everything that collects, with everything that waits, whatever the rules say of times. Gives the aggregates that are now to be built. */
export async function closeAll(components: Components, rules: PackingRules, signal?: AbortSignal): Promise<number[]> {
  await components.aggregateSteps.plan({ ...rules, settleMs: 0 }, signal)
  for (const { id } of await listCollecting(components.database, rules.layout)) await closeNow(components, id)
  return await listUnfinished(components.database)
}

async function listUnfinished({ kysely }: Db): Promise<number[]> {
  const { rows } = await sql<{
    id: number
  }>`select id from aggregate where state in ('building', 'validating') order by id`.execute(kysely)
  return rows.map(({ id }) => id)
}

/** Has a failed aggregate built again now; nothing where it is not failed. */
export async function retryNow({ database, facts }: { database: Db; facts: Facts }, aggregateId: number): Promise<boolean> {
  return await database.kysely.transaction().execute(async (kysely) => {
    const { numAffectedRows } = await sql`
      update aggregate set state = 'building', changed_at = clock_timestamp() where id = ${aggregateId} and state = 'failed'`.execute(
      kysely,
    )
    if (numAffectedRows !== 1n) return false
    await facts.record({ kysely }, 'aggregate:closed', { aggregateId })
    return true
  })
}

/**
 * Brings an aggregate all the way to `built`, here, or waits while another process does. What collects is closed, what failed begins again.
 *
 * @throws KeepsakeError `NOT_FOUND`; `CONFLICT` with the reason when it fails
 */
export async function finishNow(components: Components, aggregateId: number, options: Options = {}): Promise<void> {
  const { signal, onStep, onProgress } = options
  if (!(await findToBuild(components.database, aggregateId)))
    throw new KeepsakeError('NOT_FOUND', `There is no aggregate ${aggregateId}.`)
  await retryNow(components, aggregateId)
  for (let isFirst = true; ; isFirst = false) {
    signal?.throwIfAborted()
    const aggregate = await findToBuild(components.database, aggregateId)
    if (!aggregate) throw new KeepsakeError('NOT_FOUND', `Nothing is left of aggregate ${aggregateId} to build.`)
    if (aggregate.state === 'built') return
    if (aggregate.state === 'failed')
      throw new KeepsakeError('CONFLICT', `Aggregate ${aggregateId} failed: ${await reasonOf(components.database, aggregateId)}`)
    if (aggregate.state === 'collecting') {
      await closeNow(components, aggregateId)
      continue
    }
    onStep?.(aggregate.state, aggregateId)
    try {
      if (aggregate.state === 'building') await components.aggregateSteps.build({ aggregateId }, { signal, onProgress })
      else await components.aggregateSteps.validate({ aggregateId }, { signal, onProgress })
    } catch (error) {
      signal?.throwIfAborted()
      await noteFailure(components, aggregateId, error)
    }
    const after = await findToBuild(components.database, aggregateId)
    // Unchanged: somebody else is at it.
    if (after?.state === aggregate.state && !isFirst) await sleep(lookMs, undefined, { signal })
  }
}

async function reasonOf({ kysely }: Db, aggregateId: number): Promise<string> {
  const { rows } = await sql<{ reason: string | null }>`select reason from aggregate where id = ${aggregateId}`.execute(kysely)
  return rows[0]?.reason ?? 'no reason was noted'
}

/** Validates what has been built once more. What is wrong is noted in its row, and thrown. @throws KeepsakeError `NOT_FOUND`, `CONFLICT` */
export async function validateAgain(components: Components, aggregateId: number, options: Options = {}): Promise<void> {
  const aggregate = await findToBuild(components.database, aggregateId)
  if (!aggregate) throw new KeepsakeError('NOT_FOUND', `There is no aggregate ${aggregateId}.`)
  if (aggregate.state !== 'built' && aggregate.state !== 'validating')
    throw new KeepsakeError(
      'CONFLICT',
      `Aggregate ${aggregateId} is ${aggregate.state}; only one that has been built can be validated.`,
    )
  options.onStep?.('validating', aggregateId)
  try {
    const done = await components.aggregateSteps.validate(
      { aggregateId },
      { again: true, signal: options.signal, onProgress: options.onProgress },
    )
    if (!done) throw new KeepsakeError('CONFLICT', `Aggregate ${aggregateId} is being worked on by another process.`)
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof KeepsakeError && error.code === 'CONFLICT') throw error
    await noteFailure(components, aggregateId, error)
    throw new KeepsakeError('CONFLICT', `Aggregate ${aggregateId} is not what it should be: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
