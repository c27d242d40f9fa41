import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { KeepsakeError } from '../../errors.ts'
import type { Cluster } from './cluster.ts'
import { isAlive } from './is-alive.ts'
import { connectAsAdmin } from './start.ts'

/** "keepsake" in ASCII, as a 64-bit number: the advisory lock of the one server on a data directory. */
const lockKey = '7738151096083737445'

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

/**
 * Takes the lock that makes this process the one server on the data directory. It is held by a connection, so the kernel releases it when
 * the process ends in whatever way. Throws `CONFLICT` when another live process has it.
 */
export async function takeDirectoryLock(cluster: Cluster, port: number): Promise<DirectoryLock> {
  const client = await connectAsAdmin(cluster, port, `keepsake server ${process.pid}`)
  const gone = new Promise<void>((done) => client.once('end', () => done()))
  try {
    // A holder that was just killed keeps the lock until PostgreSQL has noticed.
    for (const end = Date.now() + 5000; ; await sleep(20)) {
      const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [lockKey])
      if (rows[0]?.taken) return { gone, release: () => client.end() }
      const holder = await findHolder(client)
      if ((holder && isAlive(holder)) || Date.now() > end) {
        const who = holder ? `pid ${holder}` : 'pid unknown'
        throw new KeepsakeError('CONFLICT', `Another Keepsake server is already running on ${cluster.dataDir} (${who}).`)
      }
    }
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
}
