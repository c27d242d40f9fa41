import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { FactName, FactPayloads, Sweep, SweepName } from '../pipeline.ts'
import { tellContentsChanged } from './content-changes.ts'

/** Records what happened. */
export interface Facts {
  /**
   * Adds the jobs a fact causes, inside the caller's transaction `db`; a fact about one content is told to whoever watches that. A fact that starts sweeps comes last in its transaction: until that
   * ends, it keeps the sweep from beginning, and must not itself wait for rows meanwhile.
   */
  record<F extends FactName>(db: Db, fact: F, payload: FactPayloads[F]): Promise<void>
  /** Has a sweep run once more at that time, or earlier where somebody asks for it earlier. */
  sweepAt(db: Db, sweep: SweepName, at: Date): Promise<void>
}

/** Which jobs a fact starts; the product's table is `pipeline`. */
export type FactTable = Record<FactName, readonly (string | Sweep)[]>

/** Attempts of a job before it is given up: with the worker's exponential back-off the last comes about a day after the first. */
const maxAttempts = 16
/** Tries to add a job; one that fails means that another was begun in the same millisecond. */
const maxTries = 20

export function facts(table: FactTable): Facts {
  return {
    async record(db, fact, payload) {
      if ('contentId' in payload) await tellContentsChanged(db, [payload.contentId])
      for (const job of table[fact]) {
        if (typeof job === 'string') await addJob(db, { job, key: `${job}:${Object.values(payload).join(':')}`, payload })
      }
      for (const job of table[fact]) {
        if (typeof job === 'object')
          await addSweep(db, job.sweep, job.withinMs === undefined ? undefined : new Date(Date.now() + job.withinMs))
      }
    },
    sweepAt: async (db, sweep, at) => await addSweep(db, sweep, at),
  }
}

/**
 * Adds a sweep unless one waits that will begin in time. That one is locked (shared, so writers do not wait for each other): a worker passes over
 * a locked job, so it begins after the caller's transaction and sees what that did. Where writers never pause, the clock's own sweep has no lock to wait for.
 */
async function addSweep({ kysely }: Db, sweep: string, at?: Date): Promise<void> {
  const { rows } = await sql<{ id: unknown }>`
    select id from graphile_worker._private_jobs
    where key = ${sweep} and is_available and run_at <= coalesce(${at ?? null}::timestamptz, now()) for share skip locked`.execute(
    kysely,
  )
  if (rows.length > 0) return
  await addJob({ kysely }, { job: sweep, key: sweep, payload: {}, queue: sweep, ...(at && { at }) })
}

interface NewJob {
  job: string
  key: string
  payload: object
  /** Jobs of one queue run one after the other. */
  queue?: string
  at?: Date
}

/**
 * Adds a job, in place of one of the same key that nobody has begun. Where a worker begins that one at this very moment, graphile-worker
 * adds nothing and says so only by giving no row: what was begun may have missed what just happened, so it is tried again.
 */
async function addJob({ kysely }: Db, { job, key, payload, queue, at }: NewJob): Promise<void> {
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const { rows } = await sql<{ id: unknown }>`
      select id from graphile_worker.add_job(${job}, ${JSON.stringify(payload)}::json, queue_name => ${queue ?? null}, run_at => ${at ?? null}::timestamptz,
        job_key => ${key}, max_attempts => ${maxAttempts})`.execute(kysely)
    if (rows[0]?.id != null) return
  }
  throw new Error(`The job ${key} could not be added in ${maxTries} tries.`)
}
