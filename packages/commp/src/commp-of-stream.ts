import { availableParallelism } from 'node:os'
import { commPHasher, keptLevelOf, refuseOtherLevel } from '@keepsake/content/piece/commp.ts'
import { NODE_BYTES } from '@keepsake/content/piece/hash-pairs.ts'
import type { Piece } from '@keepsake/content/piece/piece.ts'
import { SLAB_DATA_BYTES, SLAB_HEIGHT } from '@keepsake/content/piece/slab.ts'
import { growingNodes, type TreeLevel, treeStack } from '@keepsake/content/piece/tree.ts'
import { openBatches } from './batches.ts'
import { fastestPairs } from './native-pairs.ts'
import { BATCH_DATA_BYTES, type BatchResult } from './slab-messages.ts'
import type { BatchBuffer } from './slab-threads.ts'

export interface CommPOfStreamOptions {
  /** Looked at whenever bytes come; a stream that may hang has to know it too. */
  signal?: AbortSignal | undefined
  /** Told how many bytes have been taken in so far, every 2 MiB and at the end. */
  onProgress?: ((bytes: number) => void) | undefined
  /** Height of a level of the tree to keep for proofs, 2 to 13; at 13 it takes 32 bytes for 254 KiB. None is kept when left out. */
  keepLevel?: number | undefined
  /** How many threads hash what is larger than 4 MiB: one a processor when left out, at most 8. 0 hashes on the calling thread. */
  threads?: number | undefined
}

export interface StreamCommP {
  piece: Piece
  /** The level that was to be kept; of a tree that is not as high as that its root. */
  level: TreeLevel | undefined
}

/** Beyond this the one thread that copies cannot keep up. */
const MAX_THREADS = 8

/**
 * The piece that the bytes of a stream are, in flat memory: some 2 MiB for each thread, twice.
 *
 * Rejects with the reason of `signal`, with what the stream throws, and when a thread dies; with a `ContentError` `INVALID_INPUT` for a
 * level that cannot be kept.
 */
export async function commPOfStream(source: AsyncIterable<Uint8Array>, options: CommPOfStreamOptions = {}): Promise<StreamCommP> {
  const { signal, onProgress, keepLevel, threads = Math.min(availableParallelism(), MAX_THREADS) } = options
  if (keepLevel !== undefined) refuseOtherLevel(keepLevel)
  signal?.throwIfAborted()
  await using batches = openBatches(threads, keepLevel)
  const stack = treeStack()
  const kept = growingNodes()
  const pending: Promise<BatchResult>[] = []
  let buffer: BatchBuffer | undefined
  let filled = 0
  let payloadBytes = 0

  const absorbNext = async () => {
    const { roots, kept: nodes } = await pending.shift()!
    for (let at = 0; at < roots.length; at += NODE_BYTES) stack.push(roots.subarray(at, at + NODE_BYTES), SLAB_HEIGHT)
    kept.append(nodes)
  }
  const takeBuffer = async () => {
    for (;;) {
      const taken = batches.take()
      if (taken) return taken
      await absorbNext()
    }
  }
  const hashBuffer = (full: BatchBuffer) => {
    const hashing = batches.hash(full, filled)
    // Nobody looks at it any more when the stream fails first.
    hashing.catch(() => {})
    pending.push(hashing)
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
  while (pending.length > 0) await absorbNext()
  const piece = { ...stack.finish(), payloadBytes }
  return { piece, level: keepLevel === undefined ? undefined : keptLevelOf(piece, keepLevel, kept.nodes()) }
}

function hashSmall(bytes: Uint8Array | undefined, keepLevel: number | undefined): StreamCommP {
  const hasher = commPHasher(fastestPairs().hashPairs, { keepLevel })
  if (bytes) hasher.write(bytes)
  return { piece: hasher.digest(), level: keepLevel === undefined ? undefined : hasher.keptLevel() }
}
