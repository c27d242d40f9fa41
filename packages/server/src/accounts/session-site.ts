import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { KeepsakeError } from '../errors.ts'

/** The header that pages of the website send with every call that changes something. A form of another site cannot send it. */
export const csrfHeader = 'x-keepsake-csrf'

/** Whether a host name or address means this machine. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[|\]$/g, '')
  return name === 'localhost' || name === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name)
}

type SiteConfig = Pick<Config, 'HOST' | 'PUBLIC_URL' | 'TRUST_PROXY'>

/**
 * Whether only this machine can reach the server. A proxy in front listens on loopback too, so what it says about itself counts:
 * a public address, or belief in forwarded headers.
 */
export function isLocalOnly({ HOST, PUBLIC_URL, TRUST_PROXY }: SiteConfig): boolean {
  return isLoopback(HOST) && isLoopback(new URL(PUBLIC_URL).hostname) && TRUST_PROXY === 'no'
}

/** Whether a request was made on this machine, by its own name, and through no proxy: it names no other host and nobody forwarded it. */
export function isLocalRequest(request: FastifyRequest, config: SiteConfig): boolean {
  const forwarded = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'].some((name) => request.headers[name])
  const address = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
  return isLocalOnly(config) && !forwarded && isLoopback(address) && isLoopback(hostnameOf(request.host))
}

function hostnameOf(host: string): string {
  return host.replace(/:\d+$/, '')
}

/**
 * The origin of the website as this request reached it, where it did: `PUBLIC_URL`, or where that is a name of this machine, any such name and
 * port. On every other host (the gateway's, `api.*`, one that somebody pointed here) nobody is signed in and nobody can sign in.
 */
export function siteOriginOf({ host: written }: Pick<FastifyRequest, 'host'>, { PUBLIC_URL }: SiteConfig): string | undefined {
  const site = new URL(PUBLIC_URL)
  const host = (written ?? '').toLowerCase()
  if (host === site.host) return site.origin
  return isLoopback(site.hostname) && isLoopback(hostnameOf(host)) ? `${site.protocol}//${host}` : undefined
}

/** The origin of the website. @throws KeepsakeError `ERROR_CROSS_SITE` on any other host */
export function getSiteOrigin(request: Pick<FastifyRequest, 'host'>, config: SiteConfig): string {
  const origin = siteOriginOf(request, config)
  if (origin === undefined) throw new KeepsakeError('ERROR_CROSS_SITE', `Signing in is possible at ${config.PUBLIC_URL} only.`)
  return origin
}

/**
 * Makes sure that a request with a cookie was made by a page of the website, or is one that any link may make.
 *
 * `SameSite=Lax` is not enough: content at `<cid>.ipfs.<host>` is of the same site as `<host>`, and its pages are anybody's. So the browser
 * has to say the exact origin, and a call that changes something carries a header that no form sends and no other origin may.
 *
 * @throws KeepsakeError `ERROR_CROSS_SITE`
 */
export function requireSameOrigin(request: FastifyRequest, config: SiteConfig): void {
  const site = getSiteOrigin(request, config)
  const { origin, 'sec-fetch-site': fetchSite } = request.headers
  const isReading = request.method === 'GET' || request.method === 'HEAD'
  const isOwn =
    (origin === undefined || origin === site) &&
    (fetchSite === undefined || fetchSite === 'same-origin' || (isReading && fetchSite === 'none'))
  if (!isOwn) throw new KeepsakeError('ERROR_CROSS_SITE', 'This call did not come from a page of this website.')
  if (isReading) return
  if (origin === undefined && fetchSite === undefined)
    throw new KeepsakeError('ERROR_CROSS_SITE', `The call does not say where it comes from: expected the header Origin: ${site}.`)
  if (request.headers[csrfHeader] === undefined)
    throw new KeepsakeError('ERROR_CROSS_SITE', 'Calls that change something need the header X-Keepsake-CSRF: 1.')
}
