import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import { Retrievals, RetrievalsQuery } from '@keepsake/api/retrievals.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import type { FastifyInstance } from 'fastify'
import { CID } from 'multiformats/cid'
import { findSource } from '../chain/source.ts'
import type { Db } from '../database/database.ts'
import { standingOf } from './retrievals.ts'
import { listProviders, listRetrievals, summarise } from './store.ts'

/** What the website shows an operator of how providers give back what they store: below `/account/admin`. */
export function retrievalAdminRoutes({ database }: { database: Db }) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/retrievals',
      config: { session: 'admin' },
      schema: {
        tags: ['admin'],
        operationId: 'listRetrievals',
        summary: 'How storage providers give back what they store: their standing, and single checks',
        querystring: RetrievalsQuery,
        response: { 200: success(Retrievals), '4xx': Failure },
      },
      handler: async (request) => {
        const { limit = 50, before, provider } = request.query as RetrievalsQuery
        const [providers, found] = await Promise.all([
          readStandings(database),
          listRetrievals(database, { providerId: provider, before, limit: limit + 1 }),
        ])
        const retrievals = found.slice(0, limit).map(({ name: _, actorId, cid, at, ...one }) => ({
          ...one,
          provider: formatAddress(idAddress(actorId)),
          cid: CID.decode(cid).toString(),
          at: at.toISOString(),
        }))
        const isDevnet = (await findSource(database))?.isDevnet ?? false
        return { ok: true, value: { isDevnet, providers, retrievals, next: found.length > limit ? retrievals.at(-1)!.id : null } }
      },
    })
  }
}

/** The standing of every provider of the network in use. */
async function readStandings(database: Db) {
  const source = await findSource(database)
  if (!source) return []
  const [providers, summaries] = await Promise.all([listProviders(database, source.network), summarise(database, source.network)])
  const actorOf = new Map(providers.map(({ id, actorId }) => [id, actorId]))
  return summaries.map((summary) => ({
    ...summary,
    provider: formatAddress(idAddress(actorOf.get(summary.providerId) ?? 0)),
    standing: standingOf(summary),
    lastAt: summary.lastAt?.toISOString() ?? null,
    lastFailureAt: summary.lastFailureAt?.toISOString() ?? null,
  }))
}
