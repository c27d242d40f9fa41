import { findCid } from '@keepsake/content/hash/cid-text.ts'
import type { CID } from 'multiformats/cid'
import { GatewayError } from './errors.ts'
import type { Namespace, Origin } from './origin.ts'

/** A path to content: a root, and names below it. */
export interface ContentPath {
  namespace: Namespace
  /** The root as written in the URL, a CID or a name. */
  rootText: string
  /** What the CID or the name stands for. */
  root: CID
  /** Of a name: the roots it led through before, as CIDs. */
  rootsBefore: readonly string[]
  /** Of a name: how long what it leads to may be remembered. Undefined where the root never changes. */
  ttlSeconds: number | undefined
  segments: string[]
  /** A slash at the end: the directory, not a redirect to it. */
  trailingSlash: boolean
  /** Everything behind the root as it stood in the URL, from its slash on, without query: for redirects. */
  rest: string
}

/** A content path as it is written. */
export interface WrittenPath {
  namespace: Namespace
  rootText: string
  rest: string
}

/** Splits `/ipfs/<root>/<rest>` and `/ipns/<name>/<rest>`; the path may still be `%`-escaped. Throws 400 for what is not a content path. */
export function splitPath(path: string): WrittenPath {
  const [, namespace, rootText = '', rest = ''] = /^\/(ipfs|ipns)(?:\/([^/]*)(.*))?$/s.exec(path) ?? []
  if (namespace === undefined) throw new GatewayError(400, `invalid path "${path}": it is not below /ipfs/ or /ipns/`)
  if (rootText === '')
    throw new GatewayError(400, `invalid path "${path}": a ${namespace === 'ipfs' ? 'CID' : 'name'} has to follow /${namespace}/`)
  return { namespace: namespace as Namespace, rootText, rest }
}

/** A content path whose root came apart from the rest, as in the host of a subdomain. Throws 400 where the root is not a CID. */
export function contentPathOf(rootText: string, rest: string, shown: string): ContentPath {
  const root = findCid(rootText)
  if (!root) throw new GatewayError(400, `invalid path "${shown}": ${JSON.stringify(rootText)} is not a CID`)
  const found = { namespace: 'ipfs', rootsBefore: [], ttlSeconds: undefined } as const
  return { ...found, rootText, root, rest, segments: segmentsOf(rest), trailingSlash: rest.endsWith('/') }
}

/** What paths below a root begin with: nothing where the host is the root's own. */
export function prefixOf(
  { namespace, rootText }: Pick<ContentPath, 'namespace' | 'rootText'>,
  origin: Pick<Origin, 'kind'>,
): string {
  return origin.kind === 'subdomain' ? '' : `/${namespace}/${rootText}`
}

/**
 * Names of a URL path: escapes are decoded once, for the whole path as other gateways do, so `%2F` separates too. Empty names go,
 * and `.` and `..` are resolved the way browsers do (RFC 3986, section 5.2.4), never above the root.
 */
export function segmentsOf(rest: string): string[] {
  const segments: string[] = []
  for (const name of decode(rest).split('/')) {
    if (name === '..') segments.pop()
    else if (name !== '' && name !== '.') segments.push(name)
  }
  return segments
}

function decode(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch (cause) {
    throw new GatewayError(400, 'The path has a "%" that begins no valid escape.', {}, { cause })
  }
}

/** A path for a header or a link: every name escaped, the slashes between them kept. */
export function escapePath(segments: readonly string[]): string {
  return segments.map((name) => `/${escapeName(name)}`).join('')
}

/** Escapes one name as a part of a path (RFC 3986, section 3.3). */
export function escapeName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(/%(?:21|24|26|27|28|29|2A|2B|2C|3B|3A|3D|40)/g, decodeURIComponent)
}
