import { RefusedAddressError } from '../network/addresses.ts'
import type { GuardedHttp } from '../network/guarded-get.ts'
import { RetrievalFailure } from './retrievals.ts'

/** What a fetch took. */
export interface Measured {
  /** From the request to the first byte of the body; null where none came. */
  firstByteMs: number | null
  durationMs: number
  bytes: number
}

export interface FetchLimits {
  /** Without a byte for so long the provider is given up. */
  idleMs: number
  /** However it comes, after so long it is given up. */
  totalMs: number
}

interface Request {
  url: URL
  headers: Record<string, string>
  /** A body longer than this is not what was asked for. */
  maxBytes: number
  /** The only status that is right. */
  status: 200 | 206
}

/**
 * Gets something from a provider as a stream, and measures how it comes. `measured` is written to while the stream is read.
 *
 * The stream throws RetrievalFailure; so does the call.
 */
export async function* measuredGet(
  http: GuardedHttp,
  { url, headers, maxBytes, status }: Request,
  limits: FetchLimits,
  measured: Measured,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const startedAt = performance.now()
  const elapsed = () => Math.round(performance.now() - startedAt)
  const giveUp = new AbortController()
  const idle = setTimeout(
    () => giveUp.abort(new RetrievalFailure('timeout', `Nothing came for ${limits.idleMs / 1000} seconds.`)),
    limits.idleMs,
  )
  const total = setTimeout(
    () => giveUp.abort(new RetrievalFailure('slow', `It was not over after ${limits.totalMs / 1000} seconds.`)),
    limits.totalMs,
  )
  try {
    const response = await http.open(url, { headers, signal: signal ? AbortSignal.any([signal, giveUp.signal]) : giveUp.signal })
    if (response.statusCode !== status) {
      response.destroy()
      throw wrongStatus(response.statusCode ?? 0, status)
    }
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      idle.refresh()
      measured.firstByteMs ??= elapsed()
      measured.bytes += chunk.length
      if (measured.bytes > maxBytes) throw new RetrievalFailure('wrong-bytes', `More than ${maxBytes} bytes came.`)
      yield chunk
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw giveUp.signal.aborted ? giveUp.signal.reason : asFailure(error)
  } finally {
    clearTimeout(idle)
    clearTimeout(total)
    measured.durationMs = elapsed()
    // Whoever had enough of the body ends the connection.
    giveUp.abort()
  }
}

function wrongStatus(status: number, wanted: number): RetrievalFailure {
  if (status === 404 || status === 410) return new RetrievalFailure('not-found', `It answered ${status}.`)
  return new RetrievalFailure('refused', `It answered ${status} instead of ${wanted}.`)
}

function asFailure(error: unknown): RetrievalFailure {
  if (error instanceof RetrievalFailure) return error
  const { message, code } = error as NodeJS.ErrnoException
  if (error instanceof RefusedAddressError) return new RetrievalFailure('not-allowed', message, { cause: error })
  const isCut = code === 'ECONNRESET' || message === 'aborted'
  return new RetrievalFailure(isCut ? 'incomplete' : 'unreachable', isCut ? 'The connection broke.' : message, { cause: error })
}

/** All of it in memory. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}
