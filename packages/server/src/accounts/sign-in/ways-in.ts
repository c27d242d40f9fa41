import type { Database, Db } from '../../database/database.ts'
import { KeepsakeError } from '../../errors.ts'
import type { WayInRow } from './store.ts'
import { deleteWayIn, listWayInRows, lockUser } from './store.ts'

export type WayIn = WayInRow

export async function listWaysIn({ database }: { database: Db }, userId: number): Promise<WayIn[]> {
  return await listWayInRows(database, userId)
}

/** @throws KeepsakeError `NOT_FOUND`; `ERROR_LAST_WAY_IN` where nobody could enter the account any more */
export async function removeWayIn(
  { database }: { database: Pick<Database, 'kysely'> },
  userId: number,
  id: string,
): Promise<void> {
  await database.kysely.transaction().execute(async (kysely) => {
    await lockUser({ kysely }, userId)
    const ways = await listWayInRows({ kysely }, userId)
    const way = ways.find((one) => one.id === id)
    if (!way) throw new KeepsakeError('NOT_FOUND', 'Your account has no such way in.')
    if (ways.length === 1) {
      throw new KeepsakeError(
        'ERROR_LAST_WAY_IN',
        `${way.label} is the only way into your account. Add another one before you remove it.`,
      )
    }
    await deleteWayIn({ kysely }, userId, way)
  })
}
