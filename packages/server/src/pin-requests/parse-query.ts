import type { RemotePinQuery } from '@keepsake/api/pinning.ts'
import type { PinStatus } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import { parseCid } from '../uploads/cid-spelling.ts'
import { maxNameLength, parseMeta } from './parse-pin.ts'

export type TextMatch = 'exact' | 'iexact' | 'partial' | 'ipartial'

/** Which requests are listed. */
export interface PinFilter {
  /** CIDv1 in binary; any of them. */
  roots?: Uint8Array[] | undefined
  name?: { text: string; match: TextMatch } | undefined
  statuses: PinStatus[]
  /** Strictly earlier, strictly later. */
  before?: Date | undefined
  after?: Date | undefined
  meta?: Record<string, string> | undefined
  limit: number
}

const defaultLimit = 10
const maxLimit = 1000
const maxCids = 10
const statuses: readonly PinStatus[] = ['queued', 'pinning', 'pinned', 'failed']
const matches: readonly TextMatch[] = ['exact', 'iexact', 'partial', 'ipartial']
/** RFC 3339 date-time with zone. */
const dateTimePattern = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

function refuse(what: string): KeepsakeError {
  return new KeepsakeError('BAD_REQUEST', `invalid params: ${what}`)
}

/** Values of a list: comma-separated, or the parameter several times. */
function listOf(value: unknown): string[] {
  const texts = Array.isArray(value) ? value : [value]
  return texts
    .flatMap((text) => (typeof text === 'string' ? text.split(',') : []))
    .map((text) => text.trim())
    .filter(Boolean)
}

/** The first where one came several times; nothing where it is empty. */
function single(value: unknown): string | undefined {
  const first = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' && first !== '' ? first : undefined
}

function parseCids(value: unknown): Uint8Array[] | undefined {
  const cids = listOf(value)
  if (cids.length > maxCids) throw refuse(`at most ${maxCids} CIDs, got ${cids.length}`)
  return cids.length === 0 ? undefined : cids.map((cid) => parseCid(cid).toV1().bytes)
}

function parseStatuses(value: unknown): PinStatus[] {
  const wanted = listOf(value)
  const unknown = wanted.find((status) => !(statuses as readonly string[]).includes(status))
  if (unknown !== undefined) throw refuse(`expected status to be of ${statuses.join(', ')}, got "${unknown}"`)
  return wanted.length === 0 ? ['pinned'] : (wanted as PinStatus[])
}

function parseName(name: string | undefined, match: string | undefined): PinFilter['name'] {
  const strategy = matches.find((known) => known === (match ?? 'exact'))
  if (!strategy) throw refuse(`expected match to be one of ${matches.join(', ')}, got "${match}"`)
  if (name === undefined) return undefined
  if (name.length > maxNameLength) throw refuse(`name is too long: at most ${maxNameLength} characters, got ${name.length}`)
  if (name.includes('\0')) throw refuse('name holds a NUL character')
  return { text: name, match: strategy }
}

function parseInstant(what: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  // In a query an unescaped `+` of a zone arrives as a space; nothing else can be meant by it.
  const repaired = text.replace(/ (\d{2}:\d{2})$/, '+$1')
  const date = new Date(repaired)
  if (!dateTimePattern.test(repaired) || Number.isNaN(date.getTime()))
    throw refuse(`expected ${what} to be an RFC 3339 date-time with a zone, got "${text}"`)
  return date
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return defaultLimit
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1 || limit > maxLimit)
    throw refuse(`expected limit to be a whole number from 1 to ${maxLimit}, got "${text}"`)
  return limit
}

function parseMetaFilter(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined
  let meta: unknown
  try {
    meta = JSON.parse(text)
  } catch (cause) {
    throw new KeepsakeError('BAD_REQUEST', 'invalid params: meta is not JSON', { cause })
  }
  return parseMeta(meta)
}

/** Reads the query of a list. @throws KeepsakeError `BAD_REQUEST`, `ERROR_INVALID_CID` */
export function parsePinQuery(query: RemotePinQuery): PinFilter {
  return {
    roots: parseCids(query.cid),
    name: parseName(single(query.name), single(query.match)),
    statuses: parseStatuses(query.status),
    before: parseInstant('before', single(query.before)),
    after: parseInstant('after', single(query.after)),
    meta: parseMetaFilter(single(query.meta)),
    limit: parseLimit(single(query.limit)),
  }
}
