import { join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { filePolicy, sitePolicy } from './policy.ts'
import type { SiteFile, SiteFiles } from './site-files.ts'
import { readSiteFiles, variantFor } from './site-files.ts'

type SiteConfig = Pick<Config, 'PUBLIC_URL' | 'GATEWAY_HOST'>

export interface Website {
  /** The pages and what they are made of, at the root of the server. */
  routes: (app: FastifyInstance) => Promise<void>
  /** Answers a browser that asks for a page there is not; false where it is no browser, or there is no website. */
  answerNotFound: (request: FastifyRequest, reply: FastifyReply) => boolean
}

const built = join(import.meta.dirname, '../../../web/dist')
const methods = ['GET', 'HEAD']
const yearSeconds = 31_536_000

/** Reads the website that was built. Without one, `/` leads to the documentation of the API. */
export async function openWebsite(config: SiteConfig): Promise<Website> {
  const site = await readSiteFiles(built, (html) => fillIn(html, config))
  const headers = {
    'content-security-policy': sitePolicy(config),
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
  }
  if (!site) {
    const routes = async (app: FastifyInstance) => {
      app.get('/', async (_request, reply) => reply.redirect('/api/docs'))
    }
    return { routes, answerNotFound: () => false }
  }
  const answer: Answer = (request, reply, file, { status = 200, policy } = {}) => {
    reply.headers(policy === undefined ? headers : { ...headers, 'content-security-policy': policy })
    return isGatewayHost(request, config) ? reply.redirect(config.PUBLIC_URL) : sendFile(request, reply, file, status)
  }
  return {
    routes: siteRoutes(site, answer),
    answerNotFound: (request, reply) => {
      const isPage = methods.includes(request.method) && /\btext\/html\b/.test(request.headers.accept ?? '')
      if (isPage) answer(request, reply, site.document, { status: 404 })
      return isPage
    },
  }
}

interface Sending {
  status?: number
  /** What the file may do, where that is something else than the pages may. */
  policy?: string | undefined
}

type Answer = (request: FastifyRequest, reply: FastifyReply, file: SiteFile, sending?: Sending) => FastifyReply

function siteRoutes({ files, document, pages }: SiteFiles, answer: Answer) {
  return async (app: FastifyInstance): Promise<void> => {
    for (const url of pages)
      app.route({ method: methods, url, handler: async (request, reply) => answer(request, reply, document) })
    // One route for each file: nothing but these can be read.
    for (const [url, file] of files) {
      const policy = filePolicy(url)
      app.route({ method: methods, url, handler: async (request, reply) => answer(request, reply, file, { policy }) })
    }
  }
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: SiteFile, status: number): FastifyReply {
  reply
    .code(status)
    .type(file.type)
    .header('etag', file.etag)
    .header('vary', 'accept-encoding')
    .header('cache-control', file.isImmutable ? `public, max-age=${yearSeconds}, immutable` : 'no-cache')
  if (status === 200 && request.headers['if-none-match'] === file.etag) return reply.code(304).send()
  const [coding, bytes] = variantFor(file, request.headers['accept-encoding'])
  if (coding !== 'identity') reply.header('content-encoding', coding)
  return request.method === 'HEAD' ? reply.header('content-length', bytes.length).send() : reply.send(bytes)
}

/** The host of the gateway has no pages, unless the website is there too. */
function isGatewayHost({ hostname }: FastifyRequest, { GATEWAY_HOST, PUBLIC_URL }: SiteConfig): boolean {
  const gateway = GATEWAY_HOST?.toLowerCase()
  return gateway !== undefined && hostname.toLowerCase() === gateway && new URL(PUBLIC_URL).hostname !== gateway
}

/** Tells the pages where the gateway is. */
function fillIn(html: string, { GATEWAY_HOST = '' }: SiteConfig): string {
  const host = GATEWAY_HOST.replace(/[^\w.:-]/g, '')
  return html.replace(/(<meta name="keepsake-gateway" content=")(")/, `$1${host}$2`)
}
