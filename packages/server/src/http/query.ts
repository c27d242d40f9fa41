import { KeepsakeError } from '../errors.ts'

/** What every list takes at most, and how many it gives where nobody says. */
const maxLimit = 1000
const defaultLimit = 10
/** RFC 3339 date-time with zone; a plain date or a number is ambiguous and refused. */
const dateTimePattern = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

export function invalidParams(what: string): KeepsakeError {
  return new KeepsakeError('BAD_REQUEST', `invalid params: ${what}`)
}

/** The first value of a parameter that came several times; an empty one is none. */
export function single(value: unknown): string | undefined {
  const first = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' && first !== '' ? first : undefined
}

/** How many entries a page has. @throws KeepsakeError `BAD_REQUEST` */
export function parseLimit(text: string | undefined): number {
  if (text === undefined) return defaultLimit
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1 || limit > maxLimit)
    throw invalidParams(`expected limit to be a whole number from 1 to ${maxLimit}, got "${text}"`)
  return limit
}

/** An instant, by the name of its parameter. @throws KeepsakeError `BAD_REQUEST` */
export function parseInstant(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  // In a query an unescaped `+` of a zone arrives as a space; nothing else can be meant by it.
  const repaired = text.replace(/ (\d{2}:\d{2})$/, '+$1')
  const date = new Date(repaired)
  if (!dateTimePattern.test(repaired) || Number.isNaN(date.getTime()))
    throw invalidParams(`expected ${name} to be an RFC 3339 date-time with a zone, got "${text}"`)
  return date
}
