import { IdParams } from '@keepsake/api/account.ts'
import {
  type AdminKey,
  type AdminUser,
  AdminUserDetails,
  AdminUsers,
  AdminUsersQuery,
  BlockKey,
  ChangeUser,
  NewUser,
} from '@keepsake/api/admin.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { blockKey, changeUser, getUserDetails, searchUsers } from './admin.ts'
import type { AdminKeyRow, AdminUserRow } from './admin-store.ts'
import { revokeSessions } from './session.ts'
import { signedIn } from './session-guard.ts'
import type { SignInComponents } from './sign-in/components.ts'
import { createUser } from './users.ts'

const tags = ['admin']
const ok = Type.Object({ ok: Type.Literal(true) })
const failures = { '4xx': Failure }
const idOf = (params: unknown) => (params as { id: number }).id

function toUser({ createdAt, lastSeenAt, usedBytes, limitBytes, ...user }: AdminUserRow): AdminUser {
  return {
    ...user,
    created: createdAt.toISOString(),
    lastSeen: lastSeenAt?.toISOString() ?? null,
    storage: { usedBytes, limitBytes },
  }
}

function toKey({ createdAt, expiresAt, lastUsedAt, ...key }: AdminKeyRow): AdminKey {
  return {
    ...key,
    created: createdAt.toISOString(),
    expires: expiresAt?.toISOString() ?? null,
    lastUsed: lastUsedAt?.toISOString() ?? null,
  }
}

function detailsOf(components: SignInComponents) {
  return async (id: number) => {
    const { user, keys } = await getUserDetails(components, id)
    return { user: toUser(user), keys: keys.map(toKey) }
  }
}

/** What administrators do with accounts. Each change goes to the log with who made it. */
export function adminUserRoutes(components: SignInComponents) {
  const { log } = components
  const details = detailsOf(components)
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/users',
      config: { session: 'admin' },
      schema: {
        tags,
        operationId: 'searchUsers',
        summary: 'Search the users',
        querystring: AdminUsersQuery,
        response: { 200: success(AdminUsers), ...failures },
      },
      handler: async (request) => {
        const { search, after, limit = 50 } = request.query as AdminUsersQuery
        const page = await searchUsers(components, { search, after, limit })
        return { ok: true, value: { ...page, users: page.users.map(toUser) } }
      },
    })
    app.route({
      method: 'POST',
      url: '/users',
      config: { session: 'admin', mode: 'w', errors: ['CONFLICT'] },
      schema: {
        tags,
        operationId: 'createUser',
        summary: 'Create an account for somebody',
        body: NewUser,
        response: { 200: success(AdminUserDetails), ...failures },
      },
      handler: async (request) => {
        const { email, name } = request.body as Type.Static<typeof NewUser>
        const { userId } = await createUser(components, { email, ...(name !== undefined && { name }) })
        log.warn({ userId, by: signedIn(request).userId }, 'an administrator created an account')
        return { ok: true, value: await details(userId) }
      },
    })
    await app.register(oneUserRoutes(components))
    await app.register(keyBlockRoutes(components))
  }
}

function oneUserRoutes(components: SignInComponents) {
  const { log } = components
  const details = detailsOf(components)
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/users/:id',
      config: { session: 'admin', errors: ['NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'getUser',
        summary: 'One user and his keys',
        params: IdParams,
        response: { 200: success(AdminUserDetails), ...failures },
      },
      handler: async (request) => ({ ok: true, value: await details(idOf(request.params)) }),
    })
    app.route({
      method: 'PATCH',
      url: '/users/:id',
      config: { session: 'admin', mode: 'w', errors: ['NOT_FOUND', 'ERROR_LAST_ADMIN'] },
      schema: {
        tags,
        operationId: 'changeUser',
        summary: 'Change what a user may do, and how much he may keep',
        params: IdParams,
        body: ChangeUser,
        response: { 200: success(AdminUserDetails), ...failures },
      },
      handler: async (request) => {
        const userId = idOf(request.params)
        const change = request.body as ChangeUser
        await changeUser(components, userId, change)
        log.warn({ userId, change, by: signedIn(request).userId }, 'an administrator changed an account')
        return { ok: true, value: await details(userId) }
      },
    })
    app.route({
      method: 'DELETE',
      url: '/users/:id/sessions',
      config: { session: 'admin', mode: 'w', errors: ['NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'signUserOut',
        summary: 'Sign a user out everywhere',
        params: IdParams,
        response: { 200: ok, ...failures },
      },
      handler: async (request) => {
        const { user } = await details(idOf(request.params))
        await revokeSessions(components, user.id)
        log.warn({ userId: user.id, by: signedIn(request).userId }, 'an administrator signed somebody out')
        return { ok: true }
      },
    })
  }
}

function keyBlockRoutes(components: SignInComponents) {
  const block = async (id: number, reason: string | null, by: number) => {
    await blockKey(components, id, reason)
    components.log.warn({ keyId: id, reason, by }, 'an administrator changed the block of a key')
    return { ok: true }
  }
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'PUT',
      url: '/keys/:id/block',
      config: { session: 'admin', mode: 'w', errors: ['NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'blockKey',
        summary: 'Block an API key',
        params: IdParams,
        body: BlockKey,
        response: { 200: ok, ...failures },
      },
      handler: async (request) => {
        const { reason } = request.body as Type.Static<typeof BlockKey>
        return await block(idOf(request.params), reason, signedIn(request).userId)
      },
    })
    app.route({
      method: 'DELETE',
      url: '/keys/:id/block',
      config: { session: 'admin', mode: 'w', errors: ['NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'unblockKey',
        summary: 'Let a blocked API key be used again',
        params: IdParams,
        response: { 200: ok, ...failures },
      },
      handler: async (request) => await block(idOf(request.params), null, signedIn(request).userId),
    })
  }
}
