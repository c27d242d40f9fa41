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

export function facts(pipeline: typeof Pipeline): Facts {
  return {
    async record({ kysely }, fact, payload) {
      for (const job of pipeline[fact]) {
        const key = `${job}:${Object.values(payload).join(':')}`
        await sql`select graphile_worker.add_job(${job}, ${JSON.stringify(payload)}::json, job_key => ${key}, max_attempts => ${maxAttempts})`.execute(
          kysely,
        )
      }
    },
  }
}
