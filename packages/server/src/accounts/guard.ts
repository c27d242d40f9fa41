import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { type ErrorCode, KeepsakeError } from '../errors.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import type { Authenticate, Caller, Right } from './authenticate.ts'
import { bearerToken, requireRight } from './authenticate.ts'
import { authenticateSession } from './session.ts'
import { requireRoom } from './storage-limit.ts'
import type { Ucans } from './ucan.ts'
import { isUcan } from './ucan-chain.ts'

/** What a route says about itself beside its schema; the guard holds every request to it before its body is read. */
export interface RouteRules {
  /** What the caller's key must allow. Absent: anybody may call. */
  right?: Right
  /** The bit of `MAINTENANCE` the route needs; `r` when absent. */
  mode?: 'r' | 'w' | 'c'
  /** Whether a UCAN may stand in for the key. */
  ucan?: true
  /** For routes of the website's own pages, which take a session and never a key: whether one is needed, and whose. */
  session?: 'optional' | 'needed' | 'admin'
  /** How the facade spells its errors, where it is not the native API. */
  dialect?: 'pinning'
  /** Codes the route itself may answer, beside those that follow from the above. */
  errors?: readonly ErrorCode[]
}

declare module 'fastify' {
  interface FastifyContextConfig extends RouteRules {}
  interface FastifyRequest {
    /** Who calls; there on routes with a `right`. */
    caller: Caller | null
  }
}

export interface GuardComponents {
  config: Config
  database: Db
  authenticate: Authenticate
  rateLimit: RateLimit
  ucans: Ucans
}

/**
 * An `onRequest` hook: maintenance mode, then the key, then its rights, then its rate. Where no key is shown, the session of a browser
 * counts, for calls that pages of the website make.
 */
export function guard(components: GuardComponents) {
  const { rateLimit } = components
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { right, mode = 'r' } = request.routeOptions.config
    if (!components.config.MAINTENANCE.includes(mode)) {
      throw new KeepsakeError(
        'ERROR_MAINTENANCE',
        `The server is in maintenance (${components.config.MAINTENANCE}); try again later.`,
      )
    }
    if (right === undefined) return
    const { caller, key } = await identify(components, request)
    requireRight(caller, right)
    rateLimit.take(key, reply)
    if (mode === 'c') await requireRoom(components.database, caller, Number(request.headers['content-length'] ?? 0))
    request.caller = caller
  }
}

/** Whether whoever began a request that goes on may still make it. @throws KeepsakeError as the guard does */
export async function requireStillAllowed(
  components: Omit<GuardComponents, 'rateLimit'>,
  request: FastifyRequest,
): Promise<void> {
  const { right } = request.routeOptions.config
  if (right !== undefined) requireRight((await identify(components, request)).caller, right)
}

/** Who makes a request, and by what requests of theirs are counted together. */
async function identify(
  components: Omit<GuardComponents, 'rateLimit'>,
  request: FastifyRequest,
): Promise<{ caller: Caller; key: string }> {
  const { authorization } = request.headers
  const signedIn = authorization === undefined ? await authenticateSession(components, request) : undefined
  if (signedIn) return { caller: signedIn, key: `session ${signedIn.session?.id}` }
  const token = bearerToken(authorization)
  // A UCAN is made anew for every request, so its maker is what is counted.
  const agentDid = request.routeOptions.config.ucan && isUcan(token) ? String(request.headers['x-agent-did'] ?? '') : undefined
  const caller =
    agentDid === undefined ? await components.authenticate(token) : await components.ucans.authenticate(token, agentDid)
  return { caller, key: agentDid ?? token }
}

/** The caller of a route that has a `right`. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('The route names no right, so it has no caller.')
  return request.caller
}
