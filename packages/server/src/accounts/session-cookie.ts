import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'

/** `session`: who is signed in. `browser`: which browser asked for a link or a challenge. */
export type CookieKind = 'session' | 'browser'

type CookieConfig = Pick<Config, 'PUBLIC_URL'>

/** Over https the prefix makes browsers refuse such a cookie from any other host, subdomains of content included. (RFC 6265bis, 4.1.3.2.) */
function nameOf(kind: CookieKind, { PUBLIC_URL }: CookieConfig): string {
  return `${PUBLIC_URL.startsWith('https:') ? '__Host-' : ''}keepsake-${kind}`
}

/**
 * The value of a cookie; undefined where there is none, and where there are two: without the prefix, content on a subdomain could
 * have put its own in front.
 */
export function readCookie(request: FastifyRequest, kind: CookieKind, config: CookieConfig): string | undefined {
  const name = nameOf(kind, config)
  const values = (request.headers.cookie ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=')
    return at >= 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : []
  })
  return values.length === 1 && values[0] !== '' ? values[0] : undefined
}

/** @param value base64url, so that it needs no quoting */
export function writeCookie(reply: FastifyReply, kind: CookieKind, value: string, maxAgeMs: number, config: CookieConfig): void {
  const secure = config.PUBLIC_URL.startsWith('https:') ? '; Secure' : ''
  const maxAge = Math.floor(maxAgeMs / 1000)
  reply.header('set-cookie', `${nameOf(kind, config)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`)
}

export function clearCookie(reply: FastifyReply, kind: CookieKind, config: CookieConfig): void {
  writeCookie(reply, kind, '', 0, config)
}

/** How tokens are kept: reading the database gives nobody a session. */
export function sha256(text: string | Uint8Array): Uint8Array {
  return createHash('sha256').update(text).digest()
}
