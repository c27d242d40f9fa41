import { success } from '@keepsake/api/nft.ts'
import { Health, Stats, StatsHistory, Version } from '@keepsake/api/service.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Chain } from '../chain/chain.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { checkHealth } from './health.ts'
import { readStats } from './stats.ts'
import { statsHistory } from './stats-history.ts'
import type { BuildInfo } from './version.ts'

export interface StatusComponents {
  config: Config
  database: Db
  blobs: BlobStore
  peerTrouble?: (() => string | undefined) | undefined
  devnetTrouble?: (() => string | undefined) | undefined
  chain: Chain | undefined
  build: BuildInfo
}

/** `GET /health`, outside the API: for load balancers and people. */
export function healthRoutes(components: StatusComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/health',
      schema: {
        tags: ['service'],
        operationId: 'getHealth',
        summary: 'Whether this server can store and read right now',
        response: { 200: Health, 503: Health },
      },
      handler: async (_request, reply) => {
        const report = await checkHealth(components)
        return await reply
          .code(report.ok ? 200 : 503)
          .header('cache-control', 'no-store')
          .send(report)
      },
    })
  }
}

export function statusRoutes(components: StatusComponents) {
  const { config, build } = components
  const readHistory = statsHistory(components)
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/version',
      schema: {
        tags: ['service'],
        operationId: 'getVersion',
        summary: 'Version and maintenance mode',
        response: { 200: Version },
      },
      handler: async () => ({ ...build, mode: config.MAINTENANCE }),
    })
    app.route({
      method: 'GET',
      url: '/stats',
      schema: {
        tags: ['service'],
        operationId: 'getStats',
        summary: 'How much is stored',
        response: { 200: Type.Object({ ok: Type.Literal(true), data: Stats }) },
      },
      handler: async () => ({ ok: true, data: await readStats(components) }),
    })
    app.route({
      method: 'GET',
      url: '/stats/history',
      schema: {
        tags: ['service'],
        operationId: 'getStatsHistory',
        summary: 'How much is stored, day by day',
        description: 'At most a minute old.',
        response: { 200: success(StatsHistory) },
      },
      handler: async () => ({ ok: true, value: await readHistory() }),
    })
  }
}
