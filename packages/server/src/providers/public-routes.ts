import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import { ProviderDeals, ProviderParams, StorageProviders } from '@keepsake/api/storage-providers.ts'
import type { FastifyInstance } from 'fastify'
import { type OverviewComponents, readOverview, readProviderDeals } from './overview.ts'
import { parseActorId } from './providers.ts'

/** So often at most the numbers are counted anew: anybody may ask. */
const freshMs = 5_000

/** What everybody may know of storage providers, below `/api`: their deals are on the chain anyway. */
export function storageProviderRoutes(components: OverviewComponents) {
  let counted: { until: number; overview: ReturnType<typeof readOverview> } | undefined

  function overview(): ReturnType<typeof readOverview> {
    if (counted && counted.until > Date.now()) return counted.overview
    const fresh = readOverview(components)
    fresh.catch(() => {
      counted = undefined
    })
    counted = { until: Date.now() + freshMs, overview: fresh }
    return fresh
  }

  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/storage-providers',
      schema: {
        tags: ['storage providers'],
        operationId: 'listStorageProviders',
        summary: 'Who takes pieces here, by which rules, and what is on offer',
        response: { 200: success(StorageProviders), '4xx': Failure },
      },
      handler: async () => ({ ok: true, value: await overview() }),
    })
    app.route({
      method: 'GET',
      url: '/storage-providers/:provider',
      config: { errors: ['NOT_FOUND', 'BAD_REQUEST'] },
      schema: {
        tags: ['storage providers'],
        operationId: 'getStorageProvider',
        summary: 'One storage provider and its deals with this server',
        params: ProviderParams,
        response: { 200: success(ProviderDeals), '4xx': Failure },
      },
      handler: async (request) => {
        const { provider } = request.params as { provider: string }
        return { ok: true, value: await readProviderDeals(components, parseActorId(provider)) }
      },
    })
  }
}
