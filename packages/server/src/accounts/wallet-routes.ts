import { AskWallet, SignedIn, WalletMessage, WalletProof } from '@keepsake/api/account.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { ErrorCode } from '../errors.ts'
import { signedIn } from './session-guard.ts'
import { getSiteOrigin } from './session-site.ts'
import { attemptLimits, placeOf } from './sign-in/attempts.ts'
import { findBrowser, markBrowser } from './sign-in/browser.ts'
import type { SignInComponents } from './sign-in/components.ts'
import { enter } from './sign-in/enter.ts'
import { linkIdentity } from './sign-in/sign-up.ts'
import { askWallet, proveWallet } from './wallet.ts'

const tags = ['account']
const ok = Type.Object({ ok: Type.Literal(true) })
const proofErrors: ErrorCode[] = ['ERROR_INVALID_SIGNATURE', 'ERROR_CHALLENGE', 'ERROR_RATE_LIMITED']

/** Sign-In with Ethereum, and adding a wallet to an account. */
export function walletRoutes(components: SignInComponents) {
  const { attempts, config, database } = components

  const ask = async (request: FastifyRequest, reply: FastifyReply, userId: number | null) => {
    const { address, chainId = 1 } = request.body as Type.Static<typeof AskWallet>
    await attempts.take(attemptLimits.proofs, placeOf(request), reply)
    const site = { origin: getSiteOrigin(request, config), browser: markBrowser(components, request, reply), userId }
    const { message, nonce, expires } = await askWallet(database, site, { address, chainId })
    return { ok: true, value: { message, nonce, expires: expires.toISOString() } }
  }

  const prove = async (request: FastifyRequest, reply: FastifyReply, userId: number | null) => {
    await attempts.take(attemptLimits.proofs, placeOf(request), reply)
    const site = { origin: getSiteOrigin(request, config), browser: findBrowser(components, request), userId }
    return await proveWallet(database, site, request.body as Type.Static<typeof WalletProof>)
  }

  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/sign-in/wallet/message',
      config: { session: 'optional', mode: 'w', errors: ['ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'askWallet',
        summary: 'Get the text a wallet has to sign to sign in (ERC-4361)',
        body: AskWallet,
        response: { 200: success(WalletMessage), '4xx': Failure },
      },
      handler: (request, reply) => ask(request, reply, null),
    })
    app.route({
      method: 'POST',
      url: '/sign-in/wallet',
      config: { session: 'optional', mode: 'w', errors: [...proofErrors, 'ERROR_SIGN_UP_CLOSED'] },
      schema: {
        tags,
        operationId: 'signInWithWallet',
        summary: 'Sign in with what a wallet signed',
        description: 'Wallets that are contracts (EIP-1271) are refused: their signatures can only be checked by asking a chain.',
        body: WalletProof,
        response: { 200: success(SignedIn), '4xx': Failure },
      },
      handler: async (request, reply) => {
        const identity = await prove(request, reply, null)
        const { next } = request.body as Type.Static<typeof WalletProof>
        return { ok: true, value: await enter(components, request, reply, { identity, next }) }
      },
    })
    app.route({
      method: 'POST',
      url: '/ways-in/wallet/message',
      config: { session: 'needed', mode: 'w', errors: ['ERROR_RATE_LIMITED'] },
      schema: {
        tags,
        operationId: 'askWalletToLink',
        summary: 'Get the text a wallet has to sign to become a way into your account',
        body: AskWallet,
        response: { 200: success(WalletMessage), '4xx': Failure },
      },
      handler: (request, reply) => ask(request, reply, signedIn(request).userId),
    })
    app.route({
      method: 'POST',
      url: '/ways-in/wallet',
      config: { session: 'needed', mode: 'w', errors: [...proofErrors, 'ERROR_LINKED_ELSEWHERE'] },
      schema: {
        tags,
        operationId: 'linkWallet',
        summary: 'Make a wallet a way into your account',
        body: WalletProof,
        response: { 200: ok, '4xx': Failure },
      },
      handler: async (request, reply) => {
        const { userId } = signedIn(request)
        await linkIdentity(components, userId, await prove(request, reply, userId))
        return { ok: true }
      },
    })
  }
}
