import type { IncomingMessage, RequestOptions } from 'node:http'
import { Agent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BackendError } from '../backend.ts'
import { unavailable } from './failure.ts'
import { refusal } from './refusal.ts'
import type { Reply } from './reply.ts'
import { replyOf } from './reply.ts'

/** One HTTP call to a backend. */
export interface Call {
  method: string
  url: URL
  headers?: Record<string, string> | undefined
  body?: string | AsyncIterable<Uint8Array> | undefined
  signal?: AbortSignal | undefined
  /** Statuses beside 2xx that are an answer, not a failure. */
  accept?: readonly number[] | undefined
}

/** Makes calls to one backend, over connections that are kept. */
export interface Caller extends Disposable {
  (call: Call): Promise<Reply>
}

export interface CallerOptions {
  headers?: Record<string, string> | undefined
  /** A call on whose connection nothing moves for this long, in neither direction, is ended. */
  idleTimeoutMs: number
}

const maxSockets = 16

/**
 * Calls by `node:http`, because a backend may answer 200 and say in a trailer that it failed: `fetch` cannot see trailers.
 *
 * Every call throws `BackendError`: `unavailable` for what the network, the credentials or the whole service are the reason of (also 401, 403, 408, 429
 * and 5xx), `refused` for any other status. The caller reads the reply to its end.
 */
export function caller({ headers: always = {}, idleTimeoutMs }: CallerOptions): Caller {
  const options = { keepAlive: true, maxSockets }
  const agents = { 'http:': new Agent(options), 'https:': new HttpsAgent(options) }
  const one = async (call: Call): Promise<Reply> => {
    const isStream = call.body !== undefined && typeof call.body !== 'string'
    // A kept connection may be one that the other side is just closing; bytes that cannot be sent twice get a new one.
    const agent = isStream ? false : agents[call.url.protocol as keyof typeof agents]
    const message = await exchange({ ...call, headers: { ...always, ...call.headers } }, { agent }, idleTimeoutMs)
    const reply = replyOf(message, call.url)
    const status = message.statusCode ?? 0
    if ((status >= 200 && status < 300) || call.accept?.includes(status)) return reply
    try {
      throw await refusal(reply, call.url)
    } finally {
      // Whatever is still being sent is not wanted.
      if (isStream) message.destroy()
    }
  }
  const call = async (call: Call): Promise<Reply> => {
    try {
      return await one(call)
    } catch (error) {
      const isStale = error instanceof StaleConnection && (call.body === undefined || typeof call.body === 'string')
      if (!isStale) throw error
      return await one(call)
    }
  }
  return Object.assign(call, {
    [Symbol.dispose]() {
      agents['http:'].destroy()
      agents['https:'].destroy()
    },
  })
}

/** A kept connection was closed by the other side before it answered. */
class StaleConnection extends BackendError {}

async function exchange(call: Call, options: RequestOptions, idleTimeoutMs: number): Promise<IncomingMessage> {
  call.signal?.throwIfAborted()
  const { promise: answered, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { hostname, port, pathname, search } = call.url
  const send = call.url.protocol === 'https:' ? httpsRequest : httpRequest
  const request = send({
    ...options,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port,
    path: `${pathname}${search}`,
    method: call.method,
    headers: {
      'user-agent': 'keepsake',
      ...(typeof call.body === 'string' && { 'content-length': String(Buffer.byteLength(call.body)) }),
      ...call.headers,
    },
    ...(call.signal && { signal: call.signal }),
  })
  request.setTimeout(idleTimeoutMs, () =>
    request.destroy(new BackendError('unavailable', `${call.url.host} was silent for ${Math.round(idleTimeoutMs / 1000)} s`)),
  )
  request.once('response', resolve)
  request.on('error', (error: NodeJS.ErrnoException) => {
    const isStale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
    reject(
      call.signal?.aborted
        ? call.signal.reason
        : isStale
          ? new StaleConnection('unavailable', `${call.url.host} closed the connection`)
          : unavailable(error, call.url),
    )
  })
  if (call.body === undefined || typeof call.body === 'string') {
    request.end(call.body)
    return await answered
  }
  // What fails while the body is made fails the call with that, not with the broken connection that follows.
  let bodyError: unknown
  const body = watched(call.body, (error) => {
    bodyError = error
  })
  void pipeline(Readable.from(body), request).catch(() => {})
  try {
    return await answered
  } catch (error) {
    throw bodyError ?? error
  }
}

/** The same bytes; an error on the way is told before it is thrown. */
async function* watched(bytes: AsyncIterable<Uint8Array>, onError: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes
  } catch (error) {
    onError(error)
    throw error
  }
}
