import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { KeepsakeError } from '../../errors.ts'
import type { DatabaseLogger } from '../logger.ts'
import type { Cluster, Settings } from './cluster.ts'
import { disarmPidFile, findPostmaster, isPostmaster, type Postmaster, stopPostmaster } from './postmaster.ts'
import { commandOf } from './programs.ts'

export interface StartOptions {
  settings?: Settings | undefined
  logger?: DatabaseLogger | undefined
  signal?: AbortSignal | undefined
}

/** Crash recovery replays at most `max_wal_size` of log; far longer than that takes on a slow disk. */
const readyTimeoutMs = 10 * 60_000

const defaultSettings: Settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '256MB',
  effective_cache_size: '1GB',
  max_wal_size: '2GB',
  random_page_cost: '1.1',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // One file per day of the week, each begun anew after a week. Failed statements are the server's to log: they can hold people's data.
  logging_collector: 'on',
  log_directory: 'log',
  log_filename: 'postgres-%u.log',
  log_rotation_age: '1d',
  log_rotation_size: '0',
  log_truncate_on_rotation: 'on',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
}

export function urlOf(
  { password }: Pick<Cluster, 'password'>,
  port: number,
  { user = 'keepsake', database = 'keepsake' } = {},
): string {
  return `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
}

/** A connection as PostgreSQL's superuser, for the server's own upkeep. */
export async function connectAsAdmin(cluster: Cluster, port: number, applicationName: string): Promise<Client> {
  const connectionString = urlOf(cluster, port, { user: 'postgres', database: 'postgres' })
  const client = new Client({
    connectionString,
    application_name: applicationName,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  })
  // A broken connection is told to whoever waits for `end`; without a listener it would end this process.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  try {
    probe.listen({ port, host: '127.0.0.1', exclusive: true })
    await once(probe, 'listening')
    return true
  } catch {
    return false
  } finally {
    probe.close()
  }
}

/** The port used last time when it is free, so that addresses stay; else a random one below those systems give to outgoing connections. */
async function choosePort(dir: string): Promise<number> {
  const last = Number(await readFile(join(dir, 'keepsake-port'), 'utf8').catch(() => ''))
  if (last > 0 && (await isFree(last))) return last
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000)
    if (await isFree(port)) return port
  }
  throw new KeepsakeError('ERROR_UNAVAILABLE', 'No free port was found on 127.0.0.1 for PostgreSQL.')
}

/** Waits until the server takes connections; false when its process ended instead. */
async function waitUntilReady(postmaster: Postmaster, cluster: Cluster, ended: () => Promise<boolean>, options: StartOptions) {
  const begin = Date.now()
  let nextNoticeMs = 5000
  for (;;) {
    options.signal?.throwIfAborted()
    try {
      const client = await connectAsAdmin(cluster, postmaster.port, 'keepsake start')
      await client.end()
      return true
    } catch (error) {
      const { code = '' } = error as { code?: string }
      if (code === '28P01') throw wrongPassword(cluster, error)
      if (await ended()) return false
      const waitedMs = Date.now() - begin
      if (waitedMs > readyTimeoutMs) {
        const message = `PostgreSQL on ${cluster.dir} (process ${postmaster.pid}) did not become ready in ${readyTimeoutMs / 60_000} minutes.`
        throw new KeepsakeError('ERROR_UNAVAILABLE', message, { cause: error })
      }
      if (waitedMs > nextNoticeMs) {
        options.logger?.info({ pid: postmaster.pid, waitedMs }, 'waiting for PostgreSQL to start or to recover from a crash')
        nextNoticeMs += 10_000
      }
      await sleep(Math.min(250, 10 + waitedMs / 10))
    }
  }
}

function wrongPassword(cluster: Cluster, cause: unknown): KeepsakeError {
  const message = `PostgreSQL on ${cluster.dir} does not accept the password kept there. Restore the file keepsake-password from a backup.`
  return new KeepsakeError('ERROR_UNAVAILABLE', message, { cause })
}

/** What root makes in PostgreSQL's folder must stay usable when Keepsake runs as that folder's owner the next time. */
export async function giveToOwner({ runAs: { owner } }: Cluster, ...paths: string[]): Promise<void> {
  if (owner) for (const path of paths) await chown(path, owner.uid, owner.gid)
}

async function spawnPostmaster(
  cluster: Cluster,
  port: number,
  settings: Settings,
): Promise<{ child: ChildProcess; logPath: string }> {
  const logDir = join(cluster.dir, 'log')
  const logPath = join(logDir, 'start.log')
  await mkdir(logDir, { recursive: true, mode: 0o700 })
  const log = await open(logPath, 'w', 0o600)
  await giveToOwner(cluster, logDir, logPath)
  try {
    const all = { ...defaultSettings, ...settings, port: String(port) }
    const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const command = commandOf(cluster, 'postgres', ['-D', cluster.dir, ...args])
    // Its own session: Ctrl-C in the terminal must not reach it before the server had time to finish.
    const child = spawn(command.file, command.args, { ...command.options, stdio: ['ignore', log.fd, log.fd], detached: true })
    child.unref()
    await once(child, 'spawn')
    return { child, logPath }
  } catch (error) {
    const message = `PostgreSQL could not be started on ${cluster.dir}: ${(error as Error).message}. Set DATABASE_URL to use a server of yours.`
    throw new KeepsakeError('ERROR_UNAVAILABLE', message, { cause: error })
  } finally {
    await log.close()
  }
}

/** Reasons to try again: somebody else was quicker, orphans of a crash are still ending, or the port was taken at the last moment. */
const passing =
  /lock file "postmaster.pid"|shared memory block|could not bind|could not create any TCP\/IP sockets|Address already in use/

async function startOnce(cluster: Cluster, options: StartOptions): Promise<Postmaster | string> {
  await disarmPidFile(cluster.dir)
  const port = await choosePort(cluster.dir)
  const { child, logPath } = await spawnPostmaster(cluster, port, options.settings ?? {})
  const postmaster = { pid: child.pid!, port }
  const ended = async () => child.exitCode !== null || child.signalCode !== null
  try {
    if (await waitUntilReady(postmaster, cluster, ended, options)) {
      const portFile = join(cluster.dir, 'keepsake-port')
      await writeFile(portFile, String(port), { mode: 0o600 })
      await giveToOwner(cluster, portFile)
      return postmaster
    }
  } catch (error) {
    await stopPostmaster(postmaster, cluster, ended)
    throw error
  }
  return await readFile(logPath, 'utf8').catch(() => '')
}

/**
 * Gives a server on the cluster that takes connections: the one that runs there (perhaps left by a process that was killed),
 * else one started now. Safe to call from many processes at once. `adopted` says that it was running already.
 */
export async function ensurePostmaster(cluster: Cluster, options: StartOptions = {}): Promise<Postmaster & { adopted: boolean }> {
  const { dir } = cluster
  const giveUp = Date.now() + 60_000
  for (;;) {
    options.signal?.throwIfAborted()
    const running = await findPostmaster(dir)
    if (running && (await waitUntilReady(running, cluster, async () => !(await isPostmaster(running.pid, dir)), options))) {
      return { ...running, adopted: true }
    }
    const started = await startOnce(cluster, options)
    if (typeof started !== 'string') return { ...started, adopted: false }
    if (!passing.test(started) || Date.now() > giveUp) {
      throw new KeepsakeError('ERROR_UNAVAILABLE', `PostgreSQL does not start on ${dir}: ${started.trim().slice(-2000)}`)
    }
    await sleep(200)
  }
}
