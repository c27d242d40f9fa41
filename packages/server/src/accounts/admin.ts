import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import type { AdminKeyRow, AdminUserRow, InvitationRow, UserChange, UserFilter } from './admin-store.ts'
import * as store from './admin-store.ts'
import { lockAdmins } from './sign-in/account-store.ts'
import { parseEmailAddress } from './sign-in/email-address.ts'
import { deleteInvitation } from './sign-in/store.ts'
import { findUserByEmail } from './store.ts'
import { getUserByEmail } from './users.ts'

interface Components {
  database: Db
}

/** A page of users, newest first. */
export async function searchUsers(
  { database }: Components,
  { search, after, limit }: { search?: string | undefined; after?: number | undefined; limit: number },
) {
  const filter: UserFilter = { search: search?.replaceAll('\0', '') }
  const [users, count] = await Promise.all([
    store.findUsers(database, filter, { after, limit: limit + 1 }),
    store.countUsers(database, filter),
  ])
  const page = users.slice(0, limit)
  return { users: page, count, next: users.length > limit ? page.at(-1)!.id : null }
}

/** @throws KeepsakeError `NOT_FOUND` */
export async function getUserDetails(
  { database }: Components,
  userId: number,
): Promise<{ user: AdminUserRow; keys: AdminKeyRow[] }> {
  const [[user], keys] = await Promise.all([
    store.findUsers(database, { id: userId }, { limit: 1 }),
    store.listKeysOf(database, userId),
  ])
  if (!user) throw noSuchUser()
  return { user, keys }
}

function noSuchUser(): KeepsakeError {
  return new KeepsakeError('NOT_FOUND', 'There is no such user.')
}

/** Changes what an account may do. @throws KeepsakeError `NOT_FOUND`; `ERROR_LAST_ADMIN` where nobody would be left to administer */
export async function changeUser({ database }: Components, userId: number, change: UserChange): Promise<void> {
  await database.kysely.transaction().execute(async (kysely) => {
    if (change.isAdmin === false) {
      const admins = await lockAdmins({ kysely })
      if (admins.length === 1 && admins[0] === userId)
        throw new KeepsakeError('ERROR_LAST_ADMIN', 'This is the only administrator. Make somebody else one first.')
    }
    if (!(await store.updateUser({ kysely }, userId, change))) throw noSuchUser()
  })
}

/** Makes somebody an administrator, for the command line. @throws KeepsakeError `NOT_FOUND` */
export async function promoteUser(components: Components, email: string): Promise<void> {
  await changeUser(components, (await getUserByEmail(components, email)).userId, { isAdmin: true })
}

/** Takes it back. @throws KeepsakeError `NOT_FOUND`, `ERROR_LAST_ADMIN` */
export async function demoteUser(components: Components, email: string): Promise<void> {
  await changeUser(components, (await getUserByEmail(components, email)).userId, { isAdmin: false })
}

/** Blocks a key, with a reason that whoever uses it is told; `null` lets it be used again. @throws KeepsakeError `NOT_FOUND` */
export async function blockKey({ database }: Components, keyId: number, reason: string | null): Promise<void> {
  if (!(await store.setKeyBlock(database, keyId, reason))) throw new KeepsakeError('NOT_FOUND', 'There is no such key.')
}

/** Lets an address make an account, and tells it so. @throws KeepsakeError `BAD_REQUEST`, `CONFLICT` */
export async function invite(
  { database, facts }: Components & { facts: Facts },
  written: string,
  invitedBy: number,
): Promise<number> {
  const email = parseEmailAddress(written)
  return await database.kysely.transaction().execute(async (kysely) => {
    if (await findUserByEmail({ kysely }, email)) throw new KeepsakeError('CONFLICT', `${email} has an account already.`)
    const id = await store.insertInvitation({ kysely }, email, invitedBy)
    if (id === undefined) throw new KeepsakeError('CONFLICT', `${email} is invited already.`)
    await facts.record({ kysely }, 'invitation:made', { invitationId: id })
    return id
  })
}

export async function listInvitations({ database }: Components): Promise<InvitationRow[]> {
  return await store.listInvitationRows(database)
}

export async function withdrawInvitation({ database }: Components, id: number): Promise<void> {
  await deleteInvitation(database, id)
}
