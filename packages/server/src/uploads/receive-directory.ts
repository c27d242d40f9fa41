import type { Block } from '@keepsake/content/block.ts'
import type { PackedEntry } from '@keepsake/content/unixfs/file.ts'
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
 * The files of a form, wrapped in one directory, also when there is only one. Parts of other names than `file` are passed over.
 *
 * @throws KeepsakeError `BAD_REQUEST` for a text part called `file` and for a form without files
 */
export async function receiveDirectory(
  body: AsyncIterable<Uint8Array>,
  { staged, signal }: ReceiveContext,
  form: Form,
): Promise<Received> {
  const files: Received['files'] = []
  const blocks = packParts(readParts(body, form.contentType, form.limits), files, signal)
  const { result, writer } = await packShard(staged, blocks)
  const shard = await writer.finish()
  return {
    content: { cid: result.cid, dagBytes: result.dagBytes, complete: true, shard },
    type: 'Multipart',
    files,
    part: shard.cid,
  }
}

async function* packParts(
  parts: AsyncIterable<Part>,
  files: Received['files'],
  signal: AbortSignal,
): AsyncGenerator<Block, PackedEntry> {
  const tree = fileTree()
  for await (const part of parts) {
    if (part.field !== 'file') {
      if (part.kind === 'file') await drain(part.bytes)
      continue
    }
    if (part.kind === 'text') throw new KeepsakeError('BAD_REQUEST', 'missing Content-Type in multipart part')
    tree.add(part.fileName, yield* packFile(part.bytes, { signal }))
    files.push({ name: part.fileName, type: part.mimeType })
  }
  if (files.length === 0) throw new KeepsakeError('BAD_REQUEST', 'missing input file(s)')
  return yield* tree.packTree({ signal })
}

/** Reads a part nobody wants, so that the next can come. */
export async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}
