import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'

export interface AccountRow {
  id: number
  email: string | null
  name: string | null
  createdAt: Date
  isAdmin: boolean
  uploadsRestricted: boolean
  deletesRestricted: boolean
  usedBytes: number
  limitBytes: number | null
}

export async function findAccount({ kysely }: Db, userId: number): Promise<AccountRow | undefined> {
  const { rows } = await sql<AccountRow>`
    select id, email, name, created_at as "createdAt", is_admin as "isAdmin", uploads_restricted as "uploadsRestricted",
      deletes_restricted as "deletesRestricted", storage_use(id) as "usedBytes", storage_limit_bytes as "limitBytes"
    from "user" where id = ${userId} and deleted_at is null`.execute(kysely)
  return rows[0]
}

/** The administrators, held until the transaction ends: so two of them cannot each be the last but one. */
export async function lockAdmins({ kysely }: Db): Promise<number[]> {
  const rows = await kysely
    .selectFrom('user')
    .select('id')
    .where('is_admin', '=', true)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .forUpdate()
    .execute()
  return rows.map(({ id }) => id)
}

/** Takes everything personal out of an account and closes every way in. The row stays for the uploads, which are deleted after it. */
export async function emptyAccount({ kysely }: Db, userId: number): Promise<void> {
  const now = new Date()
  await kysely
    .updateTable('user')
    .set({ subject: `deleted:${userId}`, email: null, name: null, did: null, is_admin: false, deleted_at: now })
    .where('id', '=', userId)
    .execute()
  await kysely
    .updateTable('api_key')
    .set({ deleted_at: now, name: '' })
    .where('user_id', '=', userId)
    .where('deleted_at', 'is', null)
    .execute()
  for (const table of ['session', 'passkey', 'linked_identity', 'sign_in_link', 'challenge'] as const)
    await kysely.deleteFrom(table).where('user_id', '=', userId).execute()
}
