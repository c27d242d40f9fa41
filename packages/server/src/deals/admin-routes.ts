import { IdParams } from '@keepsake/api/account.ts'
import {
  CancelRequest,
  DealDetails,
  Deals,
  DealsQuery,
  ExportedProposals,
  ExportRequest,
  ImportOutcomes,
  ImportRequest,
  ProposeRequest,
} from '@keepsake/api/deals.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import { RpcError } from '@keepsake/filecoin/rpc/errors.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Chain } from '../chain/chain.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import { parseActorId } from '../providers/providers.ts'
import { exportProposals } from './export-proposals.ts'
import { importDeals } from './import-deals.ts'
import { cancelDeal, proposeTo, retryDeal } from './operate.ts'
import { readOverview } from './overview.ts'
import { parseClaims } from './parse-claims.ts'
import { getDeal, listDeals } from './read-deals.ts'
import { dealRules } from './rules.ts'
import type { Wallet } from './wallet/wallet.ts'

interface Components {
  config: Config
  database: Db
  facts: Facts
  chain: Chain | undefined
  wallet: Wallet
  pieceLinkSecret: Uint8Array
}

const tags = ['admin']
const failures = { '4xx': Failure, '5xx': Failure }
const changing = { session: 'admin', mode: 'w', errors: ['CONFLICT', 'ERROR_UNAVAILABLE'] } as const
const idOf = (request: FastifyRequest) => (request.params as { id: number }).id

/** What a node says in refusing is for the operator. */
async function withNode<T>(work: () => Promise<T>): Promise<{ ok: true; value: T }> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    if (error instanceof RpcError)
      throw new KeepsakeError('ERROR_UNAVAILABLE', `The Filecoin node: ${error.message}`, { cause: error })
    throw error
  }
}

/** The operator's view of deals, for the website: below `/account/admin`. */
export function dealAdminRoutes(service: Components) {
  const components = { ...service, rules: dealRules(service.config), wanted: service.config.DEAL_REPLICAS }
  const { database } = components
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/deals',
      config: { session: 'admin' },
      schema: {
        tags,
        operationId: 'listDeals',
        summary: 'Deals, the newest first, and how they stand as a whole',
        querystring: DealsQuery,
        response: { 200: success(Deals), ...failures },
      },
      handler: async (request) => {
        const { limit = 50, before, state, provider, aggregate: aggregateId } = request.query as DealsQuery
        const actorId = provider === undefined ? undefined : parseActorId(provider)
        const filter = { state, actorId, aggregateId, before, limit: limit + 1 }
        const [found, overview] = await Promise.all([listDeals(database, filter), readOverview(components)])
        const deals = found.slice(0, limit)
        return { ok: true, value: { deals, next: found.length > limit ? deals.at(-1)!.id : null, overview } }
      },
    })
    app.route({
      method: 'GET',
      url: '/deals/:id',
      config: { session: 'admin' },
      schema: {
        tags,
        operationId: 'getDeal',
        summary: 'One deal, with everything that happened to it and what shows that',
        params: IdParams,
        response: { 200: success(DealDetails), ...failures },
      },
      handler: async (request) => ({ ok: true, value: await getDeal(database, idOf(request)) }),
    })
    await app.register(changingRoutes(components))
  }
}

function changingRoutes(components: Components & Parameters<typeof proposeTo>[0]) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'POST',
      url: '/deals',
      config: changing,
      schema: {
        tags,
        operationId: 'proposeDeal',
        summary: 'Propose an aggregate to a storage provider',
        body: ProposeRequest,
        response: { 200: success(DealDetails), ...failures },
      },
      handler: async (request) => {
        const { aggregate: aggregateId, provider, force } = request.body as ProposeRequest
        return await withNode(() => proposeTo(components, { aggregateId, actorId: parseActorId(provider), force }))
      },
    })
    app.route({
      method: 'POST',
      url: '/deals/:id/retry',
      config: changing,
      schema: {
        tags,
        operationId: 'retryDeal',
        summary: 'Try again what failed, with the same provider, now',
        params: IdParams,
        response: { 200: success(DealDetails), ...failures },
      },
      handler: async (request) => await withNode(() => retryDeal(components, idOf(request))),
    })
    app.route({
      method: 'POST',
      url: '/deals/:id/cancel',
      config: changing,
      schema: {
        tags,
        operationId: 'cancelDeal',
        summary: 'Give up a deal that is not on the chain',
        params: IdParams,
        body: CancelRequest,
        response: { 200: success(DealDetails), ...failures },
      },
      handler: async (request) => {
        const { reason } = (request.body ?? {}) as CancelRequest
        return { ok: true, value: await cancelDeal(components, idOf(request), reason) }
      },
    })
    app.route({
      method: 'POST',
      url: '/deals/export',
      config: changing,
      schema: {
        tags,
        operationId: 'exportProposals',
        summary: 'Signed proposals, to be handed to their providers by other means',
        body: ExportRequest,
        response: { 200: success(ExportedProposals), ...failures },
      },
      handler: async (request) => {
        const { deals } = (request.body ?? {}) as ExportRequest
        return { ok: true, value: { proposals: await exportProposals(components, deals) } }
      },
    })
    app.route({
      method: 'POST',
      url: '/deals/import',
      config: changing,
      schema: {
        tags,
        operationId: 'importDeals',
        summary: "The chain's numbers of deals that were handed over by other means; each is checked against the chain",
        body: ImportRequest,
        response: { 200: success(ImportOutcomes), ...failures },
      },
      handler: async (request) => {
        const { deals = [], text = '' } = request.body as ImportRequest
        const claims = [...deals, ...parseClaims(text)]
        return await withNode(async () => ({ outcomes: await importDeals(components, claims) }))
      },
    })
  }
}
