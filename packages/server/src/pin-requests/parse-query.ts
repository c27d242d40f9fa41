import type { RemotePinQuery } from '@keepsake/api/pinning.ts'
import type { PinStatus } from '../database/schema.ts'
import { KeepsakeError } from '../errors.ts'
import { invalidParams, parseInstant, parseLimit, single } from '../http/query.ts'
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

const maxCids = 10
const statuses: readonly PinStatus[] = ['queued', 'pinning', 'pinned', 'failed']
const matches: readonly TextMatch[] = ['exact', 'iexact', 'partial', 'ipartial']
/** Values of a list: comma-separated, or the parameter several times. */
function listOf(value: unknown): string[] {
  const texts = Array.isArray(value) ? value : [value]
  return texts
    .flatMap((text) => (typeof text === 'string' ? text.split(',') : []))
    .map((text) => text.trim())
    .filter(Boolean)
}

function parseCids(value: unknown): Uint8Array[] | undefined {
  const cids = listOf(value)
  if (cids.length > maxCids) throw invalidParams(`at most ${maxCids} CIDs, got ${cids.length}`)
  return cids.length === 0 ? undefined : cids.map((cid) => parseCid(cid).toV1().bytes)
}

function parseStatuses(value: unknown): PinStatus[] {
  const wanted = listOf(value)
  const unknown = wanted.find((status) => !(statuses as readonly string[]).includes(status))
  if (unknown !== undefined) throw invalidParams(`expected status to be of ${statuses.join(', ')}, got "${unknown}"`)
  return wanted.length === 0 ? ['pinned'] : (wanted as PinStatus[])
}

function parseName(name: string | undefined, match: string | undefined): PinFilter['name'] {
  const strategy = matches.find((known) => known === (match ?? 'exact'))
  if (!strategy) throw invalidParams(`expected match to be one of ${matches.join(', ')}, got "${match}"`)
  if (name === undefined) return undefined
  if (name.length > maxNameLength)
    throw invalidParams(`name is too long: at most ${maxNameLength} characters, got ${name.length}`)
  if (name.includes('\0')) throw invalidParams('name holds a NUL character')
  return { text: name, match: strategy }
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
