import { availableParallelism } from 'node:os'
import { commPHasher, refuseOtherLevel } from '@keepsake/content/piece/commp.ts'
import { SLAB_DATA_BYTES } from '@keepsake/content/piece/slab.ts'
import { batchTree, type PieceAndLevel } from './batch-tree.ts'
import { openBatches } from './batches.ts'
import { fastestPairs } from './native-pairs.ts'
import { BATCH_DATA_BYTES } from './slab-messages.ts'
import type { BatchBuffer } from './slab-threads.ts'

export interface CommPOptions {
  /** Looked at whenever bytes come; a stream that may hang has to know it too. */
  signal?: AbortSignal | undefined
  /** Told how many bytes have been taken in so far, every 2 MiB and at the end. */
  onProgress?: ((bytes: number) => void) | undefined
  /** Height of a level of the tree to keep for proofs, 2 to 13; at 13 it takes 32 bytes for 254 KiB. None is kept when left out. */
  keepLevel?: number | undefined
  /** How many threads hash what is larger than 4 MiB: one a processor when left out, at most 8. 0 hashes on the calling thread. */
  threads?: number | undefined
}

/** Beyond this the one thread that copies cannot keep up. */
const MAX_THREADS = 8

/**
 * The piece that the bytes of a stream are, in flat memory: some 2 MiB for each thread, twice.
 *
 * Rejects with the reason of `signal`, with what the stream throws, and when a thread dies; with a `ContentError` `INVALID_INPUT` for a
 * level that cannot be kept.
 */
export async function commPOfStream(source: AsyncIterable<Uint8Array>, options: CommPOptions = {}): Promise<PieceAndLevel> {
  const { signal, onProgress, keepLevel, threads = Math.min(availableParallelism(), MAX_THREADS) } = options
  if (keepLevel !== undefined) refuseOtherLevel(keepLevel)
  signal?.throwIfAborted()
  await using batches = openBatches(threads, keepLevel)
  const tree = batchTree(keepLevel)
  let buffer: BatchBuffer | undefined
  let filled = 0
  let payloadBytes = 0

  const takeBuffer = async () => {
    for (;;) {
      const taken = batches.take()
      if (taken) return taken
      await tree.absorb()
    }
  }
  const hashBuffer = (full: BatchBuffer) => {
    tree.add(batches.hash(full, filled))
    buffer = undefined
    filled = 0
  }

  for await (const chunk of source) {
    signal?.throwIfAborted()
    for (let at = 0; at < chunk.length; ) {
      buffer ??= await takeBuffer()
      const taken = Math.min(chunk.length - at, BATCH_DATA_BYTES - filled)
      buffer.bytes.set(at === 0 && taken === chunk.length ? chunk : chunk.subarray(at, at + taken), filled)
      filled += taken
      at += taken
      payloadBytes += taken
      if (filled < BATCH_DATA_BYTES) continue
      hashBuffer(buffer)
      onProgress?.(payloadBytes)
    }
  }
  signal?.throwIfAborted()
  onProgress?.(payloadBytes)
  // The tree over one slab or less is no higher than it has to be.
  if (payloadBytes <= SLAB_DATA_BYTES) return hashSmall(buffer?.bytes.subarray(0, filled), keepLevel)
  if (buffer) hashBuffer(buffer)
  return await tree.finish(payloadBytes)
}

function hashSmall(bytes: Uint8Array | undefined, keepLevel: number | undefined): PieceAndLevel {
  const hasher = commPHasher(fastestPairs().hashPairs, { keepLevel })
  if (bytes) hasher.write(bytes)
  return { piece: hasher.digest(), level: keepLevel === undefined ? undefined : hasher.keptLevel() }
}
