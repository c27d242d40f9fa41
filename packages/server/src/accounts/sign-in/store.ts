import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'
import type { IdentityKind } from '../../database/schema.ts'

export interface LinkRow {
  id: Uint8Array
  email: string
  userId: number | null
  browser: Uint8Array
  next: string
  createdAt: Date
  expiresAt: Date
  usedAt: Date | null
}

export async function insertLink({ kysely }: Db, link: Omit<LinkRow, 'createdAt' | 'usedAt'>): Promise<void> {
  const { id, email, userId, browser, next, expiresAt } = link
  const values = { id, email, user_id: userId, browser_digest: browser, next, expires_at: expiresAt }
  await kysely.insertInto('sign_in_link').values(values).execute()
}

const linkColumns = [
  'id',
  'email',
  'user_id as userId',
  'browser_digest as browser',
  'next',
  'created_at as createdAt',
  'expires_at as expiresAt',
  'used_at as usedAt',
] as const

export async function findLink({ kysely }: Db, id: Uint8Array): Promise<LinkRow | undefined> {
  return await kysely.selectFrom('sign_in_link').select(linkColumns).where('id', '=', id).executeTakeFirst()
}

/** Uses a link up, and with it all others for the same address and purpose. False where somebody was first. */
export async function spendLink({ kysely }: Db, { id, email, userId }: LinkRow): Promise<boolean> {
  const now = new Date()
  const done = await kysely
    .updateTable('sign_in_link')
    .set({ used_at: now })
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  if (done.numUpdatedRows === 0n) return false
  await kysely
    .updateTable('sign_in_link')
    .set({ used_at: now })
    .where((eb) => eb(eb.fn('lower', ['email']), '=', email.toLowerCase()))
    .where('user_id', userId === null ? 'is' : '=', userId)
    .where('used_at', 'is', null)
    .execute()
  return true
}

export interface Identity {
  kind: IdentityKind
  subject: string
  label: string
}

/** Whose identity this is; notes its use. */
export async function useIdentity({ kysely }: Db, { kind, subject, label }: Identity): Promise<number | undefined> {
  const row = await kysely
    .updateTable('linked_identity')
    .set({ last_used_at: new Date(), label })
    .where('kind', '=', kind)
    .where('subject', '=', subject)
    .returning('user_id as userId')
    .executeTakeFirst()
  return row?.userId
}

/** False where it is linked already, to whomever. */
export async function insertIdentity({ kysely }: Db, userId: number, { kind, subject, label }: Identity): Promise<boolean> {
  const done = await kysely
    .insertInto('linked_identity')
    .values({ user_id: userId, kind, subject, label })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst()
  return done.numInsertedOrUpdatedRows === 1n
}

/** False where the address has an account already. */
export async function setUserEmail({ kysely }: Db, userId: number, email: string): Promise<boolean> {
  const owner = await kysely
    .selectFrom('user')
    .select('id')
    .where((eb) => eb(eb.fn('lower', ['email']), '=', email.toLowerCase()))
    .executeTakeFirst()
  if (owner && owner.id !== userId) return false
  await kysely.updateTable('user').set({ email }).where('id', '=', userId).execute()
  return true
}

export interface WayInRow {
  id: string
  kind: 'email' | 'passkey' | IdentityKind
  label: string
  createdAt: Date
  lastUsedAt: Date | null
}

/** Everything by which an account can be entered. */
export async function listWayInRows({ kysely }: Db, userId: number): Promise<WayInRow[]> {
  const { rows } = await sql<WayInRow>`
    select 'email' as id, 'email' as kind, email as label, created_at as "createdAt",
      (select max(created_at) from session where user_id = ${userId} and way = 'email') as "lastUsedAt", 0 as place
      from "user" where id = ${userId} and email is not null
    union all
    select 'passkey-' || id, 'passkey', name, created_at, last_used_at, 1 from passkey where user_id = ${userId}
    union all
    select kind || '-' || id, kind, label, created_at, last_used_at, 2 from linked_identity where user_id = ${userId}
    order by place, "createdAt", id`.execute(kysely)
  return rows
}

/** Held until the transaction ends, so that two requests cannot each remove the last way but one. */
export async function lockUser({ kysely }: Db, userId: number): Promise<void> {
  await kysely.selectFrom('user').select('id').where('id', '=', userId).forUpdate().execute()
}

export async function deleteWayIn({ kysely }: Db, userId: number, { kind, id }: Pick<WayInRow, 'kind' | 'id'>): Promise<void> {
  if (kind === 'email') {
    await kysely.updateTable('user').set({ email: null }).where('id', '=', userId).execute()
    return
  }
  const table = kind === 'passkey' ? 'passkey' : 'linked_identity'
  const row = Number(id.slice(kind.length + 1))
  await kysely.deleteFrom(table).where('id', '=', row).where('user_id', '=', userId).execute()
}

export async function findInvitation({ kysely }: Db, email: string): Promise<{ id: number } | undefined> {
  return await kysely
    .selectFrom('invitation')
    .select('id')
    .where((eb) => eb(eb.fn('lower', ['email']), '=', email.toLowerCase()))
    .executeTakeFirst()
}

export async function deleteInvitation({ kysely }: Db, id: number): Promise<void> {
  await kysely.deleteFrom('invitation').where('id', '=', id).execute()
}

/** False where it was used already. */
export async function insertSpentToken({ kysely }: Db, digest: Uint8Array, expiresAt: Date): Promise<boolean> {
  const done = await kysely
    .insertInto('spent_token')
    .values({ digest, expires_at: expiresAt })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst()
  return done.numInsertedOrUpdatedRows === 1n
}

/** Links are kept a day beyond their end, so that whoever comes late is told why. */
export async function deleteExpired({ kysely }: Db): Promise<void> {
  await sql`delete from sign_in_link where expires_at < now() - interval '1 day'`.execute(kysely)
  await sql`delete from challenge where expires_at < now()`.execute(kysely)
  await sql`delete from spent_token where expires_at < now()`.execute(kysely)
  await sql`delete from attempt where ends_at < now()`.execute(kysely)
}

export async function findInvitationById({ kysely }: Db, id: number): Promise<{ email: string } | undefined> {
  return await kysely.selectFrom('invitation').select('email').where('id', '=', id).executeTakeFirst()
}
