import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { allowsRange, isUnchanged } from './conditions.ts'
import { type ByteRange, contentRange, parseRanges } from './ranges.ts'

export type Body = Uint8Array | AsyncIterable<Uint8Array>

/** What is sent. An iterable is not read for a `HEAD` request. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: Body | undefined
}

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

/**
 * Answers a request with a representation: 304 where the client has it, 206 and 416 for ranges, else all of it (RFC 9110, sections
 * 13.2.2 and 14.2).
 */
export function answerWith(request: { method: string; headers: IncomingHttpHeaders }, representation: Representation): Answer {
  const { etag, cacheControl, contentType, sizeBytes, status = 200 } = representation
  const headers: Record<string, string> = { etag, 'cache-control': cacheControl, ...representation.headers }
  const plain = status === 200
  if (plain && isUnchanged(request.headers['if-none-match'], etag)) return { status: 304, headers, body: undefined }
  const { range, 'if-range': ifRange } = request.headers
  headers['content-type'] = contentType
  headers['accept-ranges'] = sizeBytes === undefined ? 'none' : 'bytes'
  if (sizeBytes === undefined) return { status: 200, headers, body: representation.open(undefined) }
  if (plain && range !== undefined && request.method === 'GET' && allowsRange(ifRange as string | undefined, etag)) {
    const ranges = parseRanges(range, sizeBytes)
    if (ranges) return partial(representation, sizeBytes, ranges, headers)
  }
  headers['content-length'] = String(sizeBytes)
  return { status, headers, body: representation.open(undefined) }
}

function partial(
  representation: Representation,
  sizeBytes: number,
  ranges: readonly ByteRange[],
  headers: Record<string, string>,
): Answer {
  const [range] = ranges
  if (!range) return notSatisfiable(sizeBytes)
  if (ranges.length === 1) {
    headers['content-range'] = contentRange(range, sizeBytes)
    headers['content-length'] = String(range.length)
    return { status: 206, headers, body: representation.open(range) }
  }
  return multipart(representation, sizeBytes, ranges, headers)
}

function notSatisfiable(sizeBytes: number): Answer {
  const body = Buffer.from(`None of the ranges lies in the ${sizeBytes} bytes there are.\n`)
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-cache',
    'content-length': String(body.length),
    'content-range': `bytes */${sizeBytes}`,
  }
  return { status: 416, headers, body }
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
