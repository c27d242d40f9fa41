import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect } from 'kysely'
import { Pool, types } from 'pg'
import { KeepsakeError } from '../errors.ts'
import type { DatabaseLogger } from './logger.ts'
import { PreparingClient } from './prepared.ts'
import type { Schema } from './schema.ts'

/** Typed SQL and the pool below it, which graphile-worker shares. Both are ended by `close`. */
export interface Database {
  kysely: Kysely<Schema>
  pool: Pool
  close(): Promise<void>
}

/** What runs SQL: the database itself, or a transaction of it. */
export type Db = Pick<Database, 'kysely'>

export interface DatabaseOptions {
  url: string
  /** Connections this process may hold at once; 20 when not given. */
  maxConnections?: number | undefined
  /** How long to wait for a server that is not there yet; 15,000 when not given. */
  waitTimeoutMs?: number | undefined
  logger?: DatabaseLogger | undefined
}

const oldestVersion = 15
const closeTimeoutMs = 5000

/** Object ids of types, from PostgreSQL's catalog `pg_type`. */
const int8 = 20
const int8Array = 1016

function safeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value))
    throw new RangeError(`The database holds ${text}, which JavaScript's number cannot represent.`)
  return value
}

/**
 * Values as JavaScript sees them: `int8` a number (a `RangeError` beyond 2^53 - 1), `timestamptz` a Date (milliseconds), `bytea` a Buffer,
 * `jsonb` its value. `numeric`, which `sum(int8)` gives, stays a string: cast it to `int8` in SQL.
 */
const typeParsers: { getTypeParser: typeof types.getTypeParser } = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === int8 && format !== 'binary') return safeInteger
    const parse = types.getTypeParser(oid, format as 'text')
    if (oid === int8Array && format !== 'binary') {
      return (text: string) => (parse(text) as (string | null)[]).map((item) => (item === null ? null : safeInteger(item)))
    }
    return parse
  },
}

/** Errors that pass when a server is about to be there: refused, name not known yet, starting up. */
const passingCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', '57P03'])

function codeOf(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error
  return (inner as { code?: string } | undefined)?.code ?? ''
}

/** Host and database of a URL without its user and password, for messages. */
function placeOf(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url)
    return `${hostname}${port && `:${port}`}${pathname}`
  } catch {
    return 'the given address'
  }
}

async function checkServer(pool: Pool, { url, waitTimeoutMs = 15_000, logger }: DatabaseOptions): Promise<void> {
  const end = Date.now() + waitTimeoutMs
  for (let waiting = false; ; waiting = true) {
    try {
      const { rows } = await pool.query<{ version: number; encoding: string }>(
        `SELECT current_setting('server_version_num')::int / 10000 AS version, current_setting('server_encoding') AS encoding`,
      )
      const { version, encoding } = rows[0]!
      if (version < oldestVersion)
        throw new KeepsakeError(
          'ERROR_UNAVAILABLE',
          `Keepsake needs PostgreSQL ${oldestVersion} or newer; ${placeOf(url)} is ${version}.`,
        )
      if (encoding !== 'UTF8')
        throw new KeepsakeError(
          'ERROR_UNAVAILABLE',
          `Keepsake needs a database with encoding UTF8; ${placeOf(url)} has ${encoding}.`,
        )
      return
    } catch (error) {
      if (error instanceof KeepsakeError) throw error
      if (!passingCodes.has(codeOf(error)) || Date.now() > end) {
        const reason = codeOf(error) || 'no answer'
        const detail = error instanceof Error && error.message ? error.message : reason
        throw new KeepsakeError('ERROR_UNAVAILABLE', `PostgreSQL at ${placeOf(url)} cannot be used: ${detail}`, { cause: error })
      }
      if (!waiting) logger?.info({ database: placeOf(url), reason: codeOf(error) }, 'waiting for PostgreSQL')
      await sleep(250)
    }
  }
}

/**
 * Connects to PostgreSQL. Waits a while for a server that is starting; throws `ERROR_UNAVAILABLE` when there is none,
 * it refuses, or it is too old.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, maxConnections = 20, logger } = options
  const pool = new Pool({
    Client: PreparingClient,
    connectionString: url,
    application_name: 'keepsake',
    max: maxConnections,
    types: typeParsers,
    keepAlive: true,
    connectionTimeoutMillis: 30_000,
  })
  const ends = new Set<Promise<void>>()
  pool.on('connect', (client) => {
    const end = new Promise<void>((done) => client.once('end', () => done())).then(() => void ends.delete(end))
    ends.add(end)
    // Heard here even while somebody holds the connection between two queries: unheard, a break would end the process.
    client.on('error', (error: Error) => {
      if (!pool.ending) logger?.warn({ reason: error.message, code: codeOf(error) }, 'a connection to PostgreSQL broke')
    })
  })
  // The pool repeats what its idle connections already reported.
  pool.on('error', () => undefined)
  try {
    await checkServer(pool, options)
  } catch (error) {
    await pool.end()
    throw error
  }
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
  const close = async () => {
    await kysely.destroy()
    // Kysely only knows the pool once it has run a query.
    if (!pool.ending) await pool.end()
    // The pool only says goodbye; PostgreSQL may be stopped, or the database dropped, right after this.
    await Promise.race([Promise.all(ends), sleep(closeTimeoutMs, undefined, { ref: false })])
  }
  return { kysely, pool, close }
}
