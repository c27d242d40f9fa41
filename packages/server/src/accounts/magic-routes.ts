import { MagicProof, SignedIn } from '@keepsake/api/account.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { ErrorCode } from '../errors.ts'
import { proveMagic } from './magic.ts'
import { signedIn } from './session-guard.ts'
import { attemptLimits, placeOf } from './sign-in/attempts.ts'
import type { SignInComponents } from './sign-in/components.ts'
import { enter } from './sign-in/enter.ts'
import { linkIdentity } from './sign-in/sign-up.ts'

const tags = ['account']
const errors: ErrorCode[] = ['ERROR_WAY_OFF', 'ERROR_INVALID_DID_TOKEN', 'ERROR_RATE_LIMITED']
type Proof = Type.Static<typeof MagicProof>

/** Signing in with a DID token of Magic, as users of nft.storage did. */
export function magicRoutes(components: SignInComponents) {
  const prove = async (request: FastifyRequest, reply: FastifyReply) => {
    await components.attempts.take(attemptLimits.proofs, placeOf(request), reply)
    return await proveMagic(components, (request.body as Proof).token)
  }
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/sign-in/magic',
      config: { session: 'optional', mode: 'w', errors: [...errors, 'ERROR_SIGN_UP_CLOSED'] },
      schema: {
        tags,
        operationId: 'signInWithMagic',
        summary: 'Sign in with a Magic DID token',
        body: MagicProof,
        response: { 200: success(SignedIn), '4xx': Failure },
      },
      handler: async (request, reply) => {
        const identity = await prove(request, reply)
        return { ok: true, value: await enter(components, request, reply, { identity, next: (request.body as Proof).next }) }
      },
    })
    app.route({
      method: 'POST',
      url: '/ways-in/magic',
      config: { session: 'needed', mode: 'w', errors: [...errors, 'ERROR_LINKED_ELSEWHERE'] },
      schema: {
        tags,
        operationId: 'linkMagic',
        summary: 'Make Magic a way into your account',
        body: MagicProof,
        response: { 200: Type.Object({ ok: Type.Literal(true) }), '4xx': Failure },
      },
      handler: async (request, reply) => {
        await linkIdentity(components, signedIn(request).userId, await prove(request, reply))
        return { ok: true }
      },
    })
  }
}
