import { SetUp, SignedIn } from '@keepsake/api/account.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance } from 'fastify'
import type Type from 'typebox'
import { startSession } from './session.ts'
import { setUp } from './set-up.ts'
import { attemptLimits, placeOf } from './sign-in/attempts.ts'
import type { SignInComponents } from './sign-in/components.ts'

export function setUpRoutes(components: SignInComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/set-up',
      config: {
        session: 'optional',
        mode: 'w',
        errors: ['ERROR_LINK_INVALID', 'ERROR_LINK_USED', 'ERROR_LINK_EXPIRED', 'ERROR_RATE_LIMITED'],
      },
      schema: {
        tags: ['account'],
        operationId: 'setUp',
        summary: 'Become the first administrator, with the link from the log of a new server',
        body: SetUp,
        response: { 200: success(SignedIn), '4xx': Failure },
      },
      handler: async (request, reply) => {
        await components.attempts.take(attemptLimits.proofs, placeOf(request), reply)
        const userId = await setUp(components, request.body as Type.Static<typeof SetUp>)
        await startSession(components, request, reply, { userId, way: 'set-up' })
        components.log.warn({ userId }, 'the first administrator was made')
        return { ok: true, value: { isNew: true, next: '/' } }
      },
    })
  }
}
