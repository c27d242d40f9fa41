import { Failure } from '@keepsake/api/errors.ts'
import { ApiKey, DeleteApiKey, NewApiKey } from '@keepsake/api/keys.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { KeyScope } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import { callerOf } from './guard.ts'
import type { KeyTokens } from './key-token.ts'
import type { Key } from './keys.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'

export interface AccountComponents {
  config: Config
  database: Db
  keyTokens: KeyTokens
}

function toApiKey(key: Key): ApiKey {
  const { id, name, secret, scope, createdAt, expiresAt, lastUsedAt } = key
  return {
    id,
    name,
    secret,
    scope,
    created: createdAt.toISOString(),
    expires: expiresAt?.toISOString() ?? null,
    lastUsed: lastUsedAt?.toISOString() ?? null,
  }
}

function parseExpiry(expires: string | undefined): Date | undefined {
  if (expires === undefined) return undefined
  const date = new Date(expires)
  if (Number.isNaN(date.getTime())) throw new KeepsakeError('BAD_REQUEST', `"${expires}" is not a date-time.`)
  return date
}

const scopes: readonly string[] = ['all', 'upload', 'read', 'pins'] satisfies KeyScope[]

function parseScope(scope: string | undefined): KeyScope {
  if (scope === undefined) return 'all'
  if (!scopes.includes(scope)) throw new KeepsakeError('BAD_REQUEST', `Expected scope to be one of ${scopes.join(', ')}.`)
  return scope as KeyScope
}

/** API keys over HTTP: `/internal/tokens`, as nft.storage had it. */
export function keyRoutes(components: AccountComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/internal/tokens',
      config: { right: 'manage' },
      schema: {
        tags: ['keys'],
        operationId: 'listKeys',
        summary: 'List your API keys',
        response: { 200: success(Type.Array(ApiKey)), '4xx': Failure },
      },
      handler: async (request) => ({ ok: true, value: (await listKeys(components, callerOf(request))).map(toApiKey) }),
    })
    app.route({
      method: 'POST',
      url: '/internal/tokens',
      config: { right: 'manage', mode: 'w', errors: ['ERROR_DUPLICATE_KEY_NAME'] },
      // The noun says what is wrong in the original's words, and of what came: a validator would make texts and numbers of lists.
      validatorCompiler: () => () => true,
      schema: {
        tags: ['keys'],
        operationId: 'createKey',
        summary: 'Create an API key',
        body: NewApiKey,
        response: { 200: success(ApiKey), '4xx': Failure },
      },
      handler: async (request) => {
        const { name, scope, expires } = (request.body ?? {}) as { name?: unknown; scope?: string; expires?: string }
        const key = await createKey(components, callerOf(request), {
          name,
          scope: parseScope(scope),
          expiresAt: parseExpiry(expires),
        })
        return { ok: true, value: toApiKey(key) }
      },
    })
    app.route({
      method: 'DELETE',
      url: '/internal/tokens',
      config: { right: 'manage', mode: 'w', errors: ['NOT_FOUND'] },
      // The noun says what is wrong in the original's words, and of what came: a validator would make texts and numbers of lists.
      validatorCompiler: () => () => true,
      schema: {
        tags: ['keys'],
        operationId: 'revokeKey',
        summary: 'Revoke an API key',
        body: DeleteApiKey,
        response: { 200: Type.Object({ ok: Type.Literal(true) }), '4xx': Failure },
      },
      handler: async (request) => {
        const { id } = (request.body ?? {}) as { id?: unknown }
        if (id === undefined || id === null || id === '') throw new KeepsakeError('BAD_REQUEST', 'Token id is required.')
        await revokeKey(components, callerOf(request), typeof id === 'string' || typeof id === 'number' ? Number(id) : Number.NaN)
        return { ok: true }
      },
    })
  }
}
