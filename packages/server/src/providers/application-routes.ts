import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import { ApplicationsQuery, ProviderApplication, ProviderParams, Suspension } from '@keepsake/api/storage-providers.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { signedIn } from '../accounts/session-guard.ts'
import type { Database } from '../database/database.ts'
import type { Application } from './application.ts'
import { approveApplication, declineApplication, listApplications } from './applications.ts'
import { addressOf, parseActorId } from './providers.ts'

interface Components {
  database: Pick<Database, 'kysely'>
  log: { info(object: object, message: string): void }
  /** The network this server is on. @throws KeepsakeError `ERROR_UNAVAILABLE` */
  network(): Promise<string>
}

const tags = ['admin']
const maxListed = 200

/** An application as the operator is told of it. */
export function showApplication({ actorId, askedAt, decidedAt, ...rest }: Application): ProviderApplication {
  const { id: _, network: __, ...shown } = rest
  return {
    ...shown,
    provider: addressOf({ actorId }),
    askedAt: askedAt.toISOString(),
    decidedAt: decidedAt?.toISOString() ?? null,
  }
}

/** Who asks to be registered, and what the operator decides about it: below `/account/admin`. */
export function applicationRoutes({ database, log, network }: Components) {
  const decisionOf = async (request: FastifyRequest) => ({
    network: await network(),
    actorId: parseActorId((request.params as { provider: string }).provider),
    by: `user ${signedIn(request).userId}`,
  })
  const deciding = {
    config: { session: 'admin', mode: 'w', errors: ['NOT_FOUND', 'BAD_REQUEST', 'CONFLICT', 'ERROR_UNAVAILABLE'] },
    response: { 200: Type.Object({ ok: Type.Literal(true) }), '4xx': Failure },
  } as const
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/provider-applications',
      config: { session: 'admin', errors: ['ERROR_UNAVAILABLE'] },
      schema: {
        tags,
        operationId: 'listProviderApplications',
        summary: 'Storage providers that ask to be registered: those that wait, then what was decided',
        querystring: ApplicationsQuery,
        response: { 200: success(Type.Array(ProviderApplication)), '4xx': Failure },
      },
      handler: async (request) => {
        const { state, limit = maxListed } = request.query as ApplicationsQuery
        const found = await listApplications(database, { network: await network(), state, limit })
        return { ok: true, value: found.map(showApplication) }
      },
    })
    app.route({
      method: 'POST',
      url: '/provider-applications/:provider/approve',
      config: deciding.config,
      schema: {
        tags,
        operationId: 'approveProviderApplication',
        summary: 'Register a storage provider that asked for it',
        params: ProviderParams,
        response: deciding.response,
      },
      handler: async (request) => {
        const decision = await decisionOf(request)
        await approveApplication(database, decision)
        log.info(decision, 'a storage provider that asked for it was registered')
        return { ok: true }
      },
    })
    app.route({
      method: 'POST',
      url: '/provider-applications/:provider/decline',
      config: deciding.config,
      schema: {
        tags,
        operationId: 'declineProviderApplication',
        summary: 'Do not register it; it may ask again after a week',
        params: ProviderParams,
        body: Suspension,
        response: deciding.response,
      },
      handler: async (request) => {
        const decision = { ...(await decisionOf(request)), because: (request.body as Suspension).because }
        await declineApplication(database, decision)
        log.info(decision, 'a storage provider that asked for it was not registered')
        return { ok: true }
      },
    })
  }
}
