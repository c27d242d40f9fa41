import type { Database } from '../database/database.ts'

type Pool = Pick<Database, 'pool'>

/** "jobs" in ASCII: the first half of the advisory locks by which pools of workers show that they live. */
const lockSpace = 0x6a6f6273

/** Held by a connection, so that it ends with the process, however that ends. */
export interface LifeSign {
  /** Resolves when the connection is gone, on purpose or not. */
  lost: Promise<void>
  end(): void
}

/** Shows that the pool of workers lives, to whoever runs `releaseJobsOfTheDead`. */
export async function showLife({ pool }: Pool, poolId: string): Promise<LifeSign> {
  const client = await pool.connect()
  const { promise: lost, resolve } = Promise.withResolvers<void>()
  client.once('end', resolve)
  try {
    await client.query('select pg_advisory_lock($1, hashtext($2))', [lockSpace, poolId])
  } catch (error) {
    client.release(true)
    throw error
  }
  // Not given back for others to use: closing it is what ends the lock.
  return { lost, end: () => client.release(true) }
}

/**
 * Gives jobs back that were being done by workers which are gone. graphile-worker itself waits four hours, since it cannot tell a dead
 * worker from a slow one; until then an upload whose parts are all here would still be called "pinning".
 */
export async function releaseJobsOfTheDead({ pool }: Pool): Promise<void> {
  await pool.query(
    `select graphile_worker.force_unlock_workers(array(
       select distinct locked_by from graphile_worker._private_jobs job
       where locked_by is not null and not exists (
         select from pg_locks
         where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
           and classid = $1::int8 and objid = hashtext(job.locked_by)::int8 & 4294967295 and objsubid = 2 and granted)))`,
    [lockSpace],
  )
}

/** How many pools of workers live, in all processes together. */
export async function countLivePools({ pool }: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
       and classid = $1::int8 and objsubid = 2 and granted`,
    [lockSpace],
  )
  return rows[0]?.count ?? 0
}
