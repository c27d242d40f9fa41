import { open } from 'node:fs/promises'
import { ClientError } from '@keepsake/client/errors.ts'
import type { Block } from '@keepsake/content/block.ts'
import type { DirectoryEntry } from '@keepsake/content/unixfs/directory.ts'
import { packDirectory } from '@keepsake/content/unixfs/directory.ts'
import type { PackedEntry } from '@keepsake/content/unixfs/file.ts'
import { packFile } from '@keepsake/content/unixfs/file.ts'
import { describeFileError } from '../failure.ts'
import type { Plan, Planned, PlannedDirectory, PlannedFile } from './plan.ts'

export interface PackOptions {
  signal: AbortSignal
  /** Told how many bytes of all files have been read. */
  onProgress?: ((readBytes: number) => void) | undefined
}

/** A multiple of a leaf's size: most leaves are then views of what was read. */
const readBytes = 256 * 1024

/**
 * Makes a plan into blocks, children first; may be called again, and is then held to what it gave the first time.
 *
 * @throws ClientError `CHANGED` naming the file that is not what it was; CommandError for one that cannot be read
 */
export function packPlan(plan: Plan, { signal, onProgress }: PackOptions): AsyncGenerator<Block, PackedEntry, undefined> {
  let read = 0
  const onRead = (count: number) => {
    read += count
    onProgress?.(read)
  }
  return packNode(plan.root, signal, onRead)
}

type OnRead = (count: number) => void

function packNode(node: Planned, signal: AbortSignal, onRead: OnRead): AsyncGenerator<Block, PackedEntry, undefined> {
  return node.kind === 'file' ? packPlanned(node, signal, onRead) : packEntries(node, signal, onRead)
}

async function* packEntries(
  { entries }: PlannedDirectory,
  signal: AbortSignal,
  onRead: OnRead,
): AsyncGenerator<Block, PackedEntry, undefined> {
  const packed: DirectoryEntry[] = []
  for (const entry of entries) {
    signal.throwIfAborted()
    const { cid, dagBytes } = yield* packNode(entry, signal, onRead)
    packed.push({ name: entry.name, cid, dagBytes })
  }
  return yield* packDirectory(packed)
}

async function* packPlanned(
  file: PlannedFile,
  signal: AbortSignal,
  onRead: OnRead,
): AsyncGenerator<Block, PackedEntry, undefined> {
  const packing = packFile(readPlanned(file, onRead), { signal })
  try {
    let held: Block | undefined
    for (;;) {
      const next = await packing.next()
      if (!next.done) {
        if (held) yield held
        held = next.value
        continue
      }
      const before = file.cidBytes
      if (before === undefined) file.cidBytes = next.value.cid.bytes
      else if (Buffer.compare(before, next.value.cid.bytes) !== 0) throw changed(file)
      // Only now the root: whoever has it takes the file for whole.
      if (held) yield held
      return next.value
    }
  } finally {
    // Whoever leaves early leaves the file open otherwise.
    await packing.return(undefined as never)
  }
}

function changed({ diskPath }: PlannedFile): ClientError {
  return new ClientError(
    'CHANGED',
    `${diskPath} changed while it was being stored; nothing was stored. Try again when nothing writes to it.`,
  )
}

/** Exactly as many bytes as were planned: a file that grows as fast as it is read would never end. */
async function* readPlanned(file: PlannedFile, onRead: OnRead): AsyncGenerator<Uint8Array> {
  let left = file.sizeBytes
  try {
    await using handle = await open(file.diskPath)
    while (left > 0) {
      // A new buffer each time: blocks are views of it.
      const { bytesRead, buffer } = await handle.read(new Uint8Array(Math.min(left, readBytes)), 0)
      if (bytesRead === 0) throw changed(file)
      left -= bytesRead
      onRead(bytesRead)
      yield buffer.subarray(0, bytesRead)
    }
    if ((await handle.stat()).size !== file.sizeBytes) throw changed(file)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? changed(file) : describeFileError(error, file.diskPath)
  }
}
