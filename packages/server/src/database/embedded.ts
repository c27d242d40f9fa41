import { KeepsakeError } from '../errors.ts'
import { type Cluster, clusterDirOf, findPassword, prepareCluster, type Settings } from './embedded/cluster.ts'
import { type DirectoryLock, takeDirectoryLock } from './embedded/lock.ts'
import { findPostmaster, type Postmaster, stopPostmaster } from './embedded/postmaster.ts'
import { ensurePostmaster, type StartOptions, urlOf } from './embedded/start.ts'
import type { DatabaseLogger } from './logger.ts'

export interface EmbeddedOptions {
  /** Keepsake's data directory; the database lives in `postgres` below it. Made when absent. */
  dataDir: string
  logger?: DatabaseLogger | undefined
  /** Aborts the start; a server that runs is ended with `stop`. */
  signal?: AbortSignal | undefined
  /** PostgreSQL settings over Keepsake's own. */
  settings?: Settings | undefined
}

export interface EmbeddedDatabase {
  /** `postgres://…` of database `keepsake` as its owner; stays the same while this process lives. */
  url: string
  /** Process id of the PostgreSQL server; changes when it had to be started again. */
  readonly pid: number
  /** Resolves with the reason when PostgreSQL is gone and could not be brought back, or another server took the directory. */
  lost: Promise<Error>
  /** Fast shutdown; PostgreSQL is gone when this resolves. */
  stop(): Promise<void>
}

const restartWindowMs = 60_000
const restartLimit = 5

interface Supervision {
  cluster: Cluster
  options: StartOptions
  postmaster: Postmaster
  lock: DirectoryLock
  stopping: AbortController
}

/** Starts PostgreSQL again after it died under us and takes the lock again; ends when stopping, throws when that does not work. */
async function supervise(state: Supervision): Promise<void> {
  const { cluster, options, stopping } = state
  const { port } = state.postmaster
  const restarts: number[] = []
  for (;;) {
    await state.lock.gone
    if (stopping.signal.aborted) return
    options.logger?.warn({ pid: state.postmaster.pid }, 'lost the connection to PostgreSQL; making sure it runs')
    restarts.push(Date.now())
    if (restarts.length > restartLimit && Date.now() - restarts.at(-1 - restartLimit)! < restartWindowMs) {
      throw new KeepsakeError('ERROR_UNAVAILABLE', `PostgreSQL on ${cluster.dir} ended ${restartLimit} times within a minute.`)
    }
    state.postmaster = await ensurePostmaster(cluster, { ...options, signal: stopping.signal })
    if (state.postmaster.port !== port) {
      throw new KeepsakeError(
        'ERROR_UNAVAILABLE',
        `PostgreSQL's port ${port} was taken by another program while it started again.`,
      )
    }
    state.lock = await takeDirectoryLock(cluster, port)
    if (stopping.signal.aborted) return await state.lock.release()
    options.logger?.info({ pid: state.postmaster.pid, port }, 'PostgreSQL runs again')
  }
}

async function acquire(cluster: Cluster, options: StartOptions): Promise<{ postmaster: Postmaster; lock: DirectoryLock }> {
  const postmaster = await ensurePostmaster(cluster, options)
  const { pid, port, adopted } = postmaster
  options.logger?.info({ pid, port, dir: cluster.dir }, adopted ? 'found PostgreSQL running' : 'started PostgreSQL')
  try {
    const lock = await takeDirectoryLock(cluster, port)
    return { postmaster, lock }
  } catch (error) {
    // Whoever has the lock works with this server, even when it was us who started it.
    if (!adopted && !(error instanceof KeepsakeError && error.code === 'CONFLICT')) await stopPostmaster(postmaster, cluster)
    throw error
  }
}

/**
 * Starts the PostgreSQL that comes with Keepsake on `dataDir`, or adopts the one a killed process left running there, and makes this
 * process its one server. A PostgreSQL that dies is started again. Throws `CONFLICT` when another server is running on the directory
 * and `ERROR_UNAVAILABLE` when PostgreSQL cannot run there.
 */
export async function startEmbedded({ dataDir, ...options }: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const cluster = await prepareCluster(dataDir, options)
  const acquired = await acquire(cluster, options)
  const { signal: _startOnly, ...kept } = options
  const state: Supervision = { cluster, options: kept, ...acquired, stopping: new AbortController() }
  const supervision = supervise(state).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
  const lost = new Promise<Error>((resolve) => {
    void supervision.then((error) => {
      if (!error || state.stopping.signal.aborted) return
      options.logger?.error({ err: error }, 'PostgreSQL is gone and could not be brought back')
      resolve(error)
    })
  })
  let stopped: Promise<void> | undefined
  const stop = async () => {
    state.stopping.abort(new KeepsakeError('ERROR_UNAVAILABLE', 'PostgreSQL is being stopped.'))
    await state.lock.release().catch(() => undefined)
    await supervision
    const running = await findPostmaster(cluster.dir)
    if (running) await stopPostmaster(running, cluster)
  }
  return {
    url: urlOf(cluster, acquired.postmaster.port),
    get pid() {
      return state.postmaster.pid
    },
    lost,
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

/** The URL of the embedded PostgreSQL that runs on `dataDir`, or undefined when none does. For a command beside a running server. */
export async function findEmbedded(dataDir: string): Promise<string | undefined> {
  const dir = await clusterDirOf(dataDir)
  const password = await findPassword(dir)
  if (!password) return undefined
  const running = await findPostmaster(dir)
  return running && urlOf({ password }, running.port)
}

/**
 * The embedded PostgreSQL of `dataDir` for as long as a command needs it: the running one, which `stop` leaves alone,
 * else one started now with the rights and duties of `startEmbedded`.
 */
export async function openEmbedded(
  dataDir: string,
  options: Omit<EmbeddedOptions, 'dataDir'> = {},
): Promise<{ url: string; stop(): Promise<void> }> {
  const url = await findEmbedded(dataDir)
  return url ? { url, stop: async () => undefined } : await startEmbedded({ dataDir, ...options })
}
