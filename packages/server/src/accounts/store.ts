import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { KeyScope } from '../database/schema.ts'
import type { KeyClaims } from './key-token.ts'

/** What a request needs to know about who makes it. */
export interface KeyRow {
  keyId: number | null
  keyName: string
  scope: KeyScope
  expiresAt: Date | null
  deletedAt: Date | null
  blockedReason: string | null
  lastUsedAt: Date | null
  userId: number
  subject: string
  email: string | null
  did: string | null
  uploadsRestricted: boolean
  deletesRestricted: boolean
  storageLimitBytes: number | null
}

export const userColumns = [
  'user.id as userId',
  'user.subject',
  'user.email',
  'user.did',
  'user.uploads_restricted as uploadsRestricted',
  'user.deletes_restricted as deletesRestricted',
  'user.storage_limit_bytes as storageLimitBytes',
] as const

const keyColumns = [
  'api_key.id as keyId',
  'api_key.name as keyName',
  'api_key.scope',
  'api_key.expires_at as expiresAt',
  'api_key.deleted_at as deletedAt',
  'api_key.blocked_reason as blockedReason',
  'api_key.last_used_at as lastUsedAt',
] as const

export async function findKeyByClaims({ kysely }: Db, claims: KeyClaims): Promise<KeyRow | undefined> {
  return await kysely
    .selectFrom('api_key')
    .innerJoin('user', 'user.id', 'api_key.user_id')
    .select([...keyColumns, ...userColumns])
    .where('user.subject', '=', claims.sub)
    .where('api_key.issued_at_ms', '=', claims.iat)
    .where('api_key.name', '=', claims.name)
    .where('api_key.foreign_digest', 'is', null)
    .executeTakeFirst()
}

export async function findKeyByForeignDigest({ kysely }: Db, digest: Uint8Array): Promise<KeyRow | undefined> {
  return await kysely
    .selectFrom('api_key')
    .innerJoin('user', 'user.id', 'api_key.user_id')
    .select([...keyColumns, ...userColumns])
    .where('api_key.foreign_digest', '=', digest)
    .executeTakeFirst()
}

export async function userExists({ kysely }: Db, subject: string): Promise<boolean> {
  return (await kysely.selectFrom('user').select('id').where('subject', '=', subject).executeTakeFirst()) !== undefined
}

export type UserRow = Pick<
  KeyRow,
  'userId' | 'subject' | 'email' | 'did' | 'uploadsRestricted' | 'deletesRestricted' | 'storageLimitBytes'
>

export async function findUserByDid({ kysely }: Db, did: string): Promise<UserRow | undefined> {
  return await kysely.selectFrom('user').select(userColumns).where('did', '=', did).executeTakeFirst()
}

export async function findUserByEmail({ kysely }: Db, email: string): Promise<UserRow | undefined> {
  return await kysely
    .selectFrom('user')
    .select(userColumns)
    .where((eb) => eb(eb.fn('lower', ['email']), '=', email.toLowerCase()))
    .executeTakeFirst()
}

export interface ListedUser {
  id: number
  email: string | null
  name: string | null
  createdAt: Date
  /** Live uploads. */
  uploads: number
  /** Keys that are not revoked. */
  keys: number
}

/** Users by id, from the one after `afterId` on. */
export async function listUsersAfter({ kysely }: Db, afterId: number, limit: number): Promise<ListedUser[]> {
  const { rows } = await sql<ListedUser>`
    select "user".id, email, name, created_at as "createdAt",
      (select coalesce(sum(uploads), 0)::bigint from upload_tally t where t.user_id = "user".id and t.span = 'day') as uploads,
      (select count(*) from api_key k where k.user_id = "user".id and k.deleted_at is null) as keys
    from "user" where id > ${afterId} and deleted_at is null order by id limit ${limit}`.execute(kysely)
  return rows
}

/** Inserts a user; undefined where the subject or the e-mail address is taken. */
export async function insertUser(
  { kysely }: Db,
  user: { subject: string; email: string | null; name: string | null },
): Promise<UserRow | undefined> {
  return await kysely
    .insertInto('user')
    .values(user)
    .onConflict((oc) => oc.doNothing())
    .returning(userColumns)
    .executeTakeFirst()
}

/** False where another user has registered this DID. */
export async function setUserDid({ kysely }: Db, userId: number, did: string): Promise<boolean> {
  const taken = await kysely.selectFrom('user').select('id').where('did', '=', did).where('id', '!=', userId).executeTakeFirst()
  if (taken) return false
  await kysely.updateTable('user').set({ did }).where('id', '=', userId).execute()
  return true
}

export interface ListedKey {
  id: number
  name: string
  issuedAtMs: number
  scope: KeyScope
  expiresAt: Date | null
  createdAt: Date
  lastUsedAt: Date | null
  foreign: boolean
}

const listedColumns = [
  'id',
  'name',
  'issued_at_ms as issuedAtMs',
  'scope',
  'expires_at as expiresAt',
  'created_at as createdAt',
  'last_used_at as lastUsedAt',
] as const

export async function listLiveKeys({ kysely }: Db, userId: number): Promise<ListedKey[]> {
  return await kysely
    .selectFrom('api_key')
    .select([...listedColumns, (eb) => eb('foreign_digest', 'is not', null).$castTo<boolean>().as('foreign')])
    .where('user_id', '=', userId)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute()
}

export interface NewKey {
  userId: number
  name: string
  issuedAtMs: number
  scope: KeyScope
  expiresAt: Date | null
  foreignDigest: Uint8Array | null
}

/** Inserts a key; undefined where the name, the instant or the foreign digest is taken. */
export async function insertKey({ kysely }: Db, key: NewKey): Promise<ListedKey | undefined> {
  return await kysely
    .insertInto('api_key')
    .values({
      user_id: key.userId,
      name: key.name,
      issued_at_ms: key.issuedAtMs,
      scope: key.scope,
      expires_at: key.expiresAt,
      foreign_digest: key.foreignDigest,
    })
    .onConflict((oc) => oc.doNothing())
    .returning([...listedColumns, (eb) => eb('foreign_digest', 'is not', null).$castTo<boolean>().as('foreign')])
    .executeTakeFirst()
}

/** What stands in the way of a new key: a live one of that name, or a key with that digest. */
export async function findKeyClash({ kysely }: Db, key: NewKey): Promise<'name' | 'foreign' | undefined> {
  const name = await kysely
    .selectFrom('api_key')
    .select('id')
    .where('user_id', '=', key.userId)
    .where('name', '=', key.name)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (name) return 'name'
  if (key.foreignDigest === null) return undefined
  const foreign = await kysely
    .selectFrom('api_key')
    .select('id')
    .where('foreign_digest', '=', key.foreignDigest)
    .executeTakeFirst()
  return foreign ? 'foreign' : undefined
}

/** Soft: old uploads keep the key's name. False where there is no such live key of this user. */
export async function deleteKey({ kysely }: Db, userId: number, keyId: number): Promise<boolean> {
  const done = await kysely
    .updateTable('api_key')
    .set({ deleted_at: new Date() })
    .where('id', '=', keyId)
    .where('user_id', '=', userId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

export async function touchKey({ kysely }: Db, keyId: number): Promise<void> {
  await kysely.updateTable('api_key').set({ last_used_at: new Date() }).where('id', '=', keyId).execute()
}
