import type { CID } from 'multiformats/cid'
import { KeepsakeError } from '../errors.ts'
import { parseCid } from '../uploads/cid-spelling.ts'

/** What a user asks to have kept, checked. */
export interface WantedPin {
  /** As it was written. */
  cid: string
  root: CID
  name: string | null
  origins: string[]
  meta: Record<string, string>
}

export const maxNameLength = 255
const maxOrigins = 20
const maxOriginLength = 1024
const maxMetaKeys = 1000
/** Of the keys and values together. */
const maxMetaLength = 64 * 1024
/** Codec of CIDs that name a key, which is what IPNS resolves; no block lies below one. */
const libp2pKey = 0x72

function refuse(what: string): KeepsakeError {
  return new KeepsakeError('BAD_REQUEST', `invalid pin: ${what}`)
}

/** PostgreSQL takes no NUL. */
function checkText(what: string, text: string): string {
  if (text.includes('\0')) throw refuse(`${what} holds a NUL character`)
  return text
}

function parseRoot(cid: unknown): { cid: string; root: CID } {
  if (typeof cid !== 'string' || cid === '') throw refuse('cid is required')
  const root = parseCid(cid)
  if (root.code === libp2pKey) throw refuse(`${cid} names a key, whose content changes; pin the CID it points to`)
  return { cid, root }
}

function parseName(name: unknown): string | null {
  if (name === undefined || name === null) return null
  if (typeof name !== 'string') throw refuse('expected name to be a string')
  if (name.length > maxNameLength) throw refuse(`name is too long: at most ${maxNameLength} characters, got ${name.length}`)
  return checkText('name', name)
}

function parseOrigins(origins: unknown): string[] {
  if (origins === undefined || origins === null) return []
  if (!Array.isArray(origins)) throw refuse('expected origins to be an array of multiaddrs')
  if (origins.length > maxOrigins) throw refuse(`at most ${maxOrigins} origins, got ${origins.length}`)
  for (const origin of origins) {
    if (typeof origin !== 'string' || !/^\/[!-~]+$/.test(origin) || origin.length > maxOriginLength)
      throw refuse(`expected origins to be multiaddrs, as /ip4/…/tcp/4001/p2p/…, got ${JSON.stringify(origin).slice(0, 200)}`)
  }
  return [...new Set(origins as string[])]
}

/** A JSON object of strings. @throws KeepsakeError `BAD_REQUEST` */
export function parseMeta(meta: unknown): Record<string, string> {
  if (meta === undefined || meta === null) return {}
  if (typeof meta !== 'object' || Array.isArray(meta)) throw refuse('expected meta to be an object')
  const entries = Object.entries(meta)
  if (entries.length > maxMetaKeys) throw refuse(`at most ${maxMetaKeys} keys in meta, got ${entries.length}`)
  let length = 0
  for (const [key, value] of entries) {
    if (typeof value !== 'string') throw refuse(`expected the values of meta to be strings, got another one at "${key}"`)
    length += checkText('meta', key).length + checkText('meta', value).length
  }
  if (length > maxMetaLength) throw refuse(`meta is too long: at most ${maxMetaLength} characters, got ${length}`)
  return meta as Record<string, string>
}

/**
 * Reads the body of a request to pin.
 *
 * @throws KeepsakeError `BAD_REQUEST`, `ERROR_INVALID_CID`
 */
export function parsePin(body: unknown): WantedPin {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw refuse('expected a JSON object with cid')
  const { cid, name, origins, meta } = body as Record<string, unknown>
  return { ...parseRoot(cid), name: parseName(name), origins: parseOrigins(origins), meta: parseMeta(meta) }
}
