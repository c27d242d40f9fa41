import { type FileHandle, open } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { refuseOtherLevel } from '@keepsake/content/piece/commp.ts'
import { batchTree, type PieceAndLevel } from './batch-tree.ts'
import { BATCHES_WITHOUT_THREADS } from './batches.ts'
import { type CommPOptions, commPOfStream } from './commp-of-stream.ts'
import { fileChanged } from './file-changed.ts'
import { BATCH_DATA_BYTES } from './slab-messages.ts'
import { type SlabThreads, startSlabThreads } from './slab-threads.ts'

/** More would only take turns on the disk. */
const MAX_THREADS = 16
/** Handed to a thread at once: one that it is at, one that waits. */
const BATCHES_A_THREAD = 2

/**
 * The piece that a regular file is. Threads read it by themselves, each at its own place, so that nothing is copied from thread to thread, as
 * `commPOfStream` has to, and one waits for the disk while others hash. Memory does not grow with the file.
 *
 * `threads`: one a processor when left out, at most 16. One more gains nothing, even where the disk is slow.
 *
 * Rejects with the reason of `signal`, with what the file system says, and with `FILE_CHANGED` where the file changes its size
 * meanwhile.
 */
export async function commPOfFile(path: string, options: CommPOptions = {}): Promise<PieceAndLevel> {
  const { signal, keepLevel } = options
  if (keepLevel !== undefined) refuseOtherLevel(keepLevel)
  signal?.throwIfAborted()
  await using file = await open(path, 'r')
  const { size } = await file.stat()
  // Threads take longer to start than so little takes to hash.
  const isSmall = size <= BATCHES_WITHOUT_THREADS * BATCH_DATA_BYTES
  const found = isSmall
    ? await commPOfStream(file.createReadStream({ autoClose: false, signal }), options)
    : await onThreads(file, size, options)
  if (found.piece.payloadBytes !== size || (await file.stat()).size !== size) throw fileChanged()
  return found
}

async function onThreads(file: FileHandle, size: number, options: CommPOptions): Promise<PieceAndLevel> {
  const { signal, onProgress, keepLevel, threads = Math.min(availableParallelism(), MAX_THREADS) } = options
  await using started: SlabThreads = startSlabThreads(Math.max(1, threads), { keepLevel, bufferCount: 0 })
  const tree = batchTree(keepLevel)
  let doneBytes = 0
  const absorb = async () => {
    await tree.absorb()
    signal?.throwIfAborted()
    doneBytes = Math.min(size, doneBytes + BATCH_DATA_BYTES)
    onProgress?.(doneBytes)
  }
  for (let at = 0; at < size; at += BATCH_DATA_BYTES) {
    tree.add(started.hashOfFile({ file: file.fd, at, dataBytes: Math.min(BATCH_DATA_BYTES, size - at) }))
    if (tree.pending === started.count * BATCHES_A_THREAD) await absorb()
  }
  while (tree.pending > 0) await absorb()
  return await tree.finish(size)
}
