import { UsageError } from './failure.ts'

const dayMs = 86_400_000
const unitMs: Record<string, number> = { h: 3_600_000, d: dayMs, w: 7 * dayMs, y: 365 * dayMs }
/** Longer than this is for ever; PostgreSQL and JavaScript both reach further. */
const longestMs = 1000 * 365 * dayMs

/**
 * When a key ends: a time from now (`12h`, `30d`, `8w`, `1y`), or a date (`2027-01-01`, the moment it begins in UTC) or date-time.
 *
 * @throws UsageError for anything else, and for what is not in the future
 */
export function parseExpiry(text: string, now: Date): Date {
  const [, count, unit = ''] = /^(\d+)([hdwy])$/.exec(text) ?? []
  const fromNow = count === undefined ? undefined : Number(count) * unitMs[unit]!
  if (fromNow !== undefined && (fromNow === 0 || fromNow > longestMs))
    throw new UsageError(`"${text}" is not a time a key can live.`)
  const end = fromNow !== undefined ? new Date(now.getTime() + fromNow) : parseDate(text)
  if (!end) throw new UsageError(`"${text}" is not an expiry; expected something like 30d, 12h or 2027-01-01.`)
  if (end <= now) throw new UsageError(`The expiry ${text} is not in the future.`)
  return end
}

/** ISO 8601, so that nobody has to guess which number is the month. A date-time has to say its zone. */
function parseDate(text: string): Date | undefined {
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text)
  if (!isDate && !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text)) return undefined
  const date = new Date(text)
  // JavaScript makes 31 February into 3 March.
  const isReal = !Number.isNaN(date.getTime()) && (!isDate || date.toISOString().startsWith(text))
  return isReal ? date : undefined
}
