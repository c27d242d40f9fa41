import { findCid } from '@keepsake/content/hash/cid-text.ts'
import type { CID } from 'multiformats/cid'
import { GatewayError } from './errors.ts'
import type { Namespace } from './origin.ts'

/** A path to content: a root, and names below it. */
export interface ContentPath {
  namespace: Namespace
  /** The root as written in the URL, a CID or a name. */
  rootText: string
  /** Of namespace `ipfs`. */
  root: CID
  segments: string[]
  /** A slash at the end: the directory, not a redirect to it. */
  trailingSlash: boolean
  /** Everything behind the root as it stood in the URL, from its slash on, without query: for redirects. */
  rest: string
}

/** Splits `/ipfs/<root>/<rest>`; the path may still be `%`-escaped. Throws 400 for what is not a content path, 501 for names. */
export function parseContentPath(path: string): ContentPath {
  const [, namespace, rootText = '', rest = ''] = /^\/(ipfs|ipns)(?:\/([^/]*)(.*))?$/s.exec(path) ?? []
  if (namespace === undefined) throw new GatewayError(400, `invalid path "${path}": it is not below /ipfs/ or /ipns/`)
  if (rootText === '') throw new GatewayError(400, `invalid path "${path}": a CID has to follow /${namespace}/`)
  if (namespace === 'ipns') throw nameNotResolved(rootText)
  return contentPathOf(rootText, rest, path)
}

/** A content path whose root came apart from the rest, as in the host of a subdomain. Throws 400 where the root is not a CID. */
export function contentPathOf(rootText: string, rest: string, shown: string): ContentPath {
  const root = findCid(rootText)
  if (!root) throw new GatewayError(400, `invalid path "${shown}": ${JSON.stringify(rootText)} is not a CID`)
  return { namespace: 'ipfs', rootText, root, rest, segments: segmentsOf(rest), trailingSlash: rest.endsWith('/') }
}

/** IPNS and DNSLink need a resolver, which this gateway does not have. */
export function nameNotResolved(name: string): GatewayError {
  return new GatewayError(501, `This gateway does not resolve names: ${JSON.stringify(name)} is not a CID. Ask for /ipfs/<cid>.`)
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
