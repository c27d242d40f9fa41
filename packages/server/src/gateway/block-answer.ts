import type { Resolution } from '@keepsake/content/dag/resolve.ts'
import type { Answer } from '../http/answer.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import { type Format, mediaTypeOf } from './accept.ts'
import { type ContentRequest, immutable, represent } from './answer.ts'

type BlockFormat = Exclude<Format, 'car' | 'tar' | 'html' | 'ipns-record'>

const extensionOf: Record<BlockFormat, string> = {
  raw: 'bin',
  json: 'json',
  'dag-json': 'json',
  cbor: 'cbor',
  'dag-cbor': 'cbor',
}

/** The bytes of the block itself, under the media type of `format`. Never converted (IPIP-0524). */
export function blockAnswer(request: ContentRequest, resolution: Resolution, format: BlockFormat): Answer {
  const { cid, bytes } = resolution
  const { query } = request
  const readable = extensionOf[format] === 'json' && query.get('download') !== 'true'
  const filename = query.get('filename') || `${cid}.${extensionOf[format]}`
  return represent(request, resolution, {
    etag: `"${cid}.${format}"`,
    contentType: mediaTypeOf[format],
    cacheControl: immutable,
    headers: { 'content-disposition': contentDisposition(readable ? 'inline' : 'attachment', filename) },
    sizeBytes: bytes.length,
    open: (range) => (range ? bytes.subarray(range.offset, range.offset + range.length) : bytes),
  })
}
