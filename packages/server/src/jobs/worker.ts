import type { Runner, TaskList } from 'graphile-worker'
import { Logger, parseCronItems, run, runMigrations } from 'graphile-worker'
import type { Database } from '../database/database.ts'
import type { JobName } from '../pipeline.ts'
import { clock } from '../pipeline.ts'

/** Does one kind of job. Idempotent: it may run again after it has run, and beside itself. */
export type JobHandler = (payload: unknown, signal: AbortSignal | undefined) => Promise<void>
export type JobHandlers = Record<JobName, JobHandler>

export interface JobLog {
  info(object: object, message: string): void
  warn(object: object, message: string): void
  error(object: object, message: string): void
}

/** Jobs at the same time in this process. They read disks and databases more than they think. */
const concurrency = 4
/** How long a stopping process waits for its jobs; one that is cut off then runs again elsewhere. */
const shutdownMs = 10_000

export async function migrateJobs(database: Pick<Database, 'pool'>): Promise<void> {
  await runMigrations({ pgPool: database.pool, logger: silent })
}

/** The worker's own lines are for its authors; what matters of a job is logged here. */
const silent = new Logger(() => () => {})

/** Runs jobs until it is stopped. */
export async function startWorker({
  database,
  handlers,
  log,
}: {
  database: Pick<Database, 'pool'>
  handlers: JobHandlers
  log: JobLog
}): Promise<Runner> {
  const taskList: TaskList = {}
  for (const [name, handle] of Object.entries(handlers)) {
    taskList[name] = async (payload, { job, abortSignal }) => {
      const startedAt = performance.now()
      try {
        await handle(payload, abortSignal)
        log.info({ job: name, payload, durationMs: Math.round(performance.now() - startedAt) }, 'job done')
      } catch (error) {
        const isLast = job.attempts >= job.max_attempts
        log[isLast ? 'error' : 'warn'](
          { job: name, payload, attempt: job.attempts, err: error },
          isLast ? 'job given up' : 'job failed, will be tried again',
        )
        throw error
      }
    }
  }
  return await run({
    pgPool: database.pool,
    taskList,
    parsedCronItems: parseCronItems(clock.map(({ at, job }) => ({ match: at, task: job }))),
    concurrency,
    noHandleSignals: true,
    pollInterval: 2000,
    preset: { worker: { gracefulShutdownAbortTimeout: shutdownMs } },
    logger: silent,
  })
}
