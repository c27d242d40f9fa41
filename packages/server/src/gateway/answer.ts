import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Resolution } from '@keepsake/content/dag/resolve.ts'
import type { Negotiated } from './accept.ts'
import { allowsRange, isUnchanged } from './conditions.ts'
import { type ContentPath, escapePath } from './content-path.ts'
import { GatewayError } from './errors.ts'
import type { Origin } from './origin.ts'
import { type ByteRange, contentRange, parseRanges } from './ranges.ts'

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

export type Body = Uint8Array | AsyncIterable<Uint8Array>

/** What is sent. An iterable is not read for a `HEAD` request. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: Body | undefined
}

export const immutable = 'public, max-age=29030400, immutable'
/** For pages this server makes out of content: they change when the server does. */
export const generated = 'public, max-age=604800, stale-while-revalidate=2678400'

/** One representation, before conditions and ranges are applied. */
export interface Representation {
  etag: string
  contentType: string
  cacheControl: string
  /** Headers of this representation alone. */
  headers?: Record<string, string>
  /** Conditions and ranges are for 200, which it is when left out. */
  status?: number
  /** Undefined where the length is known only at the end; such a body has no ranges. */
  sizeBytes: number | undefined
  /** Opens the body, whole or from `range`. */
  open(range: ByteRange | undefined): Body
}

/** The path of the answer as the specification names it, escaped so that it fits into a header. */
export function ipfsPath({ rootText, segments, trailingSlash }: ContentPath): string {
  return `/ipfs/${rootText}${escapePath(segments)}${trailingSlash ? '/' : ''}`
}

/**
 * Answers a request with a representation: 304 where the client has it, 206 and 416 for ranges, else all of it (RFC 9110, sections
 * 13.2.2 and 14.2).
 */
export function represent(request: ContentRequest, resolution: Resolution, representation: Representation): Answer {
  const headers = headersOf(request, resolution, representation)
  const { sizeBytes, status = 200 } = representation
  const plain = status === 200
  if (plain && isUnchanged(request.headers['if-none-match'], representation.etag))
    return { status: 304, headers, body: undefined }
  const { range, 'if-range': ifRange } = request.headers
  headers['content-type'] = representation.contentType
  headers['accept-ranges'] = sizeBytes === undefined ? 'none' : 'bytes'
  if (sizeBytes === undefined) return { status: 200, headers, body: representation.open(undefined) }
  if (
    plain &&
    range !== undefined &&
    request.method === 'GET' &&
    allowsRange(ifRange as string | undefined, representation.etag)
  ) {
    const ranges = parseRanges(range, sizeBytes)
    if (ranges) return partial(representation, sizeBytes, ranges, headers)
  }
  headers['content-length'] = String(sizeBytes)
  return { status, headers, body: representation.open(undefined) }
}

function headersOf(request: ContentRequest, { roots }: Resolution, representation: Representation): Record<string, string> {
  const headers: Record<string, string> = {
    etag: representation.etag,
    'cache-control': representation.cacheControl,
    'x-ipfs-path': ipfsPath(request.path),
    'x-ipfs-roots': roots.join(','),
    ...representation.headers,
  }
  // A URL with `format` has one representation. Without, caches have to keep them apart (Path Gateway, "Content-Location").
  if (!request.query.has('format')) headers.vary = 'Accept'
  if (request.negotiated.fromHeader && request.negotiated.format !== 'html')
    headers['content-location'] = locationOfFormat(request)
  return headers
}

function locationOfFormat({ path, origin, query, negotiated }: ContentRequest): string {
  const withFormat = new URLSearchParams(query)
  withFormat.set('format', negotiated.format!)
  const prefix = origin.kind === 'subdomain' ? '' : `/ipfs/${path.rootText}`
  return `${prefix}${escapePath(path.segments)}${path.trailingSlash ? '/' : ''}?${withFormat}`
}

function partial(
  representation: Representation,
  sizeBytes: number,
  ranges: readonly ByteRange[],
  headers: Record<string, string>,
): Answer {
  const [range] = ranges
  if (!range)
    throw new GatewayError(416, `None of the ranges lies in the ${sizeBytes} bytes there are.`, {
      'content-range': `bytes */${sizeBytes}`,
    })
  if (ranges.length === 1) {
    headers['content-range'] = contentRange(range, sizeBytes)
    headers['content-length'] = String(range.length)
    return { status: 206, headers, body: representation.open(range) }
  }
  return multipart(representation, sizeBytes, ranges, headers)
}

/** Several ranges in one body (RFC 9110, section 14.6). */
function multipart(
  { contentType, open }: Representation,
  sizeBytes: number,
  ranges: readonly ByteRange[],
  headers: Record<string, string>,
): Answer {
  const boundary = randomUUID()
  const part = (range: ByteRange) =>
    Buffer.from(`\r\n--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(range, sizeBytes)}\r\n\r\n`)
  const end = Buffer.from(`\r\n--${boundary}--\r\n`)
  let length = end.length
  for (const range of ranges) length += part(range).length + range.length
  headers['content-type'] = `multipart/byteranges; boundary=${boundary}`
  headers['content-length'] = String(length)
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const range of ranges) {
      yield part(range)
      const content = open(range)
      if (content instanceof Uint8Array) yield content
      else yield* content
    }
    yield end
  }
  return { status: 206, headers, body: body() }
}
