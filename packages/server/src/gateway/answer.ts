import type { IncomingHttpHeaders } from 'node:http'
import type { Resolution } from '@keepsake/content/dag/resolve.ts'
import { type Answer, answerWith, type Representation } from '../http/answer.ts'
import type { Negotiated } from './accept.ts'
import { type ContentPath, escapePath, prefixOf } from './content-path.ts'
import type { Origin } from './origin.ts'

/** A request for content, read once and handed down. */
export interface ContentRequest {
  method: 'GET' | 'HEAD'
  path: ContentPath
  query: URLSearchParams
  /** The query as it stood in the URL, with its `?`, or empty. */
  search: string
  headers: IncomingHttpHeaders
  origin: Origin
  negotiated: Negotiated
  /** Aborted when the client is gone. */
  signal: AbortSignal
}

export const immutable = 'public, max-age=29030400, immutable'
/** For pages this server makes out of content: they change when the server does. */
export const generated = 'public, max-age=604800, stale-while-revalidate=2678400'

/** The path of the answer as the specification names it, escaped so that it fits into a header. */
export function ipfsPath({ namespace, rootText, segments, trailingSlash }: ContentPath): string {
  return `/${namespace}/${rootText}${escapePath(segments)}${trailingSlash ? '/' : ''}`
}

/** Answers a request for content with a representation: conditions, ranges, and the headers of a gateway. */
export function represent(request: ContentRequest, resolution: Resolution, representation: Representation): Answer {
  const answer = answerWith(request, { ...representation, cacheControl: cacheControlOf(request.path, representation) })
  // What is wrong with the request says nothing about content.
  return answer.status === 416 ? answer : { ...answer, headers: { ...headersOf(request, resolution), ...answer.headers } }
}

function headersOf(request: ContentRequest, { roots }: Resolution): Record<string, string> {
  const headers: Record<string, string> = {
    'x-ipfs-path': ipfsPath(request.path),
    'x-ipfs-roots': [...request.path.rootsBefore, ...roots].join(','),
  }
  // A URL with `format` has one representation. Without, caches have to keep them apart (Path Gateway, "Content-Location").
  if (!request.query.has('format')) headers.vary = 'Accept'
  if (request.negotiated.fromHeader && request.negotiated.format !== 'html')
    headers['content-location'] = locationOfFormat(request)
  return headers
}

/** What a name leads to may be something else when the name's time is up. */
function cacheControlOf({ ttlSeconds }: ContentPath, { cacheControl }: Representation): string {
  return ttlSeconds === undefined ? cacheControl : `public, max-age=${ttlSeconds}`
}

function locationOfFormat({ path, origin, query, negotiated }: ContentRequest): string {
  const withFormat = new URLSearchParams(query)
  withFormat.set('format', negotiated.format!)
  return `${prefixOf(path, origin)}${escapePath(path.segments)}${path.trailingSlash ? '/' : ''}?${withFormat}`
}
