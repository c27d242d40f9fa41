import { batchHasher } from './hash-batch.ts'
import { fastestPairs } from './native-pairs.ts'
import { BATCH_BUFFER_BYTES, type BatchResult } from './slab-messages.ts'
import { type BatchBuffer, startSlabThreads } from './slab-threads.ts'

/** Buffers to be filled, and whatever hashes them: this thread at first, threads of their own when it goes on. */
export interface Batches extends AsyncDisposable {
  /** A buffer that nobody reads; undefined while all are being hashed. */
  take(): BatchBuffer | undefined
  /** Hashes what a taken buffer was filled with; it can be taken again when that is done. */
  hash(buffer: BatchBuffer, dataBytes: number): Promise<BatchResult>
}

/** So many batches are hashed at once where they are filled: for what is no longer, starting threads (50 ms) takes more than hashing. */
export const BATCHES_WITHOUT_THREADS = 2

export function openBatches(threadCount: number, keepLevel: number | undefined): Batches {
  const opened = new AsyncDisposableStack()
  const own: BatchBuffer = { index: -1, bytes: new Uint8Array(BATCH_BUFFER_BYTES) }
  const hashHere = batchHasher(fastestPairs().hashPairs, keepLevel)
  let idle: BatchBuffer[] = [own]
  let hash: Batches['hash'] = async ({ bytes }, dataBytes) => hashHere(bytes, dataBytes)
  let hashedHere = 0

  function startThreads(): void {
    const threads = opened.use(startSlabThreads(threadCount, { keepLevel, bufferCount: 2 * threadCount + 1 }))
    idle = [...threads.buffers]
    hash = threads.hash
  }

  return {
    take: () => idle.pop(),
    async hash(buffer, dataBytes) {
      const result = await hash(buffer, dataBytes)
      idle.push(buffer)
      if (buffer === own && ++hashedHere === BATCHES_WITHOUT_THREADS && threadCount > 0) startThreads()
      return result
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
