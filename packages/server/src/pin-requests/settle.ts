import { requireUsersWithinLimits } from '../accounts/storage-limit.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { OpenRequest } from './store.ts'
import { listSettled, lockAccount, markPinned, releaseRequest } from './store.ts'

interface Components {
  database: Db
}

/**
 * Notes that what a request waits for is here, and holds its account to its limit: a request that goes over it has failed.
 * Gives whether the request changed.
 */
export async function settleRequest({ database }: Components, { id, userId }: OpenRequest): Promise<boolean> {
  try {
    return await database.kysely.transaction().execute(async (kysely) => {
      const db = { kysely }
      await lockAccount(db, userId)
      if (!(await markPinned(db, id))) return false
      await requireUsersWithinLimits(db, [userId], 'that includes this pin')
      return true
    })
  } catch (error) {
    if (!(error instanceof KeepsakeError) || error.code !== 'ERROR_STORAGE_LIMIT') throw error
    return await failRequest({ database }, { id, userId }, error.message)
  }
}

/** Ends a request that cannot be had, with the reason its owner is told. */
export async function failRequest({ database }: Components, { id, userId }: OpenRequest, reason: string): Promise<boolean> {
  return await database.kysely.transaction().execute(async (kysely) => {
    await lockAccount({ kysely }, userId)
    return await releaseRequest({ kysely }, id, { failed: reason })
  })
}

/** Settles every request whose content is complete by now, or those for one content. */
export async function settleRequests(
  { database }: Components,
  { contentId, signal }: { contentId?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  for (;;) {
    const settled = await listSettled(database, contentId)
    if (settled.length === 0) return
    for (const request of settled) {
      signal?.throwIfAborted()
      await settleRequest({ database }, request)
    }
  }
}
