import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { JobHandlers } from '../jobs/worker.ts'
import { settleRequests } from './settle.ts'
import { forgetDeleted, listLive, lockAccount, releaseRequest } from './store.ts'

interface Components {
  config: Config
  database: Db
}

/** So many in one transaction, so that an account with many requests holds nobody up. */
const deletedAtOnce = 500

/** Ends all requests of an account. */
async function deleteAll(database: Db, userId: number, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    const deleted = await database.kysely.transaction().execute(async (kysely) => {
      const db = { kysely }
      await lockAccount(db, userId)
      const live = await listLive(db, userId, deletedAtOnce)
      for (const { id } of live) await releaseRequest(db, id, { deleted: true })
      return live.length
    })
    if (deleted === 0) return
  }
}

export function pinRequestJobs({
  config,
  database,
}: Components): Pick<JobHandlers, 'settle-pin-requests' | 'delete-pin-requests' | 'forget-pin-requests'> {
  return {
    'settle-pin-requests': async (_payload, signal) => await settleRequests({ database }, { signal }),
    'delete-pin-requests': async (payload, signal) =>
      await deleteAll(database, Number((payload as { userId: unknown }).userId), signal),
    'forget-pin-requests': async () =>
      await forgetDeleted(database, new Date(Date.now() - config.DELETE_GRACE_HOURS * 3_600_000)),
  }
}
