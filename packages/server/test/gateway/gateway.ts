import type { AddressInfo } from 'node:net'
import type { BlockSource } from '@keepsake/content/block.ts'
import type { GatewayConfig } from '@keepsake/server/gateway/config.ts'
import { dnsLinks } from '@keepsake/server/gateway/names/dnslink.ts'
import { type Names, openNames } from '@keepsake/server/gateway/names/resolve.ts'
import { gatewayRoutes, gatewayUrl } from '@keepsake/server/gateway/routes.ts'
import fastify, { type FastifyInstance } from 'fastify'
import { sendRaw, type TestAnswer } from '../setup/send-raw.ts'

export interface TestGateway extends AsyncDisposable {
  app: FastifyInstance
  port: number
  /** Warnings and errors logged. */
  logged: string[]
  get(path: string, headers?: Record<string, string>, method?: string): Promise<TestAnswer>
}

/** A real server on loopback with the gateway and, beside it, an API and a website that content must never reach. */
export async function startGateway(
  blocks: BlockSource,
  overrides: Partial<GatewayConfig> = {},
  prepare: (app: FastifyInstance) => void = () => {},
  names: Names = noNames(),
): Promise<TestGateway> {
  const config: GatewayConfig = { host: 'gateway.example', trustProxy: false, ...overrides }
  const logged: string[] = []
  const stream = { write: (line: string) => void logged.push(line) }
  const app = fastify({
    logger: { level: 'warn', stream },
    rewriteUrl: (request) => gatewayUrl(request.headers, request.url ?? '/', config) ?? request.url ?? '/',
  })
  prepare(app)
  app.get('/', async () => 'the website')
  app.get('/api/secret', async () => 'the API')
  app.post('/api/secret', async () => 'the API')
  await app.register(gatewayRoutes({ blocks, names, config }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    app,
    port,
    logged,
    get: (path, headers = {}, method = 'GET') => sendRaw(port, path, headers, method),
    [Symbol.asyncDispose]: () => app.close(),
  }
}

/** Nobody has a record of any name, and no DNS server is there. */
function noNames(): Names {
  return openNames({
    records: { resolveRecord: async () => undefined },
    links: dnsLinks({ known: [], resolvers: ['127.0.0.1:9'] }),
  })
}
