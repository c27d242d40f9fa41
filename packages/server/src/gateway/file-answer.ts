import type { Block, BlockSource } from '@keepsake/content/block.ts'
import type { Resolution } from '@keepsake/content/dag/resolve.ts'
import { readFile } from '@keepsake/content/unixfs/read/file.ts'
import { sizeOfFile, type UnixFsNode } from '@keepsake/content/unixfs/read/node.ts'
import type { Answer, Body } from '../http/answer.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import type { ByteRange } from '../http/ranges.ts'
import { type ContentRequest, immutable, represent } from './answer.ts'
import { isHarmless, SNIFFED_BYTES, typeOfBytes, typeOfName } from './content-type.ts'
import { GatewayError } from './errors.ts'

export interface FileAnswerOptions {
  /** The CID the ETag is made of: of the file, or of the directory whose `index.html` this is. */
  etagCid?: string
  /** Name that the type is told by; from the URL when left out. */
  name?: string
  /** Other than 200: a page of the site that says what went wrong, sent whole whatever the conditions. */
  status?: number
}

/** A UnixFS file as bytes, with a type by its name or else by its content. Throws 406 where `json` was asked for and it is not. */
export async function fileAnswer(
  blocks: BlockSource,
  request: ContentRequest,
  resolution: Resolution,
  file: Block,
  node: UnixFsNode,
  options: FileAnswerOptions = {},
): Promise<Answer> {
  const { query, path, negotiated } = request
  const sizeBytes = sizeOfFile(node)
  const filename = query.get('filename') || undefined
  const content = openFile(blocks, request, file, node)
  const contentType = typeOfName(filename ?? options.name ?? path.segments.at(-1) ?? '') ?? (await content.sniff())
  if (negotiated.format === 'json' && !negotiated.orAnything && !contentType.startsWith('application/json')) {
    await content.close()
    throw new GatewayError(406, `The content is ${contentType}, not JSON; ask for it without "json".`)
  }
  return represent(request, resolution, {
    etag: `"${options.etagCid ?? file.cid}"`,
    contentType,
    cacheControl: immutable,
    headers: { ...dispositionOf(query, filename, path.segments.at(-1)), ...isolation(request, contentType) },
    sizeBytes,
    status: options.status ?? 200,
    open: content.open,
  })
}

function dispositionOf(query: URLSearchParams, filename: string | undefined, name: string | undefined): Record<string, string> {
  const download = query.get('download') === 'true'
  if (!download && filename === undefined) return {}
  return { 'content-disposition': contentDisposition(download ? 'attachment' : 'inline', filename ?? name) }
}

/** What keeps content from acting in the name of the host it is served from, where that is not its own. */
export function isolation({ origin }: ContentRequest, contentType: string): Record<string, string> {
  return origin.kind === 'subdomain' || isHarmless(contentType) ? {} : { 'content-security-policy': 'sandbox' }
}

interface OpenFile {
  sniff(): Promise<string>
  open(range: ByteRange | undefined): Body
  /** Gives back what `sniff` began to read where it is not sent after all. */
  close(): Promise<void>
}

function openFile(blocks: BlockSource, { method, headers, signal }: ContentRequest, file: Block, node: UnixFsNode): OpenFile {
  // A file in one block is sent as it lies in memory: no stream, no copy.
  if (node.blockSizes.length === 0) {
    return {
      sniff: async () => typeOfBytes(node.data, true),
      open: (range) => (range ? node.data.subarray(range.offset, range.offset + range.length) : node.data),
      close: async () => {},
    }
  }
  const read = (range?: ByteRange) => readFile(blocks, file.cid, { ...range, bytes: file.bytes, signal })
  let begun: { first: Uint8Array; rest: AsyncGenerator<Uint8Array> } | undefined
  return {
    async sniff() {
      const whole = method === 'GET' && headers.range === undefined && headers['if-none-match'] === undefined
      const reading = read(whole ? undefined : { offset: 0, length: SNIFFED_BYTES })
      const { value: first = new Uint8Array(0) } = await reading.next()
      // The block that told the type is the first one to be sent: it need not be read twice.
      if (whole) begun = { first, rest: reading }
      else await reading.return(undefined)
      return typeOfBytes(first, false)
    },
    open: (range) => (begun && !range ? resume(begun) : read(range)),
    close: async () => void (await begun?.rest.return(undefined)),
  }
}

async function* resume({ first, rest }: { first: Uint8Array; rest: AsyncGenerator<Uint8Array> }): AsyncGenerator<Uint8Array> {
  yield first
  yield* rest
}
