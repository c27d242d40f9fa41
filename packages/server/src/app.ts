import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Fastify, { LogController } from 'fastify'
import { guard } from './accounts/guard.ts'
import { keyRoutes } from './accounts/routes.ts'
import { accountRoutes } from './accounts/sign-in/routes.ts'
import { openUcans } from './accounts/ucan.ts'
import { userRoutes } from './accounts/user-routes.ts'
import { aggregateAdminRoutes } from './aggregates/admin-routes.ts'
import { aggregatePieces } from './aggregates/aggregate-pieces.ts'
import { type Config, ConfigError } from './config.ts'
import { dealAdminRoutes } from './deals/admin-routes.ts'
import type { GatewayConfig } from './gateway/config.ts'
import { dnsLinks } from './gateway/names/dnslink.ts'
import { nameRecords } from './gateway/names/records.ts'
import { type Names, openNames } from './gateway/names/resolve.ts'
import { gatewayRoutes, gatewayUrl } from './gateway/routes.ts'
import { answerClientError } from './http/client-error.ts'
import { allowOrigin, answerPreflight } from './http/cors.ts'
import { continueOnceAccepted } from './http/expect-continue.ts'
import { acceptJsonBodies } from './http/json-body.ts'
import { allowOddMediaType } from './http/media-type.ts'
import { rateLimit } from './http/rate-limit.ts'
import { replyError } from './http/reply-error.ts'
import { closeUnusedConnections } from './http/unused-connections.ts'
import { validateStrictly } from './http/validation.ts'
import { metricCollectors } from './metrics.ts'
import { listPeers } from './network/peer-instances.ts'
import { collectRoutes } from './openapi/document.ts'
import { openApiRoutes } from './openapi/routes.ts'
import { delegatedRouters } from './peer/delegated-routers.ts'
import { pieceRoutes } from './pieces/routes.ts'
import { openDelegates } from './pin-requests/delegates.ts'
import { pinRequestRoutes } from './pin-requests/routes.ts'
import { proofRoutes } from './proofs/routes.ts'
import { providerAdminRoutes } from './providers/admin-routes.ts'
import { storageProviderRoutes } from './providers/public-routes.ts'
import { portalRoutes } from './providers/routes.ts'
import { portalScriptRoutes } from './providers/script-routes.ts'
import { retrievalAdminRoutes } from './retrievals/routes.ts'
import { gatewayUrlOf } from './routing/gateway-url.ts'
import { ownPeers } from './routing/own-peers.ts'
import { reportRoutes } from './routing/report-routes.ts'
import { routingRoutes } from './routing/routes.ts'
import type { Service } from './service.ts'
import { checkComponents } from './status/health.ts'
import { metricsRoutes } from './status/metrics-routes.ts'
import { healthRoutes, statusRoutes } from './status/routes.ts'
import { timelineRoutes } from './status/timeline-routes.ts'
import type { BuildInfo } from './status/version.ts'
import { timelineSources } from './timeline.ts'
import { manyUploadRoutes } from './uploads/many-routes.ts'
import { uploadReaders } from './uploads/readers.ts'
import { uploadRecorder } from './uploads/record.ts'
import { uploadRecordRoutes, uploadRoutes } from './uploads/routes.ts'
import { openWebsite } from './website/routes.ts'

const maxParamLength = 2_000
const maxHeaderBytes = 64 * 1024

/** Old clients know no path before theirs: on a host `api.*` the API is at the root. */
function apiHostUrl(request: IncomingMessage, url: string): string {
  const isApiHost = request.headers.host?.toLowerCase().startsWith('api.')
  return isApiHost && !/^\/api(\/|\?|$)/i.test(url) ? `/api${url}` : url
}

async function notFound(_request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return await reply.code(404).type('text/plain;charset=UTF-8').send('404 not found')
}

/** The native API, below `/api`. */
function apiRoutes(service: Service, build: BuildInfo) {
  return async (app: FastifyInstance): Promise<void> => {
    const readers = uploadReaders()
    app.addHook('onClose', async () => await readers[Symbol.asyncDispose]())
    const ucans = await openUcans(service, service.didSeed)
    const components = {
      ...service,
      build,
      ucans,
      rateLimit: rateLimit(service.config),
      recordUpload: uploadRecorder(service),
      readers,
    }
    app.decorateRequest('caller', null)
    app.decorateRequest('oddMediaType', '')
    app.addHook('onRequest', allowOrigin)
    app.addHook('onRequest', allowOddMediaType)
    app.addHook('onRequest', guard(components))
    app.addHook('preSerialization', async (_request, reply) => void reply.type('application/json;charset=UTF-8'))
    app.setErrorHandler(replyError)
    app.setNotFoundHandler(notFound)
    app.route({ method: 'OPTIONS', url: '/*', handler: answerPreflight })
    app.route({ method: 'OPTIONS', url: '/', handler: answerPreflight })
    await app.register(uploadRoutes(components))
    await app.register(async (json) => {
      acceptJsonBodies(json, service.config.MAX_METADATA_BYTES)
      await json.register(statusRoutes(components))
      await json.register(timelineRoutes({ ...components, timelineSources: timelineSources(service) }))
      await json.register(openApiRoutes(components))
      await json.register(keyRoutes(components))
      await json.register(userRoutes(components))
      await json.register(pinRequestRoutes({ ...components, findDelegates: openDelegates(service) }))
      await json.register(reportRoutes({ ...components, gatewayUrl: () => gatewayUrlOf(service.config, app.server.address()) }))
      await json.register(uploadRecordRoutes(components))
      await json.register(proofRoutes(components))
      await json.register(manyUploadRoutes(components))
      await json.register(
        storageProviderRoutes({ ...components, publicUrl: () => publicUrlOf(service.config, app.server.address()) }),
      )
    })
  }
}

