import type { FastifyReply } from 'fastify'
import type { Config } from '../config.ts'
import { KeepsakeError } from '../errors.ts'

/** Counts requests by key in fixed windows, in this process. */
export interface RateLimit {
  /** @throws KeepsakeError `ERROR_RATE_LIMITED` over the limit, with `Retry-After` in seconds on the reply. */
  take(key: string, reply: FastifyReply): void
}

export function rateLimit({ RATE_LIMIT_REQUESTS: limit, RATE_LIMIT_WINDOW_MS: windowMs }: Config): RateLimit {
  let windowEndsAt = 0
  let counts = new Map<string, number>()
  return {
    take(key, reply) {
      if (limit === 0) return
      const now = Date.now()
      if (now >= windowEndsAt) {
        counts = new Map()
        windowEndsAt = now + windowMs
      }
      const count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
      if (count <= limit) return
      reply.header('retry-after', Math.ceil((windowEndsAt - now) / 1000))
      throw new KeepsakeError('ERROR_RATE_LIMITED', 'You are being rate limited')
    },
  }
}
