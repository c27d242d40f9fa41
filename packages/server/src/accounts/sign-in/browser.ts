import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config.ts'
import { readCookie, sha256, writeCookie } from '../session-cookie.ts'

/** Longer than any link or challenge lives. */
const maxAgeMs = 60 * 60_000

type Components = { config: Config }

/** The hash of the cookie by which a browser is known again when a link is opened or a challenge answered. */
export function findBrowser({ config }: Components, request: FastifyRequest): Uint8Array | undefined {
  const value = readCookie(request, 'browser', config)
  return value === undefined ? undefined : sha256(value)
}

/** The same, with the cookie made where there is none. One that is there stays, so that an earlier link is still known. */
export function markBrowser({ config }: Components, request: FastifyRequest, reply: FastifyReply): Uint8Array {
  const value = readCookie(request, 'browser', config) ?? randomBytes(32).toString('base64url')
  writeCookie(reply, 'browser', value, maxAgeMs, config)
  return sha256(value)
}