function gatewayConfigOf({ GATEWAY_HOST: host, PUBLIC_URL, TRUST_PROXY, DNSLINK_HOSTS }: Config): GatewayConfig {
  const siteHosts = DNSLINK_HOSTS.map((pattern) => pattern.toLowerCase())
  return { host, trustProxy: TRUST_PROXY === 'yes', siteHosts, ownHosts: [new URL(PUBLIC_URL).hostname] }
}

/** Resolves what stands behind `/ipns/`. @throws ConfigError */
function openGatewayNames({ config, peerControl }: Service): Names {
  const records = nameRecords({ peer: peerControl, routers: delegatedRouters(config.DELEGATED_ROUTERS) })
  try {
    return openNames({ records, links: dnsLinks({ known: config.DNSLINKS, resolvers: config.DNSLINK_RESOLVERS }) })
  } catch (error) {
    throw new ConfigError([`DNSLINKS, DNSLINK_RESOLVERS: ${(error as Error).message}`])
  }
}

/** The URL a request is routed by: the host may say which face is meant. */
function routeUrl(request: IncomingMessage, gateway: GatewayConfig): string {
  const url = request.url ?? '/'
  return gatewayUrl(request.headers, url, gateway) ?? apiHostUrl(request, url)
}

/** Where this server is reached, also where it took any free port. */
function publicUrlOf({ PUBLIC_URL }: Config, listening: AddressInfo | string | null): string {
  return gatewayUrlOf({ PUBLIC_URL, GATEWAY_HOST: undefined }, listening)
}

/** Whom delegated routing names as the provider of what is here. */
function ownPeersOf({ config, database, didSeed }: Service, { server }: FastifyInstance): ReturnType<typeof ownPeers> {
  const livePeers = async () => (await listPeers(database)).map(({ peerId, addresses }) => ({ id: peerId, addresses }))
  return ownPeers({ gatewayUrl: () => gatewayUrlOf(config, server.address()), livePeers, didSeed })
}

/** Every HTTP face of one service, not listening yet. `peerTrouble` and `devnetTrouble` say why what this process started does not run. */
export async function createApp(
  service: Service,
  build: BuildInfo,
  peerTrouble?: () => string | undefined,
  devnetTrouble?: () => string | undefined,
): Promise<FastifyInstance> {
  const gateway = gatewayConfigOf(service.config)
  const app = Fastify({
    loggerInstance: service.log,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    // One: the proxy itself. What stood in X-Forwarded-For before it added the address it saw, anybody could have written.
    trustProxy: gateway.trustProxy && ((_address: string, hop: number) => hop === 0),
    routerOptions: { ignoreTrailingSlash: true, caseSensitive: false, maxParamLength },
    // Uploads may take hours; a stalled one is ended by its own idle timeout.
    requestTimeout: 0,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: maxHeaderBytes, headersTimeout: 60_000 },
    clientErrorHandler: answerClientError,
    rewriteUrl: (request) => routeUrl(request as IncomingMessage, gateway),
  })
  validateStrictly(app as unknown as FastifyInstance)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setErrorHandler(replyError)
  const website = await openWebsite(service.config)
  app.setNotFoundHandler(async (request, reply) =>
    website.answerNotFound(request, reply) ? reply : await notFound(request, reply),
  )
  continueOnceAccepted(app as unknown as FastifyInstance)
  closeUnusedConnections(app as unknown as FastifyInstance)
  await collectRoutes(app as unknown as FastifyInstance, { config: service.config, build })
  await app.register(gatewayRoutes({ blocks: service.blocks, names: openGatewayNames(service), config: gateway }))
  await app.register(
    routingRoutes({ blocks: service.blocks, ownPeers: ownPeersOf(service, app as unknown as FastifyInstance) }),
    {
      prefix: '/routing/v1',
    },
  )
  await app.register(pieceRoutes({ ...service, pieces: aggregatePieces(service) }))
  const publicUrl = () => publicUrlOf(service.config, app.server.address())
  await app.register(portalRoutes({ ...service, publicUrl }), { prefix: '/sp' })
  await app.register(portalScriptRoutes({ publicUrl }), { prefix: '/sp' })
  await app.register(website.routes)
  const metrics = metricsRoutes({ metricCollectors: metricCollectors(service) })
  await app.register(metrics)
  await app.register(healthRoutes({ ...service, build, peerTrouble, devnetTrouble }))
  await app.register(apiRoutes(service, build), { prefix: '/api' })
  const health = () => checkComponents({ ...service, peerTrouble, devnetTrouble })
  const laterParts = [
    aggregateAdminRoutes(service),
    providerAdminRoutes({ ...service, publicUrl }),
    dealAdminRoutes(service),
    retrievalAdminRoutes(service),
  ]
  await app.register(accountRoutes({ ...service, health }, laterParts), { prefix: '/account' })
  return app as unknown as FastifyInstance
}
