import type { BlockSource } from '@keepsake/content/block.ts'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Answer } from '../http/answer.ts'
import { send } from '../http/send.ts'
import { negotiate } from './accept.ts'
import type { ContentRequest } from './answer.ts'
import { labelOf } from './cid-label.ts'
import type { GatewayConfig } from './config.ts'
import { contentAnswer } from './content-answer.ts'
import { contentPathOf, escapePath, segmentsOf, splitPath, type WrittenPath } from './content-path.ts'
import { GatewayError, toGatewayError } from './errors.ts'
import { mutablePath, recordAnswer } from './mutable.ts'
import { type Name, nameInPath, nameLabel, parseName, parseNameLabel } from './names/name.ts'
import type { Names } from './names/resolve.ts'
import { type Origin, originOf, pathOf, subdomainRoute } from './origin.ts'

export { gatewayUrl } from './origin.ts'

/** Sent with everything: any page may read content, which is public by nature. No cookie is ever asked for. */
const everyAnswer: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, HEAD, OPTIONS',
  'access-control-allow-headers':
    'Content-Type, Range, User-Agent, X-Requested-With, If-None-Match, If-Range, Accept, Cache-Control',
  'access-control-expose-headers':
    'Content-Length, Content-Range, Content-Disposition, Content-Location, Accept-Ranges, ETag, X-Ipfs-Path, X-Ipfs-Roots, X-Chunked-Output, X-Stream-Output',
  'x-content-type-options': 'nosniff',
}

export interface GatewayComponents {
  blocks: BlockSource
  names: Names
  config: GatewayConfig
}

/**
 * The IPFS gateway: `/ipfs/<cid>/<path>` and, for requests that `gatewayUrl` sends there, the subdomains that belong to one root.
 * Path, Subdomain and Trustless Gateway specifications. To be registered at the root of the server, without prefix.
 */
export function gatewayRoutes(components: GatewayComponents): FastifyPluginAsync {
  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.hijack()
    const { raw: response } = reply
    const leaving = new AbortController()
    response.on('close', () => leaving.abort())
    try {
      const answer = await answerTo(components, request, leaving.signal)
      await send(response, request.method, withAlways(answer), (error) =>
        request.log.warn({ err: error }, 'a gateway answer was cut short'),
      )
    } catch (error) {
      await sendError(request, reply, error)
    }
  }

  return async (app) => {
    for (const url of ['/ipfs', '/ipfs/*', '/ipns', '/ipns/*', subdomainRoute, `${subdomainRoute}/*`]) {
      app.route({ method: ['GET', 'HEAD', 'OPTIONS'], url, exposeHeadRoute: false, handler: handle })
      // Answered before a body would be read and its type refused: what is wrong is the method.
      app.route({ method: ['POST', 'PUT', 'PATCH', 'DELETE'], url, onRequest: handle, handler: handle })
    }
  }
}

function withAlways(answer: Answer): Answer {
  return { ...answer, headers: { ...everyAnswer, ...answer.headers } }
}

async function sendError(request: FastifyRequest, { raw: response }: FastifyReply, thrown: unknown): Promise<void> {
  if (response.destroyed || response.headersSent) {
    response.destroy()
    return
  }
  const error = toGatewayError(thrown)
  if (error.status >= 500 && error.status !== 501) request.log.error({ err: thrown }, 'a gateway request failed')
  const body = Buffer.from(`${error.message}\n`)
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-cache',
    'content-length': String(body.length),
    ...error.headers,
  }
  await send(response, request.method, withAlways({ status: error.status, headers, body }), () => {})
}

