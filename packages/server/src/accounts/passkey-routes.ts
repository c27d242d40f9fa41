import { IdParams, NewPasskey, PasskeyOptions, PasskeyProof, RenamePasskey, SignedIn } from '@keepsake/api/account.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { addPasskey, askNewPasskey, askPasskey, provePasskey, renamePasskey } from './passkey.ts'
import { startSession } from './session.ts'
import { signedIn } from './session-guard.ts'
import { getSiteOrigin } from './session-site.ts'
import { getAccountLabel } from './sign-in/account.ts'
import { attemptLimits, placeOf } from './sign-in/attempts.ts'
import { findBrowser, markBrowser } from './sign-in/browser.ts'
import type { SignInComponents } from './sign-in/components.ts'
import { nextPath } from './sign-in/next-path.ts'

const tags = ['account']
const ok = Type.Object({ ok: Type.Literal(true) })
const failures = { '4xx': Failure }

/** Where a question is asked, and where it is answered. */
function sites(components: SignInComponents) {
  const origin = (request: FastifyRequest) => getSiteOrigin(request, components.config)
  return {
    asked: (request: FastifyRequest, reply: FastifyReply) => ({
      origin: origin(request),
      browser: markBrowser(components, request, reply),
    }),
    answered: (request: FastifyRequest) => ({ origin: origin(request), browser: findBrowser(components, request) }),
  }
}

/** Signing in with a passkey, without saying who one is; adding and renaming passkeys. */
export function passkeyRoutes(components: SignInComponents) {
  const { attempts, database } = components
  const { asked, answered } = sites(components)

  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/sign-in/passkey/options',
      config: { session: 'optional', mode: 'w', errors: ['ERROR_WAY_OFF', 'ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'askPasskey',
        summary: 'Get what to ask a passkey to sign in',
        response: { 200: success(PasskeyOptions), ...failures },
      },
      handler: async (request, reply) => {
        await attempts.take(attemptLimits.proofs, placeOf(request), reply)
        return { ok: true, value: await askPasskey(database, asked(request, reply)) }
      },
    })
    app.route({
      method: 'POST',
      url: '/sign-in/passkey',
      config: { session: 'optional', mode: 'w', errors: ['ERROR_INVALID_PASSKEY', 'ERROR_CHALLENGE', 'ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'signInWithPasskey',
        summary: 'Sign in with what a passkey answered',
        body: PasskeyProof,
        response: { 200: success(SignedIn), ...failures },
      },
      handler: async (request, reply) => {
        const { credential, next } = request.body as Type.Static<typeof PasskeyProof>
        await attempts.take(attemptLimits.proofs, placeOf(request), reply)
        const userId = await provePasskey(database, answered(request), credential as unknown as AuthenticationResponseJSON)
        await startSession(components, request, reply, { userId, way: 'passkey' })
        components.log.info({ userId, way: 'passkey' }, 'signed in')
        return { ok: true, value: { isNew: false, next: nextPath(next) } }
      },
    })
    await app.register(ownPasskeyRoutes(components))
  }
}

function ownPasskeyRoutes(components: SignInComponents) {
  const { database } = components
  const { asked, answered } = sites(components)
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/ways-in/passkey/options',
      config: { session: 'needed', mode: 'w', errors: ['ERROR_WAY_OFF', 'CONFLICT'] },
      schema: {
        tags,
        operationId: 'askNewPasskey',
        summary: 'Get what to ask an authenticator to make a passkey for your account',
        response: { 200: success(PasskeyOptions), ...failures },
      },
      handler: async (request, reply) => {
        const { userId, subject } = signedIn(request)
        const label = await getAccountLabel(components, userId)
        return { ok: true, value: await askNewPasskey(database, asked(request, reply), { userId, subject, label }) }
      },
    })
    app.route({
      method: 'POST',
      url: '/ways-in/passkey',
      config: { session: 'needed', mode: 'w', errors: ['ERROR_INVALID_PASSKEY', 'ERROR_CHALLENGE', 'ERROR_LINKED_ELSEWHERE'] },
      schema: {
        tags,
        operationId: 'addPasskey',
        summary: 'Make a passkey a way into your account',
        body: NewPasskey,
        response: { 200: success(Type.Object({ id: Type.String({ examples: ['passkey-3'] }) })), ...failures },
      },
      handler: async (request) => {
        const { credential, name } = request.body as Type.Static<typeof NewPasskey>
        const made = { credential: credential as unknown as RegistrationResponseJSON, name }
        return {
          ok: true,
          value: { id: `passkey-${await addPasskey(database, answered(request), signedIn(request).userId, made)}` },
        }
      },
    })
    app.route({
      method: 'PATCH',
      url: '/ways-in/passkey-:id',
      config: { session: 'needed', mode: 'w', errors: ['NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'renamePasskey',
        summary: 'Rename a passkey',
        params: IdParams,
        body: RenamePasskey,
        response: { 200: ok, ...failures },
      },
      handler: async (request) => {
        const { id } = request.params as { id: number }
        const { name } = request.body as Type.Static<typeof RenamePasskey>
        await renamePasskey(database, signedIn(request).userId, id, name)
        return { ok: true }
      },
    })
  }
}
