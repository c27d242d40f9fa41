import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import {
  NewStorageProvider,
  PortalLogEntry,
  PortalLogQuery,
  ProviderParams,
  Replication,
  StorageProviderChange,
  StorageProviders,
  Suspension,
} from '@keepsake/api/storage-providers.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { signedIn } from '../accounts/session-guard.ts'
import { KeepsakeError } from '../errors.ts'
import { applicationRoutes } from './application-routes.ts'
import { listRequests } from './audit.ts'
import { type OverviewComponents, readOverview, whereNow } from './overview.ts'
import { addressOf, parseActorId } from './providers.ts'
import { changeProvider, registerProvider, resumeProvider, suspendProvider } from './registered.ts'
import { readReplication } from './replication.ts'
import { replicationRules } from './rules.ts'

interface Components extends OverviewComponents {
  log: { info(object: object, message: string): void }
}

const tags = ['admin']
const done = { 200: Type.Object({ ok: Type.Literal(true) }), '4xx': Failure }
const maxListed = 100

/** The operator's view of storage providers, for the website: below `/account/admin`. */
export function providerAdminRoutes(components: Components) {
  const { config, database, chain, log } = components
  const rules = replicationRules(config)

  async function here() {
    const now = await whereNow(chain)
    if (!now) throw new KeepsakeError('ERROR_UNAVAILABLE', 'This server is on no Filecoin network yet.')
    return { network: now.source.network, epoch: now.epoch }
  }
  const named = (params: unknown) => parseActorId((params as { provider: string }).provider)

  return async (app: FastifyInstance): Promise<void> => {
    const network = async () => (await here()).network
    changeRoutes(app, { database, log, named, network })
    await app.register(applicationRoutes({ database, log, network }))
    app.route({
      method: 'GET',
      url: '/providers',
      config: { session: 'admin' },
      schema: {
        tags,
        operationId: 'listProvidersNow',
        summary: 'What everybody may know of storage providers, as it is at this moment',
        response: { 200: success(StorageProviders), '4xx': Failure },
      },
      handler: async () => ({ ok: true, value: await readOverview(components) }),
    })
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

interface ChangeParts extends Pick<Components, 'database' | 'log'> {
  named(params: unknown): number
  network(): Promise<string>
}

function changeRoutes(app: FastifyInstance, { database, log, named, network }: ChangeParts): void {
  /** Each change goes to the log with who made it. */
  const tell = (request: FastifyRequest, change: object) =>
    log.info({ ...change, by: signedIn(request).userId }, 'an administrator changed a storage provider')
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
      tell(request, { provider, registered: true })
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
        const actorId = named(request.params)
        await apply(actorId, await network(), request.body)
        tell(request, { provider: addressOf({ actorId }), change: url || 'details', body: request.body })
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
