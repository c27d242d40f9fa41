import { AskForLink, LinkAsked, LinkOpened, OpenLink } from '@keepsake/api/account.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type Type from 'typebox'
import type { ErrorCode } from '../../errors.ts'
import { startSession } from '../session.ts'
import { signedIn } from '../session-guard.ts'
import { getSiteOrigin, isLocalRequest } from '../session-site.ts'
import { attemptLimits, placeOf } from './attempts.ts'
import { findBrowser, markBrowser } from './browser.ts'
import type { SignInComponents } from './components.ts'
import { parseEmailAddress } from './email-address.ts'
import { linkMs, linkUrl, openLink, requestLink } from './link.ts'
import { nextPath } from './next-path.ts'

const tags = ['account']
const openErrors: ErrorCode[] = [
  'ERROR_LINK_INVALID',
  'ERROR_LINK_EXPIRED',
  'ERROR_LINK_USED',
  'ERROR_SIGN_UP_CLOSED',
  'ERROR_LINKED_ELSEWHERE',
  'ERROR_NOT_SIGNED_IN',
  'ERROR_RATE_LIMITED',
]

type Asked = Type.Static<typeof AskForLink>

/** Signing in by a link that is sent by mail. */
export function linkRoutes(components: SignInComponents) {
  const { attempts, config, mail } = components

  async function ask(
    request: FastifyRequest,
    reply: FastifyReply,
    userId: number | null,
  ): Promise<Type.Static<typeof LinkAsked>> {
    const body = request.body as Asked
    await attempts.take(attemptLimits.requests, placeOf(request), reply)
    const email = parseEmailAddress(body.email)
    await attempts.take(attemptLimits.address, email.toLowerCase(), reply)
    const browser = markBrowser(components, request, reply)
    const id = await requestLink(components, { email, next: nextPath(body.next), browser, userId })
    const isShown = mail === undefined && isLocalRequest(request, config)
    const link = linkUrl(components, getSiteOrigin(request, config), id)
    return { expiresInSeconds: linkMs / 1000, ...(isShown && { link }) }
  }

  async function open(request: FastifyRequest, reply: FastifyReply): Promise<Type.Static<typeof LinkOpened>> {
    const { token, confirm = false } = request.body as Type.Static<typeof OpenLink>
    await attempts.take(attemptLimits.proofs, placeOf(request), reply)
    const opened = await openLink(components, {
      token,
      browser: findBrowser(components, request),
      isConfirmed: confirm,
      signedInAs: request.caller?.userId,
    })
    if (opened.status !== 'signed-in') return opened
    const { userId, ...answer } = opened
    await startSession(components, request, reply, { userId, way: 'email' })
    components.log.info({ userId, way: 'email', isNew: answer.isNew }, 'signed in')
    return answer
  }

  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/sign-in/email',
      config: { session: 'optional', mode: 'w', errors: ['ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'askForSignInLink',
        summary: 'Have a link sent that signs in',
        description:
          'The answer is the same whether the address has an account here or not. At most 5 for an address in 15 minutes.',
        body: AskForLink,
        response: { 200: success(LinkAsked), '4xx': Failure },
      },
      handler: async (request, reply) => ({ ok: true, value: await ask(request, reply, null) }),
    })
    app.route({
      method: 'POST',
      url: '/ways-in/email',
      config: { session: 'needed', mode: 'w', errors: ['ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'askForAddressLink',
        summary: 'Have a link sent that adds the address to your account, in place of the one it has',
        body: AskForLink,
        response: { 200: success(LinkAsked), '4xx': Failure },
      },
      handler: async (request, reply) => ({ ok: true, value: await ask(request, reply, signedIn(request).userId) }),
    })
    app.route({
      method: 'POST',
      url: '/sign-in/email/open',
      config: { session: 'optional', mode: 'w', errors: openErrors },
      schema: {
        tags,
        operationId: 'openSignInLink',
        summary: 'Use the link from a mail',
        description:
          'The page at `/sign-in/link` posts what follows `#` in its address. Opening that page uses nothing up, so programs that look into mails do no harm.',
        body: OpenLink,
        response: { 200: success(LinkOpened), '4xx': Failure },
      },
      handler: async (request, reply) => ({ ok: true, value: await open(request, reply) }),
    })
  }
}
