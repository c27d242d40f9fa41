import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { UserRow } from './store.ts'
import { userColumns } from './store.ts'

export interface SessionRow extends UserRow {
  sessionId: number
  isAdmin: boolean
  lastUsedAt: Date
}

export interface ListedSession {
  id: number
  way: string
  userAgent: string
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
}

export interface NewSession {
  userId: number
  tokenDigest: Uint8Array
  way: string
  userAgent: string
  expiresAt: Date
}

export async function insertSession({ kysely }: Db, session: NewSession): Promise<void> {
  const { userId, tokenDigest, way, userAgent, expiresAt } = session
  const values = { user_id: userId, token_digest: tokenDigest, way, user_agent: userAgent, expires_at: expiresAt }
  await kysely.insertInto('session').values(values).execute()
}

/** A session that neither ended nor was left unused since `idleSince`. */
export async function findLiveSession({ kysely }: Db, tokenDigest: Uint8Array, idleSince: Date): Promise<SessionRow | undefined> {
  return await kysely
    .selectFrom('session')
    .innerJoin('user', 'user.id', 'session.user_id')
    .select([...userColumns, 'session.id as sessionId', 'user.is_admin as isAdmin', 'session.last_used_at as lastUsedAt'])
    .where('token_digest', '=', tokenDigest)
    .where('expires_at', '>', new Date())
    .where('last_used_at', '>', idleSince)
    .where('user.deleted_at', 'is', null)
    .executeTakeFirst()
}

export async function touchSession({ kysely }: Db, id: number): Promise<void> {
  await kysely.updateTable('session').set({ last_used_at: new Date() }).where('id', '=', id).execute()
}

export async function listLiveSessions({ kysely }: Db, userId: number, idleSince: Date): Promise<ListedSession[]> {
  return await kysely
    .selectFrom('session')
    .select([
      'id',
      'way',
      'user_agent as userAgent',
      'created_at as createdAt',
      'last_used_at as lastUsedAt',
      'expires_at as expiresAt',
    ])
    .where('user_id', '=', userId)
    .where('expires_at', '>', new Date())
    .where('last_used_at', '>', idleSince)
    .orderBy('last_used_at', 'desc')
    .orderBy('id')
    .execute()
}

/** False where this user has no such session. */
export async function deleteSession({ kysely }: Db, userId: number, id: number): Promise<boolean> {
  const done = await kysely.deleteFrom('session').where('id', '=', id).where('user_id', '=', userId).executeTakeFirst()
  return done.numDeletedRows === 1n
}

export async function deleteSessionByToken({ kysely }: Db, tokenDigest: Uint8Array): Promise<void> {
  await kysely.deleteFrom('session').where('token_digest', '=', tokenDigest).execute()
}

export async function deleteSessionsOf({ kysely }: Db, userId: number): Promise<number> {
  const done = await kysely.deleteFrom('session').where('user_id', '=', userId).executeTakeFirst()
  return Number(done.numDeletedRows)
}

/** What ended and what nobody came back for. */
export async function deleteDeadSessions({ kysely }: Db, idleSince: Date): Promise<void> {
  await sql`delete from session where expires_at < now() or last_used_at < ${idleSince}`.execute(kysely)
}
