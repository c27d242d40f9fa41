import type { Db } from '../../database/database.ts'
import { KeepsakeError } from '../../errors.ts'
import type { Facts } from '../../jobs/facts.ts'
import type { AccountRow } from './account-store.ts'
import { emptyAccount, findAccount, lockAdmins } from './account-store.ts'
import type { WayIn } from './ways-in.ts'
import { listWaysIn } from './ways-in.ts'

export interface Account extends AccountRow {
  waysIn: WayIn[]
  /** What its owner knows it by. */
  label: string
}

interface Components {
  database: Db
}

/** @throws KeepsakeError `ERROR_NOT_SIGNED_IN` where the account is gone */
export async function getAccount({ database }: Components, userId: number): Promise<Account> {
  const row = await findAccount(database, userId)
  if (!row) throw new KeepsakeError('ERROR_NOT_SIGNED_IN', 'This account was deleted.')
  const waysIn = await listWaysIn({ database }, userId)
  return {
    ...row,
    waysIn,
    label: row.email ?? waysIn.find(({ kind }) => kind !== 'passkey')?.label ?? row.name ?? `Account ${userId}`,
  }
}

export async function getAccountLabel(components: Components, userId: number): Promise<string> {
  return (await getAccount(components, userId)).label
}

/**
 * Deletes an account at once: its keys and sessions end, everything personal is gone, its uploads are deleted right after.
 *
 * @throws KeepsakeError `BAD_REQUEST` where `confirm` is not the label of the account, `ERROR_LAST_ADMIN`, `ERROR_DELETE_RESTRICTED`
 */
export async function deleteAccount(
  { database, facts }: Components & { facts: Facts },
  userId: number,
  confirm: string,
): Promise<void> {
  const { label, deletesRestricted } = await getAccount({ database }, userId)
  if (confirm.trim().toLowerCase() !== label.toLowerCase())
    throw new KeepsakeError('BAD_REQUEST', `To delete this account for good, confirm with "${label}".`)
  if (deletesRestricted) throw new KeepsakeError('ERROR_DELETE_RESTRICTED', 'This account may not delete.')
  await database.kysely.transaction().execute(async (kysely) => {
    const admins = await lockAdmins({ kysely })
    if (admins.length === 1 && admins[0] === userId)
      throw new KeepsakeError('ERROR_LAST_ADMIN', 'You are the only administrator. Make somebody else one first.')
    await emptyAccount({ kysely }, userId)
    await facts.record({ kysely }, 'account:deleted', { userId })
  })
}
