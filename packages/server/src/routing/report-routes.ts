import { Failure } from '@keepsake/api/errors.ts'
import { CidParams, success } from '@keepsake/api/nft.ts'
import { ProviderReport } from '@keepsake/api/providers.ts'
import { findCid } from '@keepsake/content/hash/cid-text.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { KeepsakeError } from '../errors.ts'
import { type ReportComponents, reportProviders } from './provider-report.ts'

const Query = Type.Object({
  timeout: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 60, default: 20, description: 'Seconds to ask the network for at most.' }),
  ),
})

/** Reports under way at once. Each is a search through the DHT. */
const maxReports = 8

/** `GET /api/providers/{cid}`: for `keepsake findprovs`. It makes the peer search the network, so it takes a key. */
export function reportRoutes(components: ReportComponents) {
  let underWay = 0
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/providers/:cid',
      config: { right: 'read', errors: ['BAD_REQUEST', 'ERROR_UNAVAILABLE'] },
      schema: {
        tags: ['service'],
        operationId: 'reportProviders',
        summary: 'Who provides a CID, and whether the network knows that this server does',
        description:
          'Asks the DHT and the configured routers at this moment, and says what was announced and when. For any CID, held here or not.',
        params: CidParams,
        querystring: Query,
        response: { 200: success(ProviderReport), '4xx': Failure },
      },
      handler: async (request, reply) => {
        const { cid: text } = request.params as { cid: string }
        const cid = findCid(text)
        if (!cid) throw new KeepsakeError('ERROR_INVALID_CID', `Invalid CID: ${text.slice(0, 100)}`)
        if (underWay >= maxReports)
          throw new KeepsakeError('ERROR_UNAVAILABLE', `${maxReports} searches are under way already; try again in a moment.`)
        const { timeout = 20 } = request.query as { timeout?: number }
        const gone = new AbortController()
        reply.raw.on('close', () => gone.abort(new Error('the caller is gone')))
        underWay++
        try {
          const value = await reportProviders(components, cid, { timeoutMs: timeout * 1000, signal: gone.signal })
          return { ok: true, value }
        } finally {
          underWay--
        }
      },
    })
  }
}
