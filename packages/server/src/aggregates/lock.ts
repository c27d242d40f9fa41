import type { Database } from '../database/database.ts'

/** "aggb" in ASCII: the first half of the advisory locks under which one process builds or validates an aggregate. */
const lockSpace = 0x61676762

/**
 * Does `work` on an aggregate once nobody else is at it, in whatever process. Validating begins the moment building commits, which is before building
 * lets go; one that did not wait would find it taken, and nobody would come back. The lock is a connection's: it ends with the process, however that ends.
 */
export async function withAggregateLock<T>(
  { pool }: Pick<Database, 'pool'>,
  aggregateId: number,
  work: () => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  let isBroken: Error | undefined
  const onError = (error: Error) => {
    isBroken = error
  }
  client.on('error', onError)
  try {
    await client.query('select pg_advisory_lock($1, $2)', [lockSpace, aggregateId])
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
