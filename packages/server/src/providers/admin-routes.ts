import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import {
  NewStorageProvider,
  PortalLogEntry,
  PortalLogQuery,
  ProviderParams,
  Replication,
  StorageProviderChange,
  Suspension,
} from '@keepsake/api/storage-providers.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Chain } from '../chain/chain.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { listRequests } from './audit.ts'
import { whereNow } from './overview.ts'
import { addressOf, parseActorId } from './providers.ts'
import { changeProvider, registerProvider, resumeProvider, suspendProvider } from './registered.ts'
import { readReplication } from './replication.ts'
import { replicationRules } from './rules.ts'

interface Components {
  config: Config
  database: Db
  chain: Chain | undefined
}

const tags = ['admin']
const done = { 200: Type.Object({ ok: Type.Literal(true) }), '4xx': Failure }
const maxListed = 100

/** The operator's view of storage providers, for the website: below `/account/admin`. */
export function providerAdminRoutes({ config, database, chain }: Components) {
  const rules = replicationRules(config)

  async function here() {
    const now = await whereNow(chain)
    if (!now) throw new KeepsakeError('ERROR_UNAVAILABLE', 'This server is on no Filecoin network yet.')
    return { network: now.source.network, epoch: now.epoch }
  }
  const named = (params: unknown) => parseActorId((params as { provider: string }).provider)

  return async (app: FastifyInstance): Promise<void> => {
    changeRoutes(app, { database, named, network: async () => (await here()).network })
    app.route({
      method: 'GET',
      url: '/replication',
      config: { session: 'admin', errors: ['ERROR_UNAVAILABLE'] },
      schema: {
        tags,
        operationId: 'readReplication',
        summary: 'What has fewer or more replicas than it should, and what lies too close together',
        response: { 200: success(Replication), '4xx': Failure },
      },
      handler: async () => ({ ok: true, value: await readReplication(database, { ...(await here()), rules }, maxListed) }),
    })
    app.route({
      method: 'GET',
      url: '/portal-requests',
      config: { session: 'admin', errors: ['BAD_REQUEST'] },
      schema: {
        tags,
        operationId: 'listPortalRequests',
        summary: 'What storage providers asked for and were told, the newest first',
        querystring: PortalLogQuery,
        response: { 200: success(Type.Array(PortalLogEntry)), '4xx': Failure },
      },
      handler: async (request) => {
        const { provider, all = false, limit = 50 } = request.query as PortalLogQuery
        const found = await listRequests(database, {
          actorId: provider === undefined ? undefined : parseActorId(provider),
          all,
          limit,
        })
        const value = found.map(
          ({ actorId, tookMs: _, at, ...entry }): PortalLogEntry => ({
            ...entry,
            at: at.toISOString(),
            provider: actorId === null ? null : addressOf({ actorId }),
          }),
        )
        return { ok: true, value }
      },
    })
  }
}

interface ChangeParts {
  database: Db
  named(params: unknown): number
  network(): Promise<string>
}

function changeRoutes(app: FastifyInstance, { database, named, network }: ChangeParts): void {
  app.route({
    method: 'POST',
    url: '/providers',
    config: { session: 'admin', mode: 'w', errors: ['CONFLICT', 'ERROR_UNAVAILABLE'] },
    schema: {
      tags,
      operationId: 'registerStorageProvider',
      summary: 'Let a storage provider take pieces',
      body: NewStorageProvider,
      response: done,
    },
    handler: async (request) => {
      const { provider, name = '', retrievalUrl = null, ...details } = request.body as NewStorageProvider
      await registerProvider(database, await network(), parseActorId(provider), { name, retrievalUrl, ...details })
      return { ok: true }
    },
  })
  const change = (url: string, schema: object, apply: (actorId: number, network: string, body: unknown) => Promise<unknown>) =>
    app.route({
      method: 'POST',
      url: `/providers/:provider${url}`,
      config: { session: 'admin', mode: 'w', errors: ['NOT_FOUND', 'BAD_REQUEST', 'ERROR_UNAVAILABLE'] },
      schema: { tags, params: ProviderParams, response: done, ...schema },
      handler: async (request) => {
        await apply(named(request.params), await network(), request.body)
        return { ok: true }
      },
    })
  change(
    '',
    { operationId: 'changeStorageProvider', summary: 'Change what is known of one', body: StorageProviderChange },
    (actorId, at, body) => changeProvider(database, at, actorId, body as StorageProviderChange),
  )
  change(
    '/suspend',
    { operationId: 'suspendStorageProvider', summary: 'Give it nothing new', body: Suspension },
    (actorId, at, body) => suspendProvider(database, at, actorId, (body as Suspension).because),
  )
  change('/resume', { operationId: 'resumeStorageProvider', summary: 'Let it take pieces again' }, (actorId, at) =>
    resumeProvider(database, at, actorId),
  )
}
