import { BackendError } from '../backend.ts'
import { clip } from './failure.ts'
import type { Reply } from './reply.ts'

const maxErrorBytes = 64 * 1024
/** Statuses that say something about the service or our credentials, not about what was asked for. */
const serviceStatuses = new Set([401, 402, 403, 404, 407, 408, 429])

/** Reads the failure a backend answered with. */
export async function refusal(reply: Reply, url: URL): Promise<BackendError> {
  const text = await reply.text(maxErrorBytes).catch(() => '')
  const what = messageIn(text)
  const { status } = reply
  const kind = status >= 500 || serviceStatuses.has(status) ? 'unavailable' : 'refused'
  const hint = status === 401 || status === 403 ? ' (check the credentials)' : ''
  return new BackendError(kind, `${url.host} answered ${status}${hint}${what && `: ${what}`}`, {
    status,
    retryAfterMs: retryAfterOf(reply.headers['retry-after']),
  })
}

/** The message in the error of any of the backends: cluster `{message}`, Kubo `{Message}`, pinning services `{error: {reason, details}}`, Pinata. */
function messageIn(text: string): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return clip(text.startsWith('<') ? '' : text)
  }
  if (typeof value !== 'object' || value === null) return clip(text)
  const { message, Message, error, details } = value as Record<string, unknown>
  const found = message ?? Message ?? error ?? details
  if (typeof found === 'string') return clip(found)
  if (typeof found === 'object' && found !== null) {
    const parts = found as Record<string, unknown>
    return clip([parts.reason, parts.details, parts.message].filter((part) => typeof part === 'string').join(': '))
  }
  return ''
}

const longestWaitMs = 3_600_000

/** Seconds or a date, as HTTP has it; bounded, because it is somebody else's word. */
function retryAfterOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, longestWaitMs) : undefined
}
