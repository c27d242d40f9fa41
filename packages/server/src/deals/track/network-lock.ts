import type { Database } from '../../database/database.ts'

/** "dltr" in ASCII: the first half of the advisory locks under which one process follows a network. */
const lockSpace = 0x646c7472

/**
 * Does `work` where no other process does it for that network. The lock is a connection's, and ends with it: then `work`'s signal aborts.
 *
 * @returns whether the lock was free
 */
export async function withNetworkLock(
  { pool }: Pick<Database, 'pool'>,
  network: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<{ isOurs: boolean }> {
  const client = await pool.connect()
  const lost = new AbortController()
  let isBroken: Error | undefined
  const onError = (error: Error) => {
    isBroken = error
    lost.abort(error)
  }
  client.on('error', onError)
  try {
    const { rows } = await client.query<{ ours: boolean }>('select pg_try_advisory_lock($1, hashtext($2)) as ours', [
      lockSpace,
      network,
    ])
    if (!rows[0]?.ours) return { isOurs: false }
    try {
      await work(AbortSignal.any([signal, lost.signal]))
    } finally {
      if (!isBroken) await client.query('select pg_advisory_unlock($1, hashtext($2))', [lockSpace, network]).catch(onError)
    }
    return { isOurs: true }
  } finally {
    client.off('error', onError)
    client.release(isBroken)
  }
}
