import { isContentError } from '@keepsake/content/errors.ts'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Config } from '../config.ts'
import type { Database } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import type { JobHandlers, JobLog } from '../jobs/worker.ts'
import { BadAggregateError } from './bad-aggregate-error.ts'
import type { BuildComponents } from './build-aggregate.ts'
import { markFailed } from './build-store.ts'
import { progressNote } from './progress-note.ts'
import { packingRules } from './rules.ts'
import type { AggregateSteps } from './steps.ts'
import { nextRetry } from './store.ts'

interface Components {
  config: Config
  database: Pick<Database, 'kysely' | 'pool'>
  blobs: BlobStore
  facts: Facts
  log: JobLog
  aggregateSteps: AggregateSteps
}

/** Until a failed aggregate is built again: doubled each time. */
export const retryDelaysMs = { first: 60_000, longest: 6 * 3_600_000 }

function aggregateIdOf(payload: unknown): number {
  const { aggregateId } = payload as { aggregateId?: unknown }
  if (typeof aggregateId !== 'number') throw new Error(`The payload names no aggregate: ${JSON.stringify(payload)}.`)
  return aggregateId
}

/**
 * Notes in the aggregate's row what is wrong with it, and has it built again later. What is wrong with the machinery, a database that is away, is the
 * worker's: it tries the job again.
 */
export async function noteFailure(components: BuildComponents, aggregateId: number, error: unknown): Promise<void> {
  const isAbout = error instanceof BadAggregateError || isContentError(error) || isDamaged(error)
  if (!isAbout) throw error
  await markFailed(components.database, aggregateId, error.message, retryDelaysMs)
  components.log.error({ aggregateId, reason: error.message }, 'an aggregate failed; it is built again later')
  const at = await nextRetry(components.database)
  if (at) await components.facts.sweepAt(components.database, 'plan-aggregates', at)
}

function isDamaged(error: unknown): error is KeepsakeError {
  return error instanceof KeepsakeError && error.code === 'ERROR_CONTENT_DAMAGED'
}

export function aggregateJobs(
  components: Components,
): Pick<JobHandlers, 'plan-aggregates' | 'build-aggregate' | 'validate-aggregate'> {
  const { aggregateSteps, database } = components
  const rules = packingRules(components.config)
  const noteOf = (about: { aggregateId: number }, state: 'building' | 'validating') => progressNote(database, { ...about, state })
  const step = async (
    payload: unknown,
    signal: AbortSignal | undefined,
    work: (about: { aggregateId: number }) => Promise<unknown>,
  ) => {
    const aggregateId = aggregateIdOf(payload)
    try {
      await work({ aggregateId })
    } catch (error) {
      signal?.throwIfAborted()
      await noteFailure(components, aggregateId, error)
    }
  }
  return {
    'plan-aggregates': async (_payload, signal) => {
      if (rules) await aggregateSteps.plan(rules, signal)
    },
    'build-aggregate': (payload, signal) =>
      step(payload, signal, (about) => aggregateSteps.build(about, { signal, onProgress: noteOf(about, 'building') })),
    'validate-aggregate': (payload, signal) =>
      step(payload, signal, (about) => aggregateSteps.validate(about, { signal, onProgress: noteOf(about, 'validating') })),
  }
}
