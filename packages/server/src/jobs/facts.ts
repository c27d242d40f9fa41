import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { FactName, FactPayloads, pipeline as Pipeline } from '../pipeline.ts'

/** Records what happened. */
export interface Facts {
  /** Adds the jobs a fact causes, inside the caller's transaction `db`. */
  record<F extends FactName>(db: Db, fact: F, payload: FactPayloads[F]): Promise<void>
}

/** Attempts of a job before it is given up: with the worker's exponential back-off the last comes about a day after the first. */
const maxAttempts = 16
/** Tries to add a job; one that fails means that another was begun in the same millisecond. */
const maxTries = 20

export function facts(pipeline: typeof Pipeline): Facts {
  return {
    async record({ kysely }, fact, payload) {
      for (const job of pipeline[fact]) {
        const key = `${job}:${Object.values(payload).join(':')}`
        await addJob({ kysely }, job, JSON.stringify(payload), key)
      }
    },
  }
}

/**
 * Adds a job, in place of one of the same key that nobody has begun. Where a worker begins that one at this very moment, graphile-worker
 * adds nothing and says so only by giving no row: what was begun may have missed what just happened, so it is tried again.
 */
async function addJob({ kysely }: Db, job: string, payload: string, key: string): Promise<void> {
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const { rows } = await sql<{ id: unknown }>`
      select id from graphile_worker.add_job(${job}, ${payload}::json, job_key => ${key}, max_attempts => ${maxAttempts})`.execute(
      kysely,
    )
    if (rows[0]?.id != null) return
  }
  throw new Error(`The job ${key} could not be added in ${maxTries} tries.`)
}
