import { BackendError } from '../backend.ts'

const reasons: Record<string, string> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  ENOTFOUND: 'is not a known host',
  EAI_AGAIN: 'cannot be looked up',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
}

/** The network did not carry a call. */
export function unavailable(error: unknown, url: URL): BackendError {
  if (error instanceof BackendError) return error
  const inner = error instanceof AggregateError ? error.errors[0] : error
  const { code = '', message } = inner as NodeJS.ErrnoException
  return new BackendError('unavailable', `${url.host} ${reasons[code] ?? `cannot be used: ${code || message}`}`, { cause: error })
}

/** Longest message of a backend that is kept. */
const maxMessageLength = 500

/** On one line, and not too long. */
export function clip(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > maxMessageLength ? `${line.slice(0, maxMessageLength)}…` : line
}
