import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Collector } from '../http/metrics.ts'
import { renderMetrics } from '../http/metrics.ts'

/** Counting millions of rows takes a moment: it is done at most this often, however many ask. */
const keptMs = 15_000

interface Components {
  metricCollectors: readonly Collector[]
}

/** `GET /metrics`: numbers for Prometheus. They are about all that is here, and name nobody. */
export function metricsRoutes({ metricCollectors }: Components) {
  let kept: { text: Promise<string>; until: number } | undefined
  const collect = async () => renderMetrics((await Promise.all(metricCollectors.map((one) => one()))).flat())
  const read = async () => {
    if (!kept || kept.until < Date.now()) kept = { text: collect(), until: Date.now() + keptMs }
    try {
      return await kept.text
    } catch (error) {
      kept = undefined
      throw error
    }
  }
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/metrics',
      schema: {
        tags: ['service'],
        operationId: 'getMetrics',
        summary: 'Numbers for Prometheus',
        description: 'At most 15 seconds old.',
        response: { 200: { content: { 'text/plain': { schema: Type.String() } } } },
      },
      handler: async (_request, reply) => {
        const text = await read()
        return await reply.type('text/plain; version=0.0.4; charset=utf-8').serializer(String).send(text)
      },
    })
  }
}
