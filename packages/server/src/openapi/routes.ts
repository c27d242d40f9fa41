import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Config } from '../config.ts'
import { openApiDocument } from './document.ts'
import { docsPage, pagePolicy } from './page/page.ts'
import type { OpenApiDocument } from './types.ts'

/** The description of the API, for programs and for people. */
export function openApiRoutes({ config }: { config: Config }) {
  // `PORT=0` takes any port; which one is known once there is a connection.
  const at = (app: FastifyInstance, request: FastifyRequest): OpenApiDocument => ({
    ...openApiDocument(app),
    servers: [{ url: config.PUBLIC_URL.replace(/:0$/, `:${request.socket.localPort}`) }],
  })
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/openapi.json',
      schema: {
        tags: ['service'],
        operationId: 'getOpenApi',
        summary: 'This description, for programs',
        response: {
          200: Type.Object({ openapi: Type.String({ examples: ['3.1.0'] }) }, { description: 'An OpenAPI document.' }),
        },
      },
      handler: async (request) => at(app, request),
    })
    app.route({
      method: 'GET',
      url: '/docs',
      schema: {
        tags: ['service'],
        operationId: 'getDocs',
        summary: 'This description, to read',
        response: { 200: { content: { 'text/html': { schema: Type.String() } } } },
      },
      handler: async (request, reply) =>
        await reply
          .type('text/html; charset=utf-8')
          .headers({
            'content-security-policy': pagePolicy,
            'x-content-type-options': 'nosniff',
            'referrer-policy': 'no-referrer',
            'cache-control': 'no-cache',
          })
          .send(docsPage(at(app, request))),
    })
  }
}