async function answerTo(components: GatewayComponents, request: FastifyRequest, signal: AbortSignal): Promise<Answer> {
  const { blocks, names, config } = components
  const { method, headers } = request
  const target = request.originalUrl
  const origin = originOf(headers, target, config)
  if (method === 'OPTIONS')
    return { status: 204, headers: { allow: 'GET, HEAD, OPTIONS', 'access-control-max-age': '86400' }, body: undefined }
  if (method !== 'GET' && method !== 'HEAD')
    throw new GatewayError(405, 'Content can only be read.', { allow: 'GET, HEAD, OPTIONS' })
  const url = pathOf(target)
  const mark = url.indexOf('?')
  const pathname = mark < 0 ? url : url.slice(0, mark)
  const search = mark < 0 ? '' : url.slice(mark)
  const query = new URLSearchParams(search)
  const redirect = origin.kind === 'subdomain' ? undefined : redirectOfUri(pathname, query)
  if (redirect) return redirect
  const written = writtenPath(origin, pathname)
  const negotiated = negotiate(query.get('format'), headers.accept)
  const { name } = written
  const root = name ? undefined : contentPathOf(written.rootText, written.rest, pathname)
  const moved = redirectToOrigin(origin, written, () => (root ? labelOf(root.root) : nameLabel(name!)), search, negotiated.format)
  if (moved) return moved
  refuseServiceWorker(request, origin)
  if (name && negotiated.format === 'ipns-record') return recordAnswer(names, name, { query, signal })
  const path = root ?? (await mutablePath(components, name!, written.rest, signal))
  const content: ContentRequest = { method, path, query, search, headers, origin, negotiated, signal }
  return contentAnswer(blocks, content)
}

/** A path as it is written, with the name where it begins with one. */
interface NamedPath extends WrittenPath {
  name: Name | undefined
}

function writtenPath(origin: Origin, pathname: string): NamedPath {
  if (origin.kind !== 'subdomain') {
    if (pathname.startsWith(subdomainRoute)) throw new GatewayError(404, 'Not found.')
    const path = splitPath(pathname)
    return { ...path, name: path.namespace === 'ipns' ? parseName(decoded(path.rootText)) : undefined }
  }
  const rootText = origin.label!
  const name = origin.namespace === 'ipfs' ? undefined : parseNameLabel(rootText)
  return { namespace: origin.namespace!, rootText, rest: pathname, name }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Formats that a browser only ever saves, and that programs ask for: they need no origin of their own. */
const inert = new Set<string | undefined>(['raw', 'car', 'ipns-record'])

/**
 * Sends a browser to the origin of the root: from a path on the gateway's host, and from a subdomain that spells the root another way. Elsewhere a
 * name is led to its one spelling. Path and query are kept. (Subdomain Gateway specification, "Location"; Path Gateway, "IPNS".)
 */
function redirectToOrigin(
  origin: Origin,
  { namespace, name, rootText, rest }: NamedPath,
  labelOfRoot: () => string,
  search: string,
  format: string | undefined,
): Answer | undefined {
  const segments = segmentsOf(rest)
  const below = `${escapePath(segments)}${rest.endsWith('/') || segments.length === 0 ? '/' : ''}`
  if (origin.kind === 'shared' || (origin.kind === 'parent' && inert.has(format))) {
    const canonical = name && nameInPath(name)
    if (name?.kind !== 'key' || canonical === rootText) return undefined
    return { status: 302, headers: { location: `/ipns/${canonical}${rest === '' ? '' : below}${search}` }, body: undefined }
  }
  const label = labelOfRoot()
  if (origin.kind === 'subdomain') {
    const isDotted = name?.kind === 'domain' && origin.label!.toLowerCase() === name.domain
    if (origin.parent === undefined || isDotted || origin.label!.toLowerCase() === label) return undefined
  }
  const host = origin.kind === 'parent' ? origin.host : origin.parent!
  return {
    status: 301,
    headers: { location: `${origin.protocol}://${label}.${namespace}.${host}${below}${search}` },
    body: undefined,
  }
}

/** `/ipfs/?uri=ipfs://<cid>/<path>`, where browsers send links they hand over (Subdomain Gateway specification, "URI router"). */
function redirectOfUri(pathname: string, query: URLSearchParams): Answer | undefined {
  const uri = query.get('uri')
  if (uri === null || !/^\/ip[fn]s\/?$/.test(pathname)) return undefined
  const [, namespace, rest = ''] = /^(ipfs|ipns):\/\/(.+)$/is.exec(uri) ?? []
  if (namespace === undefined) throw new GatewayError(400, 'uri has to begin with ipfs:// or ipns://.')
  return { status: 301, headers: { location: `/${namespace.toLowerCase()}/${encodeURI(rest.toWellFormed())}` }, body: undefined }
}

/** A script that could answer for other content on the same host is not given to a browser that wants to install it. */
function refuseServiceWorker({ headers }: FastifyRequest, origin: Origin): void {
  if (headers['service-worker'] === 'script' && origin.kind !== 'subdomain') {
    throw new GatewayError(400, 'A service worker can only be registered on the subdomain of its root.')
  }
}
