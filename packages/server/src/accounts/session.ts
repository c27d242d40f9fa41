import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Caller } from './authenticate.ts'
import { clearCookie, readCookie, sha256, writeCookie } from './session-cookie.ts'
import { requireSameOrigin, siteOriginOf } from './session-site.ts'
import type { ListedSession } from './session-store.ts'
import * as store from './session-store.ts'

const dayMs = 86_400_000
/** A session that nobody uses for this long is over. */
const idleMs = 14 * dayMs
/** However much it is used, one has to sign in again after this. */
const longestMs = 90 * dayMs
const maxUserAgentLength = 300

interface Components {
  config: Config
  database: Db
}

const idleSince = () => new Date(Date.now() - idleMs)

/**
 * Signs somebody in at this browser: a new token (256 bits) in a cookie, of which only the hash is kept. Whoever was signed in here
 * before no longer is.
 *
 * @param way how it was proven who this is: `email`, `passkey`, `wallet`, `github`, `magic`, `set-up`
 */
export async function startSession(
  { config, database }: Components,
  request: FastifyRequest,
  reply: FastifyReply,
  { userId, way }: { userId: number; way: string },
): Promise<void> {
  const former = readCookie(request, 'session', config)
  if (former !== undefined) await store.deleteSessionByToken(database, sha256(former))
  const token = randomBytes(32).toString('base64url')
  await store.insertSession(database, {
    userId,
    tokenDigest: sha256(token),
    way,
    userAgent: String(request.headers['user-agent'] ?? '').slice(0, maxUserAgentLength),
    expiresAt: new Date(Date.now() + longestMs),
  })
  writeCookie(reply, 'session', token, longestMs, config)
}

/**
 * Who is signed in at the browser that makes this request; undefined without a cookie, and on hosts that are not the website's.
 *
 * @throws KeepsakeError `ERROR_CROSS_SITE` for a call that a page of the website would not make, `ERROR_NOT_SIGNED_IN` where the session is over
 */
export async function authenticateSession(
  { config, database }: Components,
  request: FastifyRequest,
): Promise<Caller | undefined> {
  if (siteOriginOf(request, config) === undefined || readCookie(request, 'session', config) === undefined) return undefined
  requireSameOrigin(request, config)
  return await findSignedIn({ config, database }, request)
}

/**
 * The same for a request that need not come from a page of the website. Such a request must prove by itself what it may do.
 *
 * @throws KeepsakeError `ERROR_NOT_SIGNED_IN` where the session is over
 */
export async function findSignedIn({ config, database }: Components, request: FastifyRequest): Promise<Caller | undefined> {
  const token = siteOriginOf(request, config) === undefined ? undefined : readCookie(request, 'session', config)
  if (token === undefined) return undefined
  const row = await store.findLiveSession(database, sha256(token), idleSince())
  if (!row) throw new KeepsakeError('ERROR_NOT_SIGNED_IN', 'You are not signed in any more; sign in again.')
  // To the minute: a finer clock would cost a write for every request.
  if (Date.now() - row.lastUsedAt.getTime() > 60_000) await store.touchSession(database, row.sessionId)
  const { sessionId, isAdmin, lastUsedAt: _used, email: _email, ...user } = row
  return { ...user, keyId: null, label: 'session', scope: 'all', session: { id: sessionId, isAdmin } }
}

export async function listSessions({ database }: Pick<Components, 'database'>, userId: number): Promise<ListedSession[]> {
  return await store.listLiveSessions(database, userId, idleSince())
}

/** Ends one session, wherever it is. @throws KeepsakeError `NOT_FOUND` for an unknown one and somebody else's alike */
export async function revokeSession({ database }: Pick<Components, 'database'>, userId: number, id: number): Promise<void> {
  if (!(await store.deleteSession(database, userId, id))) throw new KeepsakeError('NOT_FOUND', 'There is no such session.')
}

/** Signs out everywhere; gives how many sessions that ended. */
export async function revokeSessions({ database }: Pick<Components, 'database'>, userId: number): Promise<number> {
  return await store.deleteSessionsOf(database, userId)
}

/** Signs out at this browser. */
export async function endSession({ config, database }: Components, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const token = readCookie(request, 'session', config)
  if (token !== undefined) await store.deleteSessionByToken(database, sha256(token))
  clearCookie(reply, 'session', config)
}

export async function forgetDeadSessions({ database }: Pick<Components, 'database'>): Promise<void> {
  await store.deleteDeadSessions(database, idleSince())
}
