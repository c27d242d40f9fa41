import { CallFailure } from './failure.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface CallOptions {
  /** Sent as JSON. */
  body?: unknown
  signal?: AbortSignal
}

interface Envelope {
  ok?: boolean
  value?: unknown
  /** `reason` and `details` in the Pinning Service API. */
  error?: { code?: string; message?: string; reason?: string; details?: string }
}

/** What every call that changes something carries; forms of other sites cannot send it. The server asks for it. */
export const csrfHeaders = { 'x-keepsake-csrf': '1' } as const

/**
 * Calls the API (`/api/…`) or the account API (`/account/…`) as whoever is signed in at this browser, and gives the `value` of the answer.
 *
 * @throws CallFailure with a sentence that can be shown; whatever `signal` was aborted with
 */
export async function call<T = unknown>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
  return (await callWhole<{ value: T }>(method, path, options)).value
}

/** The same, with the whole answer: some calls put more beside `value`, or something else in its place. */
export async function callWhole<T>(method: Method, path: string, { body, signal }: CallOptions = {}): Promise<T> {
  const response = await send(path, {
    method,
    headers: { ...(method !== 'GET' && csrfHeaders), ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  })
  const answer = await readEnvelope(response)
  if (!response.ok || answer.ok === false) throw failureOf(response, answer)
  return answer as T
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { credentials: 'same-origin', ...init })
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new CallFailure('UNREACHABLE', 0, 'The server could not be reached. Check your connection and try again.', {
      cause: error,
    })
  }
}

async function readEnvelope(response: Response): Promise<Envelope> {
  const text = await response.text()
  // Accepted, and nothing to say.
  if (text === '' && response.ok) return {}
  try {
    return JSON.parse(text) as Envelope
  } catch {
    if (response.ok) throw new CallFailure('UNREADABLE', response.status, 'The server gave an answer this page cannot read.')
    return {}
  }
}

/** The failure an answer tells of. */
export function failureOf(response: Pick<Response, 'status'>, { error }: Envelope): CallFailure {
  // The API tells programs to send a key; these pages send none.
  const code = error?.code ?? error?.reason
  if (code === 'EXPECTED_BEARER_STRING' || code === 'ERROR_NOT_SIGNED_IN' || code === 'UNAUTHORIZED')
    return new CallFailure('ERROR_NOT_SIGNED_IN', response.status, 'You are not signed in any more.')
  const fallback =
    response.status >= 500
      ? 'The server has a problem of its own. Try again in a moment.'
      : `The server refused this (status ${response.status}).`
  return new CallFailure(code ?? 'UNREADABLE', response.status, error?.message ?? error?.details ?? fallback)
}
