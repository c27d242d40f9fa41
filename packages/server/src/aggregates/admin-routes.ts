import { IdParams } from '@keepsake/api/account.ts'
import type { Aggregate } from '@keepsake/api/aggregates.ts'
import { Aggregates, AggregatesQuery } from '@keepsake/api/aggregates.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import { retryNow } from './operate.ts'
import type { AggregateSummary } from './overview.ts'
import { countByState, listAggregates, readWaiting } from './overview.ts'
import { packingRules } from './rules.ts'

interface Components {
  config: Config
  database: Db
  facts: Facts
}

const tags = ['admin']
const failures = { '4xx': Failure }
const maxObstacles = 20

const text = (instant: Date | null) => instant?.toISOString() ?? null

function toAggregate(summary: AggregateSummary): Aggregate {
  const { oldestAt, closesAt, closedAt, builtAt, validatedAt, retryAt, createdAt } = summary
  const instants = { oldestAt, closesAt, closedAt, builtAt, validatedAt, retryAt }
  const texts = Object.fromEntries(Object.entries(instants).map(([name, instant]) => [name, text(instant)]))
  return { ...summary, ...(texts as Record<keyof typeof instants, string | null>), createdAt: createdAt.toISOString() }
}

/** The operator's view of aggregates, for the website: below `/account/admin`. */
export function aggregateAdminRoutes(components: Components) {
  const rules = packingRules(components.config)
  const parts = { ...components, rules }
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/aggregates',
      config: { session: 'admin' },
      schema: {
        tags,
        operationId: 'listAggregates',
        summary: 'Aggregates, the newest first, all or those in one state, and what waits and why',
        querystring: AggregatesQuery,
        response: { 200: success(Aggregates), ...failures },
      },
      handler: async (request) => {
        const { limit = 50, before, state } = request.query as AggregatesQuery
        const [found, waiting, states] = await Promise.all([
          listAggregates(parts, { state, before, limit: limit + 1 }),
          readWaiting(parts, maxObstacles),
          countByState(components.database),
        ])
        const aggregates = found.slice(0, limit).map(toAggregate)
        return {
          ok: true,
          value: {
            aggregates,
            next: found.length > limit ? aggregates.at(-1)!.id : null,
            rules: rules && {
              targetBytes: rules.targetBytes,
              minBytes: rules.minBytes,
              settleSeconds: rules.settleMs / 1000,
              forceSeconds: rules.forceMs / 1000,
            },
            waiting: {
              ...waiting,
              oldestAt: text(waiting.oldestAt),
              settlesAt: text(waiting.settlesAt),
              obstacles: waiting.obstacles.map(({ since, retryAt, ...rest }) => ({
                ...rest,
                since: since.toISOString(),
                retryAt: retryAt.toISOString(),
              })),
            },
            states,
          },
        }
      },
    })
    app.route({
      method: 'POST',
      url: '/aggregates/:id/retry',
      config: { session: 'admin', mode: 'w', errors: ['CONFLICT'] },
      schema: {
        tags,
        operationId: 'retryAggregate',
        summary: 'Build an aggregate that failed again, now',
        params: IdParams,
        response: { 200: Type.Object({ ok: Type.Literal(true) }), ...failures },
      },
      handler: async (request) => {
        const { id } = request.params as { id: number }
        if (!(await retryNow(components, id))) throw new KeepsakeError('CONFLICT', `Aggregate ${id} has not failed.`)
        return { ok: true }
      },
    })
  }
}
