import { DeleteMe, IdParams, Me, Session, SignInOptions, WayIn, WayInParams } from '@keepsake/api/account.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { endSession, listSessions, revokeSession, revokeSessions } from '../session.ts'
import { clearCookie } from '../session-cookie.ts'
import { signedIn } from '../session-guard.ts'
import type { ListedSession } from '../session-store.ts'
import type { Account } from './account.ts'
import { deleteAccount, getAccount } from './account.ts'
import type { SignInComponents } from './components.ts'
import { signUpRule } from './sign-up.ts'
import type { WayIn as WayInOfAccount } from './ways-in.ts'
import { listWaysIn, removeWayIn } from './ways-in.ts'

const tags = ['account']
const ok = Type.Object({ ok: Type.Literal(true) })
const failures = { '4xx': Failure }

function toWayIn({ id, kind, label, createdAt, lastUsedAt }: WayInOfAccount): WayIn {
  return { id, kind, label, created: createdAt.toISOString(), lastUsed: lastUsedAt?.toISOString() ?? null }
}

function toMe({ id, email, name, label, createdAt, usedBytes, limitBytes, waysIn, ...rights }: Account): Me {
  const { isAdmin, uploadsRestricted, deletesRestricted } = rights
  return {
    id,
    email,
    name,
    label,
    created: createdAt.toISOString(),
    isAdmin,
    uploadsRestricted,
    deletesRestricted,
    storage: { usedBytes, limitBytes },
    waysIn: waysIn.map(toWayIn),
  }
}

function toSession({ id, way, userAgent, createdAt, lastUsedAt, expiresAt }: ListedSession, currentId: number): Session {
  return {
    id,
    isCurrent: id === currentId,
    way,
    userAgent,
    created: createdAt.toISOString(),
    lastUsed: lastUsedAt.toISOString(),
    expires: expiresAt.toISOString(),
  }
}

function signInOptions({ config, mail }: SignInComponents): SignInOptions {
  return {
    signUp: signUpRule(config),
    email: { sends: mail !== undefined },
    passkeys: true,
    wallet: true,
    github: Boolean(config.GITHUB_CLIENT_ID),
    magic: Boolean(config.MAGIC_CLIENT_ID),
  }
}

/** The account of whoever is signed in. */
export function ownAccountRoutes(components: SignInComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/sign-in',
      config: { session: 'optional' },
      schema: {
        tags,
        operationId: 'getSignInOptions',
        summary: 'The ways to sign in here',
        response: { 200: success(SignInOptions), ...failures },
      },
      handler: async () => ({ ok: true, value: signInOptions(components) }),
    })
    app.route({
      method: 'GET',
      url: '/me',
      config: { session: 'needed' },
      schema: { tags, operationId: 'getMe', summary: 'Your account', response: { 200: success(Me), ...failures } },
      handler: async (request) => ({ ok: true, value: toMe(await getAccount(components, signedIn(request).userId)) }),
    })
    app.route({
      method: 'DELETE',
      url: '/me',
      config: { session: 'needed', mode: 'w', errors: ['ERROR_LAST_ADMIN', 'ERROR_DELETE_RESTRICTED'] },
      schema: {
        tags,
        operationId: 'deleteMe',
        summary: 'Delete your account for good',
        description: 'Keys and sessions end at once, everything personal is gone, and the uploads are deleted right after.',
        body: DeleteMe,
        response: { 200: ok, ...failures },
      },
      handler: async (request, reply) => {
        await deleteAccount(components, signedIn(request).userId, (request.body as Type.Static<typeof DeleteMe>).confirm)
        clearCookie(reply, 'session', components.config)
        return { ok: true }
      },
    })
    app.route({
      method: 'GET',
      url: '/ways-in',
      config: { session: 'needed' },
      schema: {
        tags,
        operationId: 'listWaysIn',
        summary: 'How one can enter your account',
        response: { 200: success(Type.Array(WayIn)), ...failures },
      },
      handler: async (request) => ({ ok: true, value: (await listWaysIn(components, signedIn(request).userId)).map(toWayIn) }),
    })
    app.route({
      method: 'DELETE',
      url: '/ways-in/:id',
      config: { session: 'needed', mode: 'w', errors: ['NOT_FOUND', 'ERROR_LAST_WAY_IN'] },
      schema: {
        tags,
        operationId: 'removeWayIn',
        summary: 'Remove a way into your account; the last one stays',
        params: WayInParams,
        response: { 200: ok, ...failures },
      },
      handler: async (request) => {
        await removeWayIn(components, signedIn(request).userId, (request.params as { id: string }).id)
        return { ok: true }
      },
    })
    await app.register(sessionRoutes(components))
  }
}

function sessionRoutes(components: SignInComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/sessions',
      config: { session: 'needed' },
      schema: {
        tags,
        operationId: 'listSessions',
        summary: 'Where you are signed in',
        response: { 200: success(Type.Array(Session)), ...failures },
      },
      handler: async (request) => {
        const { userId, session } = signedIn(request)
        return { ok: true, value: (await listSessions(components, userId)).map((one) => toSession(one, session.id)) }
      },
    })
    app.route({
      method: 'DELETE',
      url: '/sessions/:id',
      config: { session: 'needed', mode: 'w', errors: ['NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'revokeSession',
        summary: 'End one session',
        params: IdParams,
        response: { 200: ok, ...failures },
      },
      handler: async (request, reply) => {
        const { userId, session } = signedIn(request)
        const { id } = request.params as { id: number }
        await revokeSession(components, userId, id)
        if (id === session.id) clearCookie(reply, 'session', components.config)
        return { ok: true }
      },
    })
    app.route({
      method: 'DELETE',
      url: '/sessions',
      config: { session: 'needed', mode: 'w' },
      schema: {
        tags,
        operationId: 'signOutEverywhere',
        summary: 'Sign out everywhere, here too',
        response: { 200: ok, ...failures },
      },
      handler: async (request, reply) => {
        await revokeSessions(components, signedIn(request).userId)
        clearCookie(reply, 'session', components.config)
        return { ok: true }
      },
    })
    app.route({
      method: 'POST',
      url: '/sign-out',
      config: { session: 'optional', mode: 'w' },
      schema: { tags, operationId: 'signOut', summary: 'Sign out at this browser', response: { 200: ok, ...failures } },
      handler: async (request, reply) => {
        await endSession(components, request, reply)
        return { ok: true }
      },
    })
  }
}
