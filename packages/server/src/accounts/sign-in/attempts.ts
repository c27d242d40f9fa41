import { isIPv6 } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'
import { KeepsakeError } from '../../errors.ts'
import { sha256 } from '../session-cookie.ts'

/** How often something may be tried in a window that begins with the first try. */
export interface AttemptLimit {
  name: string
  max: number
  windowMs: number
}

const quarterHourMs = 15 * 60_000

export const attemptLimits = {
  /** Mails to one address: enough for a person, too few to flood anybody. */
  address: { name: 'address', max: 5, windowMs: quarterHourMs },
  /** Links asked for from one place: an office behind one address has to be able to work. */
  requests: { name: 'requests', max: 30, windowMs: quarterHourMs },
  /** Proofs of every kind from one place. None of them can be guessed; this keeps the work of checking them small. */
  proofs: { name: 'proofs', max: 100, windowMs: quarterHourMs },
} as const satisfies Record<string, AttemptLimit>

/** Counts attempts, over all processes that share the database. */
export interface Attempts {
  /** @throws KeepsakeError `ERROR_RATE_LIMITED` over the limit, with `Retry-After` in seconds on the reply */
  take(limit: AttemptLimit, of: string, reply: FastifyReply): Promise<void>
}

/** So many windows that are used up are remembered here, so that an attack costs the database nothing. */
const maxRemembered = 10_000

export function countAttempts({ database }: { database: Db }): Attempts {
  const usedUp = new Map<string, number>()
  const refuse = (endsAtMs: number, reply: FastifyReply): never => {
    const seconds = Math.max(1, Math.ceil((endsAtMs - Date.now()) / 1000))
    reply.header('retry-after', seconds)
    throw new KeepsakeError('ERROR_RATE_LIMITED', `Too many attempts; try again in ${minutes(seconds)}.`)
  }
  return {
    async take(limit, of, reply) {
      const key = sha256(`${limit.name} ${of}`)
      const name = Buffer.from(key).toString('base64url')
      const knownEnd = usedUp.get(name)
      if (knownEnd !== undefined && knownEnd > Date.now()) refuse(knownEnd, reply)
      usedUp.delete(name)
      const { attempts, endsAt } = await countOne(database, key, limit.windowMs)
      if (attempts <= limit.max) return
      if (usedUp.size >= maxRemembered) usedUp.delete(usedUp.keys().next().value as string)
      usedUp.set(name, endsAt.getTime())
      refuse(endsAt.getTime(), reply)
    },
  }
}

function minutes(seconds: number): string {
  return seconds <= 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`
}

async function countOne({ kysely }: Db, key: Uint8Array, windowMs: number): Promise<{ attempts: number; endsAt: Date }> {
  const ends = new Date(Date.now() + windowMs)
  const { rows } = await sql<{ attempts: number; endsAt: Date }>`
    insert into attempt as known (key, attempts, ends_at) values (${key}, 1, ${ends})
    on conflict (key) do update set
      attempts = case when known.ends_at <= now() then 1 else known.attempts + 1 end,
      ends_at = case when known.ends_at <= now() then excluded.ends_at else known.ends_at end
    returning attempts, ends_at as "endsAt"`.execute(kysely)
  return rows[0]!
}

/** Where a request comes from, as far as attempts are counted: an address, or the network that one household has with IPv6. */
export function placeOf({ ip }: Pick<FastifyRequest, 'ip'>): string {
  const address = ip.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
