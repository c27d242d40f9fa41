import type { Block } from '@keepsake/content/block.ts'
import type { PackedToken, TokenFile } from '@keepsake/content/nft/token.ts'
import { packToken } from '@keepsake/content/nft/token.ts'
import { packFile } from '@keepsake/content/unixfs/file.ts'
import { fileTree } from '@keepsake/content/unixfs/tree.ts'
import { KeepsakeError } from '../errors.ts'
import type { MultipartLimits, Part } from './multipart.ts'
import { readParts } from './multipart.ts'
import type { ReceiveContext, Received } from './received.ts'
import { packShard } from './received.ts'

interface Form {
  contentType: string
  limits: MultipartLimits
}

/**
 * ERC-1155 metadata (part `meta`, JSON) with its files, each in a part named by the dotted path of its place in the metadata.
 *
 * @throws KeepsakeError `BAD_REQUEST`, `ERROR_INVALID_JSON`, `ERROR_INVALID_METADATA`
 */
export async function receiveNft(
  body: AsyncIterable<Uint8Array>,
  { staged, signal }: ReceiveContext,
  form: Form,
): Promise<{ received: Received; data: unknown }> {
  const blocks = packParts(readParts(body, form.contentType, form.limits), form.limits.maxTextBytes, signal)
  const { result: token, writer } = await packShard(staged, blocks)
  const shard = await writer.finish()
  const dagBytes = shard.entries.reduce((sum, { length }) => sum + length, 0)
  const received: Received = {
    content: { cid: token.cid, dagBytes, complete: true, shard },
    type: 'Nft',
    files: [],
    part: shard.cid,
  }
  return { received, data: token.data }
}

async function* packParts(
  parts: AsyncIterable<Part>,
  maxMetaBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Block, PackedToken> {
  const files: TokenFile[] = []
  let meta: string | undefined
  for await (const part of parts) {
    if (part.field === 'meta') {
      meta = part.kind === 'text' ? part.value : await readText(part.bytes, maxMetaBytes)
      continue
    }
    if (part.kind === 'text') throw new KeepsakeError('BAD_REQUEST', 'expected File part')
    const tree = fileTree()
    tree.add(part.fileName, yield* packFile(part.bytes, { signal }))
    const directory = yield* tree.packTree({ signal })
    files.push({ path: part.field.split('.'), fileName: part.fileName, directory: directory.cid })
  }
  if (meta === undefined) throw new KeepsakeError('BAD_REQUEST', 'missing `meta` in multipart')
  return yield* packToken(parseMeta(meta), files, { signal })
}

async function readText(bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let totalBytes = 0
  for await (const chunk of bytes) {
    totalBytes += chunk.byteLength
    if (totalBytes > maxBytes)
      throw new KeepsakeError('PAYLOAD_TOO_LARGE', `\`meta\` is too large: at most ${maxBytes} bytes (MAX_METADATA_BYTES).`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseMeta(text: string): object {
  let meta: unknown
  try {
    meta = JSON.parse(text)
  } catch (error) {
    throw new KeepsakeError('ERROR_INVALID_JSON', `\`meta\` is not JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta))
    throw new KeepsakeError('ERROR_INVALID_METADATA', '`meta` must be a JSON object.')
  return meta
}
