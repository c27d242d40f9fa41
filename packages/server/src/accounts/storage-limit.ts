import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Caller } from './authenticate.ts'

type Limited = Pick<Caller, 'userId' | 'storageLimitBytes'>

/** What a form or a CAR adds to what is in it: at most this much is not held against an upload before it is read. */
const wrappingBytes = (announcedBytes: number) => announcedBytes / 50 + 64 * 1024

function overLimit(limitBytes: number, usedBytes: number, what: string): KeepsakeError {
  return new KeepsakeError(
    'ERROR_STORAGE_LIMIT',
    `This account may keep ${limitBytes} bytes and keeps ${usedBytes}; ${what}. Delete something, or ask whoever runs this server for more.`,
  )
}

/**
 * Refuses an upload before a byte of it is read, where it is sure not to fit.
 *
 * @param announcedBytes the `Content-Length`; 0 where none was given
 * @throws KeepsakeError `ERROR_STORAGE_LIMIT`
 */
export async function requireRoom(
  { kysely }: Db,
  { userId, storageLimitBytes: limitBytes }: Limited,
  announcedBytes: number,
): Promise<void> {
  if (limitBytes === null) return
  const { rows } = await sql<{ used: number }>`select storage_use(${userId}) as used`.execute(kysely)
  const { used } = rows[0]!
  if (used + announcedBytes - wrappingBytes(announcedBytes) > limitBytes) {
    throw overLimit(limitBytes, used, `an upload of ${announcedBytes} bytes does not fit`)
  }
}

/** Refuses an account that is full. @throws KeepsakeError `ERROR_STORAGE_LIMIT` */
export async function requireNotFull({ kysely }: Db, { userId, storageLimitBytes }: Limited, what: string): Promise<void> {
  if (storageLimitBytes === null) return
  const { rows } = await sql<{ used: number }>`select storage_use(${userId}) as used`.execute(kysely)
  const { used } = rows[0]!
  if (used >= storageLimitBytes) throw overLimit(storageLimitBytes, used, what)
}

/**
 * Holds accounts with a limit to it, in the transaction that entered their uploads: uploads of one account are measured one after another, so
 * many at once cannot go over it together.
 *
 * @throws KeepsakeError `ERROR_STORAGE_LIMIT`
 */
export async function requireWithinLimits(db: Db, callers: readonly Limited[]): Promise<void> {
  const ids = [...new Set(callers.filter((caller) => caller.storageLimitBytes !== null).map(({ userId }) => userId))]
  if (ids.length > 0) await requireUsersWithinLimits(db, ids, 'that includes this upload, which was not kept')
}

/** The same of users of whom it is not known whether they have a limit. @throws KeepsakeError `ERROR_STORAGE_LIMIT` */
export async function requireUsersWithinLimits({ kysely }: Db, ids: readonly number[], what: string): Promise<void> {
  // Measured only after the lock is held: a query sees what was committed when it began. Rows that refer to the user need no such lock.
  await sql`select from "user" where id = any(${ids}::bigint[]) order by id for no key update`.execute(kysely)
  const { rows } = await sql<{ limitBytes: number; usedBytes: number }>`
    select storage_limit_bytes as "limitBytes", storage_use(id) as "usedBytes" from "user"
    where id = any(${ids}::bigint[]) and storage_use(id) > storage_limit_bytes`.execute(kysely)
  const [over] = rows
  if (over) throw overLimit(over.limitBytes, over.usedBytes, what)
}
