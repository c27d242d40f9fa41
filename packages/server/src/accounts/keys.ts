import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '../database/database.ts'
import type { KeyScope } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import type { KeyTokens } from './key-token.ts'
import { foreignDigest } from './key-token.ts'
import type { ListedKey } from './store.ts'
import { deleteKey, findKeyClash, insertKey, listLiveKeys } from './store.ts'
import type { User } from './users.ts'

/** A live key as its owner sees it. */
export interface Key {
  id: number
  name: string
  /** Null for a key that another service issued: only its hash is here. */
  secret: string | null
  scope: KeyScope
  createdAt: Date
  expiresAt: Date | null
  lastUsedAt: Date | null
}

interface Components {
  database: Db
  keyTokens: KeyTokens
}

type Owner = Pick<User, 'userId' | 'subject'>

export interface KeyInput {
  name: unknown
  scope?: KeyScope | undefined
  expiresAt?: Date | undefined
}

const maxNameLength = 255
/** Two keys of one user made in the same millisecond differ by their instant; this many tries are plenty. */
const maxTries = 50

async function shown(tokens: KeyTokens, owner: Owner, row: ListedKey): Promise<Key> {
  const { id, name, issuedAtMs, scope, createdAt, expiresAt, lastUsedAt, foreign } = row
  const secret = foreign ? null : await tokens.sign({ sub: owner.subject, iat: issuedAtMs, name })
  return { id, name, secret, scope, createdAt, expiresAt, lastUsedAt }
}

function checkName(name: unknown): string {
  if (typeof name !== 'string' || name.trim() === '') throw new KeepsakeError('BAD_REQUEST', 'Token name is required.')
  if (name.length > maxNameLength)
    throw new KeepsakeError('BAD_REQUEST', `Token name is too long: at most ${maxNameLength} characters, got ${name.length}.`)
  if (name.includes('\0')) throw new KeepsakeError('BAD_REQUEST', 'Token name holds a NUL character.')
  return name
}

async function addKey(
  { database, keyTokens }: Components,
  owner: Owner,
  input: KeyInput,
  foreign: Uint8Array | null,
): Promise<Key> {
  const name = checkName(input.name)
  if (input.expiresAt && !(input.expiresAt.getTime() > Date.now()))
    throw new KeepsakeError('BAD_REQUEST', 'The expiry is not in the future.')
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const key = {
      userId: owner.userId,
      name,
      issuedAtMs: Date.now(),
      scope: input.scope ?? 'all',
      expiresAt: input.expiresAt ?? null,
      foreignDigest: foreign,
    }
    const row = await insertKey(database, key)
    if (row) return await shown(keyTokens, owner, row)
    const clash = await findKeyClash(database, key)
    if (clash === 'name') throw new KeepsakeError('ERROR_DUPLICATE_KEY_NAME', 'Duplicate key name.')
    if (clash === 'foreign') throw new KeepsakeError('CONFLICT', 'This key was imported already.')
    await sleep(1)
  }
  throw new KeepsakeError('ERROR_UNAVAILABLE', 'Too many keys are being created for this user at once; try again.')
}

/** Issues a key. @throws KeepsakeError `BAD_REQUEST`, `ERROR_DUPLICATE_KEY_NAME` */
export async function createKey(components: Components, owner: Owner, input: KeyInput): Promise<Key> {
  return await addKey(components, owner, input, null)
}

/** Makes a key that another service issued valid here. Only its hash is kept. */
export async function importKey(components: Components, owner: Owner, input: KeyInput & { token: string }): Promise<Key> {
  const token = input.token.trim()
  if (token.length < 16 || /\s/.test(token))
    throw new KeepsakeError('BAD_REQUEST', 'Expected a key of at least 16 characters without spaces.')
  if (await components.keyTokens.verify(token)) throw new KeepsakeError('CONFLICT', 'This server issued that key itself.')
  return await addKey(components, owner, input, foreignDigest(token))
}

export async function listKeys({ database, keyTokens }: Components, owner: Owner): Promise<Key[]> {
  const rows = await listLiveKeys(database, owner.userId)
  return await Promise.all(rows.map((row) => shown(keyTokens, owner, row)))
}

/** Revokes at once. @throws KeepsakeError `NOT_FOUND` for an unknown key, a deleted one and somebody else's alike. */
export async function revokeKey({ database }: Components, owner: Owner, keyId: number): Promise<void> {
  if (!Number.isSafeInteger(keyId) || !(await deleteKey(database, owner.userId, keyId))) {
    throw new KeepsakeError('NOT_FOUND', 'Token not found.')
  }
}
