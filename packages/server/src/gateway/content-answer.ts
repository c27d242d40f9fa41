import type { BlockSource } from '@keepsake/content/block.ts'
import { type Resolution, resolvePath } from '@keepsake/content/dag/resolve.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { CBOR, DAG_CBOR, DAG_JSON, JSON_CODEC } from '@keepsake/content/hash/cid.ts'
import { decodeUnixFs, isDirectory, isFile, isUnixFs } from '@keepsake/content/unixfs/read/node.ts'
import type { Answer } from '../http/answer.ts'
import { type ContentRequest, immutable, represent } from './answer.ts'
import { blockAnswer } from './block-answer.ts'
import { carAnswer } from './car-answer.ts'
import { directoryAnswer } from './directory-answer.ts'
import { GatewayError } from './errors.ts'
import { fileAnswer, isolation } from './file-answer.ts'
import { redirectsAnswer } from './redirects-answer.ts'
import { tarAnswer } from './tar-answer.ts'
import { valueAnswer } from './value-page.ts'

/** Codecs whose blocks have a media type of their own, and the plain one they may also be asked for as. */
const nativeFormats = new Map<number, { own: 'dag-json' | 'dag-cbor' | 'json' | 'cbor'; plain: 'json' | 'cbor' }>([
  [DAG_JSON, { own: 'dag-json', plain: 'json' }],
  [DAG_CBOR, { own: 'dag-cbor', plain: 'cbor' }],
  [JSON_CODEC, { own: 'json', plain: 'json' }],
  [CBOR, { own: 'cbor', plain: 'cbor' }],
])

/** Follows the path of a request and answers with the representation that was negotiated. */
export async function contentAnswer(blocks: BlockSource, request: ContentRequest): Promise<Answer> {
  const resolution = await resolve(blocks, request)
  if (!('cid' in resolution)) return resolution
  if (resolution.remainder.length > 0) {
    throw new GatewayError(
      501,
      `The path ends inside block ${resolution.cid}, at "${resolution.remainder.join('/')}", which is not a link.`,
    )
  }
  const { format } = request.negotiated
  if (format === 'raw') return blockAnswer(request, resolution, 'raw')
  if (format === 'car') return carAnswer(blocks, request, resolution)
  if (format === 'tar') return tarAnswer(blocks, request, resolution)
  if (format === 'ipns-record') throw new GatewayError(400, 'An IPNS record can be asked for below /ipns/ only.')
  return isUnixFs(resolution.cid) ? unixFsAnswer(blocks, request, resolution) : dataAnswer(request, resolution)
}

/** Where the path leads, or what the site wants to be answered where it leads nowhere. */
async function resolve(blocks: BlockSource, request: ContentRequest): Promise<Resolution | Answer> {
  const { path, headers, signal } = request
  try {
    return await resolvePath(blocks, path.root, path.segments, { signal })
  } catch (error) {
    const redirect = isContentError(error, 'PATH_NOT_FOUND') ? await redirectsAnswer(blocks, request) : undefined
    if (redirect) return redirect
    if (isContentError(error, 'BLOCK_NOT_FOUND') && /\bonly-if-cached\b/i.test(headers['cache-control'] ?? '')) {
      throw new GatewayError(412, 'The content is not stored here.', {}, { cause: error })
    }
    throw error
  }
}

async function unixFsAnswer(blocks: BlockSource, request: ContentRequest, resolution: Resolution): Promise<Answer> {
  const { format, orAnything } = request.negotiated
  if (format !== undefined && format !== 'html' && format !== 'json' && !orAnything) throw mismatch(resolution, format)
  const node = decodeUnixFs(resolution.cid, resolution.bytes)
  if (isDirectory(node)) return directoryAnswer(blocks, request, resolution)
  if (isFile(node)) return fileAnswer(blocks, request, resolution, resolution, node)
  if (node.type !== 'symlink') throw mismatch(resolution, 'content')
  const contentType = 'inode/symlink'
  return represent(request, resolution, {
    etag: `"${resolution.cid}"`,
    contentType,
    cacheControl: immutable,
    headers: isolation(request, contentType),
    sizeBytes: node.data.length,
    open: (range) => (range ? node.data.subarray(range.offset, range.offset + range.length) : node.data),
  })
}

function dataAnswer(request: ContentRequest, resolution: Resolution): Answer {
  const { format, orAnything } = request.negotiated
  const native = nativeFormats.get(resolution.cid.code)
  if (!native)
    throw new GatewayError(400, `The codec of ${resolution.cid} is not known here; ask for the block with ?format=raw.`)
  if (format === native.plain) return blockAnswer(request, resolution, native.plain)
  if (format === 'html' && (native.own === 'dag-cbor' || native.own === 'dag-json'))
    return valueAnswer(request, resolution, native.own)
  if (format === undefined || format === native.own || format === 'html' || orAnything)
    return blockAnswer(request, resolution, native.own)
  throw mismatch(resolution, format)
}

function mismatch({ cid }: Resolution, format: string): GatewayError {
  return new GatewayError(406, `Block ${cid} does not come as ${format}; ask for it with ?format=raw and convert it yourself.`)
}
