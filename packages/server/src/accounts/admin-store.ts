import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

export interface AdminUserRow {
  id: number
  email: string | null
  name: string | null
  createdAt: Date
  lastSeenAt: Date | null
  isAdmin: boolean
  uploadsRestricted: boolean
  deletesRestricted: boolean
  uploads: number
  usedBytes: number
  limitBytes: number | null
}

export interface UserFilter {
  search?: string | undefined
  id?: number | undefined
}

function conditions({ search, id }: UserFilter) {
  const parts = [sql`deleted_at is null`]
  const pattern = `%${(search ?? '').replace(/[\\%_]/g, '\\$&')}%`
  if (search) parts.push(sql`(email ilike ${pattern} or name ilike ${pattern})`)
  if (id !== undefined) parts.push(sql`id = ${id}`)
  return sql.join(parts, sql` and `)
}

/** Newest first. The sums are short: they are kept by upload and account, in few rows. */
export async function findUsers(
  { kysely }: Db,
  filter: UserFilter,
  { after, limit }: { after?: number | undefined; limit: number },
): Promise<AdminUserRow[]> {
  const { rows } = await sql<AdminUserRow>`
    select id, email, name, created_at as "createdAt", is_admin as "isAdmin", uploads_restricted as "uploadsRestricted",
      deletes_restricted as "deletesRestricted", storage_limit_bytes as "limitBytes", storage_use(id) as "usedBytes",
      (select coalesce(sum(uploads), 0)::bigint from upload_tally where user_id = "user".id and span = 'day') as uploads,
      (select max(t) from (
         select max(last_used_at) as t from session where user_id = "user".id
         union all select max(last_used_at) from api_key where user_id = "user".id) seen) as "lastSeenAt"
    from "user" where ${conditions(filter)} ${after === undefined ? sql`` : sql`and id < ${after}`}
    order by id desc limit ${limit}`.execute(kysely)
  return rows
}

export async function countUsers({ kysely }: Db, filter: UserFilter): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) from "user" where ${conditions(filter)}`.execute(kysely)
  return rows[0]!.count
}

export interface UserChange {
  isAdmin?: boolean | undefined
  uploadsRestricted?: boolean | undefined
  deletesRestricted?: boolean | undefined
  storageLimitBytes?: number | null | undefined
}

/** False where there is no such user. */
export async function updateUser({ kysely }: Db, userId: number, change: UserChange): Promise<boolean> {
  const { isAdmin, uploadsRestricted, deletesRestricted, storageLimitBytes } = change
  const done = await kysely
    .updateTable('user')
    .set({
      ...(isAdmin !== undefined && { is_admin: isAdmin }),
      ...(uploadsRestricted !== undefined && { uploads_restricted: uploadsRestricted }),
      ...(deletesRestricted !== undefined && { deletes_restricted: deletesRestricted }),
      ...(storageLimitBytes !== undefined && { storage_limit_bytes: storageLimitBytes }),
    })
    .where('id', '=', userId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

export interface AdminKeyRow {
  id: number
  name: string
  scope: string
  createdAt: Date
  expiresAt: Date | null
  lastUsedAt: Date | null
  blockedReason: string | null
}

export async function listKeysOf({ kysely }: Db, userId: number): Promise<AdminKeyRow[]> {
  return await kysely
    .selectFrom('api_key')
    .select([
      'id',
      'name',
      'scope',
      'created_at as createdAt',
      'expires_at as expiresAt',
      'last_used_at as lastUsedAt',
      'blocked_reason as blockedReason',
    ])
    .where('user_id', '=', userId)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute()
}

/** False where there is no such key. */
export async function setKeyBlock({ kysely }: Db, keyId: number, reason: string | null): Promise<boolean> {
  const done = await kysely
    .updateTable('api_key')
    .set({ blocked_reason: reason })
    .where('id', '=', keyId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

export interface InvitationRow {
  id: number
  email: string
  createdAt: Date
  invitedBy: string | null
}

/** Undefined where the address has an invitation already. */
export async function insertInvitation({ kysely }: Db, email: string, invitedBy: number): Promise<number | undefined> {
  const row = await kysely
    .insertInto('invitation')
    .values({ email, invited_by: invitedBy })
    .onConflict((oc) => oc.doNothing())
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

export async function listInvitationRows({ kysely }: Db): Promise<InvitationRow[]> {
  return await kysely
    .selectFrom('invitation')
    .leftJoin('user', 'user.id', 'invitation.invited_by')
    .select(['invitation.id', 'invitation.email', 'invitation.created_at as createdAt', 'user.email as invitedBy'])
    .orderBy('invitation.id', 'desc')
    .execute()
}
