import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TaskList, WorkerPool } from 'graphile-worker'
import { Logger, parseCronItems, run, runMigrations } from 'graphile-worker'
import type { Database } from '../database/database.ts'
import type { JobName, NetworkJobName } from '../pipeline.ts'
import { clock } from '../pipeline.ts'
import { releaseJobsOfTheDead, showLife } from './life-sign.ts'
import { releaseOnce } from './release-once.ts'

/** Does one kind of job. Idempotent: it may run again after it has run, and beside itself. */
export type JobHandler = (payload: unknown, signal: AbortSignal | undefined) => Promise<void>
/** Every job that any worker can do. */
export type JobHandlers = Record<Exclude<JobName, NetworkJobName>, JobHandler>
/** Those that only the peer's process can do. */
export type NetworkJobHandlers = Record<NetworkJobName, JobHandler>

export interface JobLog {
  debug(object: object, message: string): void
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

/** How often to look for jobs of workers that died in other processes. */
const deadCheckMs = 30_000
/** Between the end of a session and the next: a database that starts again needs about as long. */
const restartDelayMs = 500

interface WorkerOptions {
  database: Pick<Database, 'pool'>
  /** Jobs of other names wait for a worker that has a handler for them. */
  handlers: JobHandlers | Partial<NetworkJobHandlers>
  log: JobLog
  /** Whether this process also begins what is due by the clock. */
  keepsClock?: boolean
}

export interface Worker {
  /** Lets the jobs under way end, for a while; resolves when none is left. */
  stop(): Promise<void>
}

/** Runs jobs until it is stopped, also over restarts of the database: what runs then is done again. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const stopping = new AbortController()
  const first = await beginSession(options)
  const supervision = superviseSessions(first, options, stopping.signal)
  return {
    stop() {
      stopping.abort()
      return supervision
    },
  }
}

interface Session {
  /** Resolves when the workers ended by themselves or lost the database. */
  ended: Promise<void>
  stop(): Promise<void>
}

async function superviseSessions(first: Session, options: WorkerOptions, stopping: AbortSignal): Promise<void> {
  const told = once(stopping, 'abort')
  let session: Session | undefined = first
  while (!stopping.aborted) {
    if (session) await Promise.race([session.ended, told])
    await session?.stop()
    if (stopping.aborted) return
    await sleep(restartDelayMs)
    session = await beginSession(options).catch((error: unknown) => {
      options.log.warn({ err: error }, 'jobs cannot be run yet')
      return undefined
    })
    if (session) options.log.warn({}, 'the workers had lost the database; jobs are run again')
  }
  await session?.stop()
}

/** One set of workers on one stretch of connection to the database. */
async function beginSession({ database, handlers, log, keepsClock = true }: WorkerOptions): Promise<Session> {
  const events = new EventEmitter()
  const created = once(events, 'pool:create')
  const runner = await run({
    pgPool: releaseOnce(database.pool),
    taskList: taskList(handlers, log),
    parsedCronItems: parseCronItems(
      keepsClock ? clock.map(({ at, job }) => ({ match: at, task: job, options: { queueName: job } })) : [],
    ),
    concurrency,
    events,
    noHandleSignals: true,
    pollInterval: 2000,
    // Without a delay, be it 0, an outcome that cannot be entered is a rejection that nobody hears, and ends the process.
    preset: { worker: { gracefulShutdownAbortTimeout: shutdownMs, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    logger: silent,
  })
  const workersEnded = runner.promise.catch(() => {})
  // Refused when they ended by themselves.
  const stopRunner = () => runner.stop().catch(() => {})
  try {
    const [{ workerPool }] = (await created) as [{ workerPool: WorkerPool & { id: string } }]
    const life = await showLife(database, workerPool.id)
    const release = () =>
      releaseJobsOfTheDead(database).catch((error: unknown) => log.warn({ err: error }, 'jobs of dead workers wait'))
    await release()
    const timer = setInterval(release, deadCheckMs)
    const stop = async () => {
      clearInterval(timer)
      await stopRunner()
      life.end()
    }
    return { ended: Promise.race([workersEnded, life.lost]), stop }
  } catch (error) {
    await stopRunner()
    throw error
  }
}

function taskList(handlers: WorkerOptions['handlers'], log: JobLog): TaskList {
  const tasks: TaskList = {}
  for (const [name, handle] of Object.entries(handlers)) {
    tasks[name] = async (payload, { job, abortSignal }) => {
      const startedAt = performance.now()
      try {
        await handle(payload, abortSignal)
        // Some run every minute and find nothing to do; what they do find they tell themselves.
        log.debug({ job: name, payload, durationMs: Math.round(performance.now() - startedAt) }, 'job done')
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
  return tasks
}
