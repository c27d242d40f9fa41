import type { AbortOptions } from '@keepsake/content/block.ts'
import { findCid } from '@keepsake/content/hash/cid-text.ts'
import type { CID } from 'multiformats/cid'
import type { NameResolver } from '../../network/network.ts'
import { segmentsOf } from '../content-path.ts'
import { GatewayError } from '../errors.ts'
import type { DnsLinks } from './dnslink.ts'
import { type CheckedRecord, checkRecord } from './ipns-record.ts'
import { type Name, nameInPath, parseName } from './name.ts'

/** Where a name leads at this moment. */
export interface ResolvedName {
  root: CID
  /** Below the root, as the name says. */
  segments: string[]
  /** How long it may be remembered, in seconds. */
  ttlSeconds: number
}

export interface Names {
  /** @throws GatewayError 404, 502, 503, 508 */
  resolve(name: Name, options?: AbortOptions): Promise<ResolvedName>
  /** The signed record of a key. @throws GatewayError */
  record(key: CID, options?: AbortOptions): Promise<CheckedRecord>
}

interface Components {
  records: NameResolver
  links: DnsLinks
}

/** Names that lead to names. */
const maxDepth = 32
/** Names remembered, and for how long at most: what an owner changed is to be seen. */
const maxRemembered = 10_000
const maxRememberedSeconds = 3600
/** A record whose owner says nothing is looked for again after this. */
const defaultTtlSeconds = 60

/** One step: a name leads to a path. */
interface Step {
  path: string
  ttlSeconds: number
}

/** Resolves IPNS names and DNSLinks, and remembers them for as long as their owners say. */
export function openNames({ records, links }: Components): Names {
  const remembered = memory<Step>()
  const rememberedRecords = memory<CheckedRecord>()

  const record = async (key: CID, options?: AbortOptions): Promise<CheckedRecord> => {
    const text = nameInPath({ kind: 'key', key })
    const known = rememberedRecords.find(text)
    if (known) return known
    const bytes = await records.resolveRecord(text, options)
    if (!bytes) throw new GatewayError(502, `Nobody was found who has a valid record of the name ${text}.`)
    const found = await checkRecord(key, bytes)
    rememberedRecords.keep(text, found, ttlOf(found))
    return found
  }

  const step = async (name: Name, options?: AbortOptions): Promise<Step> => {
    if (name.kind === 'key') {
      const found = await record(name.key, options)
      return { path: found.value, ttlSeconds: ttlOf(found) }
    }
    const known = remembered.find(name.domain)
    if (known) return known
    const link = await links(name.domain, options?.signal ?? undefined)
    if (!link)
      throw new GatewayError(
        404,
        `${name.domain} has no DNSLink: there is no TXT record at _dnslink.${name.domain} that says dnslink=/ipfs/….`,
      )
    remembered.keep(name.domain, link, link.ttlSeconds)
    return link
  }

  const resolve = async (first: Name, options?: AbortOptions): Promise<ResolvedName> => {
    let name = first
    let behind: string[] = []
    let ttlSeconds = Number.POSITIVE_INFINITY
    for (let depth = 0; depth < maxDepth; depth++) {
      options?.signal?.throwIfAborted()
      const next = await step(name, options)
      ttlSeconds = Math.min(ttlSeconds, next.ttlSeconds)
      const target = parseTarget(next.path, name)
      behind = [...target.segments, ...behind]
      if ('root' in target) return { root: target.root, segments: behind, ttlSeconds }
      name = target.name
    }
    throw new GatewayError(508, `${nameInPath(first)} leads through more than ${maxDepth} names, or in a circle.`)
  }
  return { resolve, record }
}

/** Never longer than the record itself is valid. */
function ttlOf({ ttlSeconds, expiresAt }: CheckedRecord): number {
  const leftSeconds = Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 1000))
  return Math.min(ttlSeconds > 0 ? ttlSeconds : defaultTtlSeconds, leftSeconds)
}

function parseTarget(path: string, from: Name): { root: CID; segments: string[] } | { name: Name; segments: string[] } {
  const [, namespace, text = '', rest = ''] = /^\/(ipfs|ipns)\/([^/]+)(.*)$/s.exec(path) ?? []
  const wrong = (why: string, cause?: unknown) =>
    new GatewayError(502, `${nameInPath(from)} leads to ${JSON.stringify(path.slice(0, 200))}, ${why}.`, {}, { cause })
  if (namespace === undefined) throw wrong('which is no content path')
  try {
    const segments = segmentsOf(rest)
    if (namespace === 'ipns') return { name: parseName(text), segments }
    const root = findCid(text)
    if (root) return { root, segments }
  } catch (error) {
    throw wrong('which cannot be read', error)
  }
  throw wrong('whose root is not a CID')
}

function memory<T>() {
  const entries = new Map<string, { value: T; until: number }>()
  return {
    find(key: string): T | undefined {
      const entry = entries.get(key)
      if (entry && entry.until > Date.now()) return entry.value
      entries.delete(key)
      return undefined
    },
    keep(key: string, value: T, ttlSeconds: number): void {
      if (entries.size >= maxRemembered) entries.delete(entries.keys().next().value as string)
      entries.set(key, { value, until: Date.now() + Math.min(ttlSeconds, maxRememberedSeconds) * 1000 })
    },
  }
}
