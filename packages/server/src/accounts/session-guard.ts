import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Caller } from './authenticate.ts'
import { authenticateSession } from './session.ts'
import { readCookie } from './session-cookie.ts'
import { getSiteOrigin, requireSameOrigin } from './session-site.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Other sites send browsers here, with what proves by itself that this browser asked for it. */
    isLandingPlace?: true
  }
}

interface Components {
  config: Config
  database: Db
}

/**
 * An `onRequest` hook for the account API: the website's own pages may call it, on the website's own host, and nobody else. Keys are
 * not accepted: who holds one may store, not take the account over.
 */
export function sessionGuard(components: Components) {
  const { config } = components
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { session = 'optional', mode = 'r', isLandingPlace } = request.routeOptions.config
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
    if (!config.MAINTENANCE.includes(mode)) {
      throw new KeepsakeError('ERROR_MAINTENANCE', `The server is in maintenance (${config.MAINTENANCE}); try again later.`)
    }
    if (isLandingPlace) {
      getSiteOrigin(request, config)
      return
    }
    // Without a cookie there is nothing another site could misuse, and what is wrong is something else.
    if (session !== 'optional' && readCookie(request, 'session', config) === undefined) throw notSignedIn()
    requireSameOrigin(request, config)
    // A session that is over is no reason not to sign in again.
    const caller = await authenticateSession(components, request).catch((error: unknown) => {
      if (session === 'optional' && error instanceof KeepsakeError && error.code === 'ERROR_NOT_SIGNED_IN') return undefined
      throw error
    })
    if (!caller && session !== 'optional') throw notSignedIn()
    if (session === 'admin' && !caller?.session?.isAdmin)
      throw new KeepsakeError('ERROR_ADMIN_ONLY', 'Only an administrator may do this.')
    request.caller = caller ?? null
  }
}

function notSignedIn(): KeepsakeError {
  return new KeepsakeError('ERROR_NOT_SIGNED_IN', 'Sign in first.')
}

/** Who is signed in, on routes that need somebody. */
export function signedIn(request: FastifyRequest): Caller & { session: { id: number; isAdmin: boolean } } {
  const { caller } = request
  if (!caller?.session) throw new Error('The route asks for no session, so nobody is signed in.')
  return { ...caller, session: caller.session }
}
