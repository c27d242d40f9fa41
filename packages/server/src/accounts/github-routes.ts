import { AskGithub, GithubStart } from '@keepsake/api/account.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { KeepsakeError } from '../errors.ts'
import { asKeepsakeError } from '../http/reply-error.ts'
import { finishGithub, githubCallback, startGithub } from './github.ts'
import { findSignedIn } from './session.ts'
import { signedIn } from './session-guard.ts'
import { getSiteOrigin } from './session-site.ts'
import { attemptLimits, placeOf } from './sign-in/attempts.ts'
import { findBrowser, markBrowser } from './sign-in/browser.ts'
import type { SignInComponents } from './sign-in/components.ts'
import { enter } from './sign-in/enter.ts'
import { linkIdentity } from './sign-in/sign-up.ts'

const tags = ['account']

interface Query {
  code?: string
  state?: string
  error?: string
}

/** OAuth at GitHub (RFC 6749, section 4.1, with PKCE). */
export function githubRoutes(components: SignInComponents) {
  const { attempts, config } = components

  const start = async (request: FastifyRequest, reply: FastifyReply, userId: number | null) => {
    await attempts.take(attemptLimits.proofs, placeOf(request), reply)
    const { next } = request.body as Type.Static<typeof AskGithub>
    const browser = markBrowser(components, request, reply)
    return {
      ok: true,
      value: { url: await startGithub(components, { origin: getSiteOrigin(request, config), browser, userId, next }) },
    }
  }

  /** Where to send the browser on. */
  const finish = async (request: FastifyRequest, reply: FastifyReply): Promise<string> => {
    await attempts.take(attemptLimits.proofs, placeOf(request), reply)
    const { code, state, error } = request.query as Query
    if (!code || !state)
      throw new KeepsakeError('ERROR_GITHUB', error === 'access_denied' ? 'You said no at GitHub.' : 'GitHub sent nothing back.')
    const caller = await findSignedIn(components, request).catch(() => undefined)
    const { purpose, identity, next } = await finishGithub(components, {
      code,
      state,
      origin: getSiteOrigin(request, config),
      browser: findBrowser(components, request),
      signedInAs: caller?.userId,
    })
    if (purpose === 'link' && caller) await linkIdentity(components, caller.userId, identity)
    else await enter(components, request, reply, { identity, next })
    return next
  }

  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/sign-in/github',
      config: { session: 'optional', mode: 'w', errors: ['ERROR_WAY_OFF', 'ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'startGithub',
        summary: 'Get the address at GitHub to send the browser to',
        body: AskGithub,
        response: { 200: success(GithubStart), '4xx': Failure },
      },
      handler: (request, reply) => start(request, reply, null),
    })
    app.route({
      method: 'POST',
      url: '/ways-in/github',
      config: { session: 'needed', mode: 'w', errors: ['ERROR_WAY_OFF', 'ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'startGithubToLink',
        summary: 'The same, to make GitHub a way into your account',
        body: AskGithub,
        response: { 200: success(GithubStart), '4xx': Failure },
      },
      handler: (request, reply) => start(request, reply, signedIn(request).userId),
    })
    app.route({
      method: 'GET',
      url: githubCallback,
      config: { isLandingPlace: true, mode: 'w' },
      // Without a tag, so not in the description of the API: nobody calls this but browsers that GitHub sends.
      schema: {
        querystring: Type.Object({
          code: Type.Optional(Type.String({ maxLength: 1000 })),
          state: Type.Optional(Type.String({ maxLength: 200 })),
          error: Type.Optional(Type.String({ maxLength: 200 })),
        }),
      },
      handler: async (request, reply) => {
        const to = await finish(request, reply).catch((thrown: unknown) => {
          const error = asKeepsakeError(thrown)
          request.log.warn({ err: error }, 'a return from GitHub was refused')
          return `/sign-in?${new URLSearchParams({ error: error.nativeCode, message: error.message })}`
        })
        return await reply.code(303).header('referrer-policy', 'no-referrer').header('location', to).send()
      },
    })
  }
}
