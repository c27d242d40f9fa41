import type { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { KeyScope } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import type { KeyTokens } from './key-token.ts'
import { foreignDigest } from './key-token.ts'
import { sharedLookup } from './shared-lookup.ts'
import type { KeyRow } from './store.ts'
import { findKeyByClaims, findKeyByForeignDigest, touchKey, userExists } from './store.ts'

/** What a caller shows instead of a key: a UCAN or a Metaplex token. */
export interface Credential {
  /** What is worth knowing of it later; kept with each upload. Not the token itself. */
  meta: Record<string, unknown>
  /** @throws KeepsakeError where it is for other content than this */
  checkContent(content: { root: CID; car: CID }): void
}

/** Who makes a request, and with what right. */
export interface Caller {
  userId: number
  subject: string
  did: string | null
  /** The key, or null for a session or a UCAN. */
  keyId: number | null
  /** What uploads are labelled with: the key's name, or `session`. */
  label: string
  scope: KeyScope
  uploadsRestricted: boolean
  deletesRestricted: boolean
  /** Most bytes the account may keep; null is no limit. */
  storageLimitBytes: number | null
  credential?: Credential
  /** There when a browser session makes the request. */
  session?: { id: number; isAdmin: boolean }
}

/** What a call may need. `manage` is deleting content and handling keys: only a key with scope `all` may. */
export type Right = 'upload' | 'read' | 'pins' | 'delete' | 'manage'

const rightsOfScope: Record<KeyScope, readonly Right[]> = {
  all: ['upload', 'read', 'pins', 'delete', 'manage'],
  upload: ['upload'],
  read: ['read'],
  pins: ['pins'],
}

/** The scopes of a key that give `right`. */
export function scopesWith(right: Right): KeyScope[] {
  return (Object.keys(rightsOfScope) as KeyScope[]).filter((scope) => rightsOfScope[scope].includes(right))
}

interface Components {
  database: Db
  keyTokens: KeyTokens
}

const expectedBearer =
  'API Key is missing, make sure the `Authorization` header has a value in the following format `Bearer {api key}`.'

/** The token of an `Authorization` header. The scheme is matched in any case (RFC 9110, section 11.1). */
export function bearerToken(header: string | undefined): string {
  const token = /^bearer +(\S.*)$/i.exec(header?.trim() ?? '')?.[1]
  if (!token) throw new KeepsakeError('EXPECTED_BEARER_STRING', expectedBearer)
  return token.trim()
}

/**
 * Tells who holds an API key.
 *
 * @throws KeepsakeError with the code the original API gave in each case (facts: part 2, "Authentication").
 */
export type Authenticate = (token: string) => Promise<Caller>

export function authenticator({ database, keyTokens }: Components): Authenticate {
  const lookUp = sharedLookup(async (token) => {
    const row = await findKey(database, keyTokens, token)
    requireUsable(row)
    await noteUse(database, row)
    return row
  })
  return async (token) => {
    const {
      userId,
      subject,
      did,
      keyId,
      keyName: label,
      scope,
      uploadsRestricted,
      deletesRestricted,
      storageLimitBytes,
    } = await lookUp(token)
    return { userId, subject, did, keyId, label, scope, uploadsRestricted, deletesRestricted, storageLimitBytes }
  }
}

function requireUsable({ deletedAt, blockedReason, expiresAt }: KeyRow): void {
  if (blockedReason !== null) throw new KeepsakeError('ERROR_TOKEN_BLOCKED', `API Key is blocked: ${blockedReason}`)
  if (deletedAt !== null) throw new KeepsakeError('ERROR_TOKEN_NOT_FOUND', 'API Key not found.')
  if (expiresAt !== null && expiresAt.getTime() <= Date.now()) {
    throw new KeepsakeError('ERROR_TOKEN_EXPIRED', 'API Key has expired.')
  }
}

/** Use is remembered to the minute: a finer clock would cost a write for every request. */
async function noteUse(database: Components['database'], row: KeyRow): Promise<void> {
  const isRecent = row.lastUsedAt !== null && Date.now() - row.lastUsedAt.getTime() < 60_000
  if (row.keyId !== null && !isRecent) await touchKey(database, row.keyId)
}

async function findKey(database: Components['database'], tokens: KeyTokens, token: string): Promise<KeyRow> {
  const claims = await tokens.verify(token)
  const row = claims ? await findKeyByClaims(database, claims) : await findKeyByForeignDigest(database, foreignDigest(token))
  if (row) return row
  if (!claims) throw new KeepsakeError('ERROR_MALFORMED_TOKEN', 'API Key is malformed or failed to parse.')
  if (!(await userExists(database, claims.sub))) throw new KeepsakeError('ERROR_USER_NOT_FOUND', 'User not found.')
  throw new KeepsakeError('ERROR_TOKEN_NOT_FOUND', 'API Key not found.')
}

/** @throws KeepsakeError where the caller's key or account does not give `right`. */
export function requireRight(caller: Caller, right: Right): void {
  if (!rightsOfScope[caller.scope].includes(right)) {
    throw new KeepsakeError('ERROR_TOKEN_SCOPE', `This API key has scope "${caller.scope}" and may not ${right}.`)
  }
  if (right === 'upload' && caller.uploadsRestricted) {
    throw new KeepsakeError('ERROR_ACCOUNT_RESTRICTED', 'This account may not upload.')
  }
  if (right === 'delete' && caller.deletesRestricted) {
    throw new KeepsakeError('ERROR_DELETE_RESTRICTED', 'This account may not delete.')
  }
}
