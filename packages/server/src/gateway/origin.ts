import type { IncomingHttpHeaders } from 'node:http'
import type { GatewayConfig } from './config.ts'
import { isDomain } from './names/name.ts'

export type Namespace = 'ipfs' | 'ipns'

/** Where a request was sent to, which decides what it may see. */
export interface Origin {
  /** Host and port as the client wrote them, lower case: `localhost:8787`. */
  host: string
  protocol: 'http' | 'https'
  /**
   * `subdomain`: the origin of one root, which serves nothing else. `parent`: a host whose subdomains are such origins, so content is
   * redirected there. `shared`: any other host, where content lives beside other things and must not be able to act.
   */
  kind: 'subdomain' | 'parent' | 'shared'
  /**
   * Of a `subdomain`: what stands before the host of the gateway, as written (an old CID is told from a wrong one by its case); or the whole host
   * where that is a domain whose DNSLink is served.
   */
  label: string | undefined
  namespace: Namespace | undefined
  /** Of a `subdomain`: the host and port of the gateway below which it lies; undefined for a domain with a DNSLink. */
  parent: string | undefined
}

/** Reads the origin of a request. `url` is the request target, which names the host itself when the client speaks to a proxy. */
export function originOf(headers: IncomingHttpHeaders, url: string, config: GatewayConfig): Origin {
  const forwarded = config.trustProxy ? first(headers['x-forwarded-host']) : undefined
  const written = forwarded ?? absoluteHost(url) ?? headers.host ?? ''
  const protocol = config.trustProxy && first(headers['x-forwarded-proto']) === 'https' ? 'https' : 'http'
  const shared = {
    host: written.toLowerCase(),
    protocol,
    kind: 'shared',
    label: undefined,
    namespace: undefined,
    parent: undefined,
  } as const
  if (isGatewayHost(written, config)) return { ...shared, kind: 'parent' }
  const below = belowGateway(written, config)
  if (below) return { ...shared, kind: 'subdomain', ...below }
  if (!isSiteHost(written, config)) return shared
  return { ...shared, kind: 'subdomain', label: hostName(written), namespace: 'ipns' }
}

/** Splits a host below one of the gateway's. Only names may have dots: a CID is one label. */
function belowGateway(written: string, config: GatewayConfig): Pick<Origin, 'label' | 'namespace' | 'parent'> | undefined {
  for (const { 0: between, 1: namespace, index } of written.matchAll(/\.(ipfs|ipns)\./gi)) {
    const label = written.slice(0, index)
    const parent = written.slice(index + between.length)
    const kind = (namespace as string).toLowerCase() as Namespace
    if (isGatewayHost(parent, config) && (kind === 'ipns' || !label.includes('.')))
      return { label, namespace: kind, parent: parent.toLowerCase() }
  }
  return undefined
}

/** A domain that is a site of its own: set so, and none of this server's own names. */
function isSiteHost(written: string, { host, siteHosts = [], ownHosts = [] }: GatewayConfig): boolean {
  if (siteHosts.length === 0) return false
  const name = hostName(written)
  if (!isDomain(name)) return false
  const own = host === undefined ? ownHosts : [...ownHosts, host.toLowerCase()]
  // `api.` is another name of ours; what lies below the gateway's host and is no subdomain of content is nothing.
  if (own.some((one) => name === one || name === `api.${one}`) || (host !== undefined && name.endsWith(`.${host.toLowerCase()}`)))
    return false
  return siteHosts.some(
    (pattern) => pattern === '*' || pattern === name || (pattern.startsWith('*.') && name.endsWith(pattern.slice(1))),
  )
}

/** A host without port, in lower case. */
function hostName(written: string): string {
  return written.replace(/\.?(:\d+)?$/, '').toLowerCase()
}

function first(header: string | string[] | undefined): string | undefined {
  const value = (Array.isArray(header) ? header[0] : header)?.split(',')[0]?.trim()
  return value === '' ? undefined : value
}

function isGatewayHost(written: string, config: GatewayConfig): boolean {
  const host = hostName(written)
  return host === 'localhost' || (config.host !== undefined && host === config.host.toLowerCase())
}

/** The host in a request target of the absolute form (RFC 9112, section 3.2.2); it counts more than the header. */
function absoluteHost(url: string): string | undefined {
  return /^https?:\/\/([^/?#]*)/i.exec(url)?.[1]
}

/** The path and query of a request target, in either form. */
export function pathOf(url: string): string {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '')
  return path.startsWith('/') ? path : `/${path}`
}

/** Where requests to a subdomain are routed. Nothing is to be had here by asking for it: what is served follows from the host alone. */
export const subdomainRoute = '/__gateway'

/**
 * The URL to route a request by where that is not the one it came with; undefined where it is. For Fastify's `rewriteUrl`.
 *
 * A request to `<cid>.ipfs.<host>` goes to `subdomainRoute` whatever its path, so an origin that belongs to content never reaches
 * the API or the website. The handler there reads root and path from the host and the original URL again: a request that names
 * the internal route itself on another host finds nothing, and on a subdomain it is a path like any other.
 */
export function gatewayUrl(headers: IncomingHttpHeaders, url: string, config: GatewayConfig): string | undefined {
  if (originOf(headers, url, config).kind === 'subdomain') return `${subdomainRoute}/`
  const path = pathOf(url)
  return path === url ? undefined : path
}
