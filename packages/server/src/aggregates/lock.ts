import type { Database } from '../database/database.ts'

/** "aggb" in ASCII: the first half of the advisory locks under which one process builds or validates an aggregate. */
const lockSpace = 0x61676762

/**
 * Does `work` on an aggregate unless somebody else is at it, in whatever process; then undefined is given at once. The lock is a connection's: it ends
 * with the process, however that ends.
 */
export async function withAggregateLock<T>(
  { pool }: Pick<Database, 'pool'>,
  aggregateId: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const client = await pool.connect()
  let isBroken: Error | undefined
  const onError = (error: Error) => {
    isBroken = error
  }
  client.on('error', onError)
  try {
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1, $2) as locked', [
      lockSpace,
      aggregateId,
    ])
    if (!rows[0]?.locked) return undefined
    try {
      return await work()
    } finally {
      await client.query('select pg_advisory_unlock($1, $2)', [lockSpace, aggregateId]).catch(onError)
    }
  } finally {
    client.off('error', onError)
    client.release(isBroken)
  }
}
