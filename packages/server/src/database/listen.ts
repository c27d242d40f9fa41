import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type Pool } from 'pg'
import type { DatabaseLogger } from './logger.ts'

/** Longer than this without an answer means that the other end is gone, though nobody said so. */
const pingMs = 20_000
const goodbyeMs = 1_000
const firstRetryMs = 250
const longestRetryMs = 5_000

export interface ListenOptions {
  /** Where to connect to; none of its connections is used. */
  pool: Pool
  channel: string
  /** A notification came. */
  onNotice: (payload: string) => void
  /** Listening begins, for the first time or again: what was said before was not heard. */
  onListening: () => void
  logger?: DatabaseLogger | undefined
}

/** Listens on a connection of its own until disposed of, also over restarts of the database. */
export function listen(options: ListenOptions): AsyncDisposable {
  const stopping = new AbortController()
  const listening = listenAgain(options, stopping.signal)
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await listening
    },
  }
}

async function listenAgain(options: ListenOptions, stopping: AbortSignal): Promise<void> {
  let retryMs = firstRetryMs
  while (!stopping.aborted) {
    try {
      await listenOnce(options, stopping, () => {
        retryMs = firstRetryMs
        options.onListening()
      })
    } catch (error) {
      options.logger?.info({ reason: (error as Error).message }, 'listening to PostgreSQL ended; beginning again')
    }
    await sleep(retryMs, undefined, { signal: stopping, ref: false }).catch(() => {})
    retryMs = Math.min(retryMs * 2, longestRetryMs)
  }
}

/** Listens on one connection; throws when that breaks, resolves when told to stop. */
async function listenOnce({ pool, channel, onNotice }: ListenOptions, stopping: AbortSignal, onReady: () => void): Promise<void> {
  const client = new Client({
    connectionString: pool.options.connectionString as string,
    application_name: 'keepsake listener',
    connectionTimeoutMillis: 10_000,
    query_timeout: pingMs,
    keepAlive: true,
  })
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  // Nobody may be waiting for it yet.
  ended.catch(() => {})
  client.on('error', reject)
  client.on('end', () => reject(new Error('the connection ended')))
  client.on('notification', ({ payload = '' }) => onNotice(payload))
  const stop = () => resolve()
  stopping.addEventListener('abort', stop)
  const ping = setInterval(() => void client.query('select').catch(reject), pingMs)
  try {
    await client.connect()
    await client.query(`listen ${client.escapeIdentifier(channel)}`)
    onReady()
    await ended
  } finally {
    clearInterval(ping)
    stopping.removeEventListener('abort', stop)
    // A connection whose other end is gone does not answer a goodbye either.
    await Promise.race([client.end().catch(() => {}), sleep(goodbyeMs, undefined, { ref: false })])
  }
}
