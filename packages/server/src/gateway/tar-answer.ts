import type { BlockSource } from '@keepsake/content/block.ts'
import { withIdentity } from '@keepsake/content/dag/identity.ts'
import type { Resolution } from '@keepsake/content/dag/resolve.ts'
import { MAX_DEPTH } from '@keepsake/content/dag/walk.ts'
import { ContentError } from '@keepsake/content/errors.ts'
import { listDirectory } from '@keepsake/content/unixfs/read/directory.ts'
import { readFile } from '@keepsake/content/unixfs/read/file.ts'
import { decodeUnixFs, isDirectory, isFile, isUnixFs, sizeOfFile, type UnixFsNode } from '@keepsake/content/unixfs/read/node.ts'
import { createTarPacker, type TarPackController } from 'modern-tar'
import type { CID } from 'multiformats/cid'
import type { Answer } from '../http/answer.ts'
import { contentDisposition } from '../http/content-disposition.ts'
import { type ContentRequest, immutable, represent } from './answer.ts'
import { GatewayError } from './errors.ts'

/** How much is gathered before the first byte is sent, so that a small archive that cannot be made is refused with a status. */
const GATHERED_BYTES = 256 * 1024

/** A UnixFS tree as a TAR (IPIP-0288). Throws 406 for content that is not UnixFS. */
export function tarAnswer(blocks: BlockSource, request: ContentRequest, resolution: Resolution): Answer {
  const { cid, bytes } = resolution
  if (!isUnixFs(cid)) throw new GatewayError(406, `Block ${cid} is not UnixFS and cannot be sent as TAR.`)
  decodeUnixFs(cid, bytes)
  return represent(request, resolution, {
    etag: `W/"${cid}.x-tar"`,
    contentType: 'application/x-tar',
    cacheControl: immutable,
    headers: { 'content-disposition': contentDisposition('attachment', request.query.get('filename') || `${cid}.tar`) },
    sizeBytes: undefined,
    open: () => gathered(tarBytes(blocks, cid, request.signal)),
  })
}

async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of chunks) {
    if (heldBytes > GATHERED_BYTES) yield chunk
    else {
      held.push(chunk)
      heldBytes += chunk.length
      if (heldBytes > GATHERED_BYTES) yield Buffer.concat(held.splice(0))
    }
  }
  if (held.length > 0) yield Buffer.concat(held)
}

async function* tarBytes(blocks: BlockSource, cid: CID, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { readable, controller } = createTarPacker()
  const writing = writeTree(controller, withIdentity(blocks), cid, signal).then(
    () => controller.finalize(),
    (error) => controller.error(error),
  )
  yield* readable
  await writing
}

interface Pending {
  cid: CID
  /** Where in the archive, below the folder named by the root's CID. */
  names: string[]
}

/** Writes depth first; of what is still to come only the entries of the directories on the way down are held. */
async function writeTree(tar: TarPackController, blocks: BlockSource, root: CID, signal: AbortSignal): Promise<void> {
  const pending: AsyncIterator<Pending>[] = [once({ cid: root, names: [] })]
  for (let top = pending.at(-1); top; top = pending.at(-1)) {
    const next = await top.next()
    if (next.done) {
      pending.pop()
      continue
    }
    const { cid, names } = next.value
    const bytes = await blocks.get(cid, { signal })
    const node = decodeUnixFs(cid, bytes)
    const name = [root, ...names].join('/')
    if (isDirectory(node)) {
      await writeEntry(tar, { ...metadataOf(node, 0o755), name: `${name}/`, size: 0, type: 'directory' }, [])
      if (pending.push(entriesOf(blocks, next.value, bytes, signal)) > MAX_DEPTH) throw tooDeep()
    } else if (isFile(node)) {
      const size = sizeOfFile(node)
      await writeEntry(tar, { ...metadataOf(node, 0o644), name, size, type: 'file' }, readFile(blocks, cid, { bytes, signal }))
    } else if (node.type === 'symlink') {
      const linkname = new TextDecoder().decode(node.data)
      await writeEntry(tar, { ...metadataOf(node, 0o777), name, size: 0, type: 'symlink', linkname }, [])
    }
  }
}

function tooDeep(): ContentError {
  return new ContentError('LIMIT_EXCEEDED', `A directory tree is more than ${MAX_DEPTH} levels deep.`)
}

async function* once(entry: Pending): AsyncGenerator<Pending> {
  yield entry
}

async function* entriesOf(
  blocks: BlockSource,
  { cid, names }: Pending,
  bytes: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Pending> {
  for await (const entry of listDirectory(blocks, cid, { bytes, signal })) {
    yield { cid: entry.cid, names: placed(names, entry.name) }
  }
}

/** Where an entry lands. A name with dots and slashes may move around inside the archive and never out of it (IPIP-0288, "Security"). */
function placed(folder: readonly string[], name: string): string[] {
  const names = [...folder]
  for (const part of name.split('/')) {
    if (part.includes('\0')) throw new GatewayError(400, 'A name in the tree has a zero byte, which no TAR can hold.')
    if (part === '..' && names.pop() === undefined) throw new GatewayError(400, 'A name in the tree leads out of it.')
    if (part !== '..' && part !== '.' && part !== '') names.push(part)
  }
  return names
}

function metadataOf({ mode, mtime }: UnixFsNode, usual: number): { mode: number; mtime: Date } {
  // Setuid and its like are nothing a stranger may set on somebody's disk.
  return { mode: (mode ?? usual) & 0o777, mtime: new Date((mtime ?? 0) * 1000) }
}

async function writeEntry(
  tar: TarPackController,
  header: Parameters<TarPackController['add']>[0],
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const writer = tar.add(header).getWriter()
  for await (const chunk of content) await writer.write(chunk)
  await writer.close()
}
