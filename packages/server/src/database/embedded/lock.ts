import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { formatIdentity, livenessOf, ownIdentity, parseIdentity } from '../../blobs/process-identity.ts'
import { KeepsakeError } from '../../errors.ts'
import type { Cluster } from './cluster.ts'
import { isAlive } from './is-alive.ts'
import { connectAsAdmin, giveToOwner } from './start.ts'

/** "keepsake" in ASCII, as a 64-bit number: the advisory lock of the one server on a data directory. */
const lockKey = '7738151096083737445'

const waitMs = 5000

export interface DirectoryLock {
  /** Resolves when the connection that holds the lock is gone, on purpose or not. */
  gone: Promise<void>
  release(): Promise<void>
}

async function findHolder(client: Client): Promise<number | undefined> {
  const { rows } = await client.query<{ application_name: string }>(
    `SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND (l.classid::int8 << 32 | l.objid::int8) = $1`,
    [lockKey],
  )
  const pid = /^keepsake server (\d+)$/.exec(rows[0]?.application_name ?? '')?.[1]
  return pid ? Number(pid) : undefined
}

function conflict(cluster: Cluster, pid: number | undefined): KeepsakeError {
  return new KeepsakeError(
    'CONFLICT',
    `Another Keepsake server is already running on ${cluster.dataDir} (pid ${pid ?? 'unknown'}).`,
  )
}

/**
 * Waits for the advisory lock. A holder that was just killed keeps it until PostgreSQL has noticed; and while this process is the rightful
 * server, a newcomer may hold it for as long as it takes to see that.
 */
async function waitForLock(client: Client, cluster: Cluster, rightful: boolean): Promise<void> {
  for (const end = Date.now() + waitMs; ; await sleep(20)) {
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [lockKey])
    if (rows[0]?.taken) return
    const holder = await findHolder(client)
    if ((!rightful && holder && isAlive(holder)) || Date.now() > end) throw conflict(cluster, holder)
  }
}

/**
 * Takes the lock that makes this process the one server on the data directory. It is held by a connection, so the kernel releases it when
 * the process ends in whatever way. Throws `CONFLICT` when another live process has it.
 *
 * PostgreSQL drops all sessions when one of them crashes, and with them the lock of a server that is well. Until that server has it back,
 * the file `keepsake-server` says whose it is.
 */
export async function takeDirectoryLock(cluster: Cluster, port: number): Promise<DirectoryLock> {
  const own = ownIdentity()
  const path = join(cluster.dir, 'keepsake-server')
  const readNamed = () => readFile(path, 'utf8').catch(() => '')
  const client = await connectAsAdmin(cluster, port, `keepsake server ${process.pid}`)
  const gone = new Promise<void>((done) => client.once('end', () => done()))
  try {
    await waitForLock(client, cluster, (await readNamed()) === formatIdentity(own))
    const named = await readNamed()
    const other = parseIdentity(named)
    if (other && named !== formatIdentity(own) && livenessOf(other, own) === 'alive') throw conflict(cluster, other.pid)
    await writeFile(path, formatIdentity(own), { mode: 0o600 })
    await giveToOwner(cluster, path)
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
  return {
    gone,
    async release() {
      await rm(path, { force: true })
      await client.end()
    },
  }
}
