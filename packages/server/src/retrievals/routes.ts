import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import { Retrievals, RetrievalsQuery } from '@keepsake/api/retrievals.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import type { FastifyInstance } from 'fastify'
import { CID } from 'multiformats/cid'
import { findSource } from '../chain/source.ts'
import type { Db } from '../database/database.ts'
import { noRecord, type RetrievalRecords } from '../providers/retrieval-records.ts'
import { showHistory, showRecord } from '../providers/show-retrievals.ts'
import { listProviders, listRetrievals } from './store.ts'

interface Components {
  database: Db
  retrievalRecords: RetrievalRecords
}

/** What the website shows an operator of how providers give back what they store: below `/account/admin`. */
export function retrievalAdminRoutes(components: Components) {
  const { database } = components
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
          readStandings(components),
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

/** The standing of every provider of the network in use, now and over time. */
async function readStandings({ database, retrievalRecords }: Components) {
  const source = await findSource(database)
  if (!source) return []
  const [providers, records, history] = await Promise.all([
    listProviders(database, source.network),
    retrievalRecords.read(source.network),
    retrievalRecords.history(source.network),
  ])
  return providers.map(({ id, actorId }) => ({
    providerId: id,
    provider: formatAddress(idAddress(actorId)),
    ...showRecord(records.get(id) ?? noRecord),
    history: showHistory(history, id),
  }))
}
