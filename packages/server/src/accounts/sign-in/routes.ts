import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { KeepsakeError } from '../../errors.ts'
import { replyError } from '../../http/reply-error.ts'
import { adminUserRoutes } from '../admin-routes.ts'
import type { AdminSystemComponents } from '../admin-system-routes.ts'
import { adminSystemRoutes } from '../admin-system-routes.ts'
import { githubRoutes } from '../github-routes.ts'
import { magicRoutes } from '../magic-routes.ts'
import { passkeyRoutes } from '../passkey-routes.ts'
import { sessionGuard } from '../session-guard.ts'
import { setUpRoutes } from '../set-up-routes.ts'
import { walletRoutes } from '../wallet-routes.ts'
import { ownAccountRoutes } from './account-routes.ts'
import { countAttempts } from './attempts.ts'
import { linkRoutes } from './link-routes.ts'

/** Nothing that is sent here is longer; a passkey's answer has some kilobytes. */
const maxBodyBytes = 64 * 1024

/**
 * The account API, below `/account`: for the website's own pages, with a session in a cookie. It answers no other origin: there is no CORS
 * here, so a browser asks before it calls and is told no. `laterParts`: what parts of the flow that come later have for administrators.
 */
export function accountRoutes(given: Omit<AdminSystemComponents, 'attempts'>, laterParts: readonly FastifyPluginAsync[] = []) {
  const components: AdminSystemComponents = { ...given, attempts: countAttempts(given) }
  return async (app: FastifyInstance): Promise<void> => {
    app.decorateRequest('caller', null)
    app.addHook('onRequest', sessionGuard(components))
    app.addHook('preSerialization', async (_request, reply) => void reply.type('application/json;charset=UTF-8'))
    app.setErrorHandler(replyError)
    app.setNotFoundHandler(async () => {
      throw new KeepsakeError('NOT_FOUND', 'There is nothing here.')
    })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(
      'application/json',
      { parseAs: 'string', bodyLimit: maxBodyBytes },
      app.getDefaultJsonParser('error', 'error'),
    )
    for (const routes of [linkRoutes, passkeyRoutes, walletRoutes, githubRoutes, magicRoutes, ownAccountRoutes, setUpRoutes])
      await app.register(routes(components))
    await app.register(adminUserRoutes(components), { prefix: '/admin' })
    await app.register(adminSystemRoutes(components), { prefix: '/admin' })
    for (const routes of laterParts) await app.register(routes, { prefix: '/admin' })
  }
}
