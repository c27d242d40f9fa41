import { ClientError } from './errors.ts'

/** How a server is reached, and as whom. */
export interface Connection {
  /** `https://example.org`, without `/api` and without a slash at the end (see `normalEndpoint`). */
  endpoint: string
  key?: string | undefined
  /** Attempts of a request in all; 5 when left out. */
  maxAttempts?: number | undefined
  /** Told before each wait for another attempt. */
  onRetry?: ((retry: Retry) => void) | undefined
}

export interface Retry {
  reason: string
  waitMs: number
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'DELETE' | 'PATCH' | undefined
  headers?: Record<string, string> | undefined
  /** Makes the body anew for each attempt, `sizeBytes` in all. */
  body?: { sizeBytes: number; open(): AsyncIterable<Uint8Array> } | undefined
  signal?: AbortSignal | undefined
}

const firstWaitMs = 500
const longestWaitMs = 15_000
const defaultAttempts = 5

/** The address of a server as people write it, brought into one form. @throws ClientError `UNEXPECTED_ANSWER` for what is none */
export function normalEndpoint(text: string): string {
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw new ClientError('UNREACHABLE', `"${text}" is not an address; expected something like https://example.org.`, { cause })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ClientError('UNREACHABLE', `"${text}" begins with ${url.protocol}//; expected http:// or https://.`)
  }
  return url.origin + url.pathname.replace(/\/+$/, '').replace(/\/api$/, '')
}

/**
 * Sends a request; tries again, waiting longer each time, where the network, an overload (429) or the server (5xx) was in the way. Every
 * request of this package may be repeated without harm.
 *
 * @throws ClientError `UNREACHABLE`, `REFUSED`; whatever `body` throws passes through
 */
export async function request(connection: Connection, path: string, options: RequestOptions = {}): Promise<Response> {
  const { maxAttempts = defaultAttempts, onRetry } = connection
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptOnce(connection, path, options)
    if (outcome instanceof Response) return outcome
    options.signal?.throwIfAborted()
    if (!outcome.mayPass || attempt >= maxAttempts) throw outcome.error
    const waitMs = outcome.waitMs ?? backOff(attempt)
    onRetry?.({ reason: outcome.error.message, waitMs })
    await pause(waitMs, options.signal)
  }
}

interface Failed {
  error: Error
  mayPass: boolean
  /** How long the server asked to wait. */
  waitMs?: number | undefined
}

async function attemptOnce(connection: Connection, path: string, options: RequestOptions): Promise<Response | Failed> {
  const { method = 'GET', headers, body, signal } = options
  const bytes = body && bodyStream(body.open())
  try {
    const response = await fetch(connection.endpoint + path, {
      method,
      headers: {
        ...(connection.key && { authorization: `Bearer ${connection.key}` }),
        ...(body && { 'content-length': String(body.sizeBytes) }),
        ...headers,
      },
      // Were a redirect possible, fetch would keep all of the body to send it once more; with these two it does not.
      ...(bytes && { body: bytes.stream, duplex: 'half', redirect: 'error', window: null }),
      ...(signal && { signal }),
    } as RequestInit)
    if (bytes) bytes.isAnswered = true
    if (response.ok) return response
    return await refusal(response)
  } catch (cause) {
    signal?.throwIfAborted()
    // The fault of who makes the body is not the network's: trying again would not help.
    if (bytes?.failure) throw bytes.failure.error
    return { error: unreachable(connection, cause), mayPass: !isHopeless(cause) }
  }
}

/** A body as `fetch` takes it. It tells of a body that could not be made in its own words only, so the reason is remembered. */
function bodyStream(source: AsyncIterable<Uint8Array>) {
  const chunks = source[Symbol.asyncIterator]()
  const body: { failure: { error: unknown } | undefined; isAnswered: boolean; stream: ReadableStream<Uint8Array> } = {
    failure: undefined,
    // Whoever has answered wants no more of it; fetch would go on asking for it all the same.
    isAnswered: false,
    stream: new ReadableStream({
      async pull(controller) {
        if (body.isAnswered) {
          await chunks.return?.()
          return controller.error(new Error('The request has been answered.'))
        }
        try {
          const { done, value } = await chunks.next()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          body.failure = { error }
          throw error
        }
      },
      async cancel() {
        await chunks.return?.()
      },
    }),
  }
  return body
}

function codeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  const inner = cause instanceof AggregateError ? cause.errors[0] : cause
  return (inner as { code?: string } | undefined)?.code ?? ''
}

/** A name that does not exist and a certificate that is wrong will be so in a minute, too; a server that is not there may be starting. */
function isHopeless(error: unknown): boolean {
  return /^(ENOTFOUND|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_INVALID)/.test(codeOf(error))
}

function unreachable({ endpoint }: Connection, cause: unknown): ClientError {
  const code = codeOf(cause)
  const inner = (cause as { cause?: unknown }).cause
  const detail = inner instanceof Error && inner.message ? inner.message : cause instanceof Error ? cause.message : String(cause)
  const told: Record<string, string> = {
    ECONNREFUSED: `No server answers at ${endpoint}.`,
    ENOTFOUND: `There is no host ${new URL(endpoint).hostname}.`,
    ECONNRESET: `The connection to ${endpoint} broke.`,
    UND_ERR_SOCKET: `The connection to ${endpoint} broke.`,
    EPIPE: `The connection to ${endpoint} broke.`,
    UND_ERR_CONNECT_TIMEOUT: `No server answers at ${endpoint} (timed out).`,
    UND_ERR_HEADERS_TIMEOUT: `${endpoint} took too long to answer.`,
  }
  return new ClientError('UNREACHABLE', told[code] ?? `${endpoint} cannot be reached: ${detail}`, { cause })
}

/** 507 is a full disk, 501 a call that does not exist there, and damaged content stays damaged. */
function isPassing(status: number, apiCode: string | undefined): boolean {
  return (status === 429 || status >= 500) && status !== 501 && status !== 507 && apiCode !== 'ERROR_CONTENT_DAMAGED'
}

async function refusal(response: Response): Promise<Failed> {
  const text = (await response.text().catch(() => '')).slice(0, 10_000)
  const { code, message } = failureIn(text)
  const said = message ?? (text.trim().startsWith('<') ? '' : text.trim().slice(0, 300))
  const error = new ClientError(
    'REFUSED',
    said || `The server answered ${response.status} ${response.statusText}.`.replace(' .', '.'),
    {
      status: response.status,
      ...(code && { apiCode: code }),
    },
  )
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  const waitMs = retryAfter >= 0 ? Math.min(retryAfter * 1000 + 100, 60_000) : undefined
  return { error, mayPass: isPassing(response.status, code), waitMs }
}

/** The native API says `code` and `message`, the Pinning Service API `reason` and `details`. */
function failureIn(text: string): { code?: string; message?: string } {
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> }
    const code = error?.code ?? error?.reason
    const message = error?.message ?? error?.details
    return { ...(typeof code === 'string' && { code }), ...(typeof message === 'string' && { message }) }
  } catch {
    return {}
  }
}

/** Half of it is chance, so that a thousand clients that failed at once do not come back at once. */
function backOff(attempt: number): number {
  const most = Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1))
  return Math.round(most * (0.5 + Math.random() / 2))
}

function pause(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, waitMs)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
