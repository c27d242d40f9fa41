import { Worker } from 'node:worker_threads'
import { BATCH_BUFFER_BYTES, type BatchMessage, type BatchResult, type SlabThreadData } from './slab-messages.ts'

/** A buffer the threads can see. Its owner fills it, has it hashed, and may fill it again when the result is there. */
export interface BatchBuffer {
  index: number
  bytes: Uint8Array
}

/** Threads that hash batches, each batch on the one that has the fewest. */
export interface SlabThreads extends AsyncDisposable {
  /** As many as keep every thread busy while the next are filled. */
  buffers: readonly BatchBuffer[]
  /** Rejects when the thread dies. */
  hash(buffer: BatchBuffer, dataBytes: number): Promise<BatchResult>
}

interface Lane {
  worker: Worker
  /** What was asked and is not answered yet, in order. */
  waiting: { resolve(result: BatchResult): void; reject(error: Error): void }[]
  died: Error | undefined
}

export function startSlabThreads(count: number, keepLevel: number | undefined): SlabThreads {
  const shared = Array.from({ length: 2 * count + 1 }, () => new SharedArrayBuffer(BATCH_BUFFER_BYTES))
  const lanes = Array.from({ length: count }, () => startLane({ buffers: shared, keepLevel }))
  return {
    buffers: shared.map((buffer, index) => ({ index, bytes: new Uint8Array(buffer) })),
    hash({ index }, dataBytes) {
      const lane = lanes.reduce((least, other) => (other.waiting.length < least.waiting.length ? other : least))
      return new Promise((resolve, reject) => {
        if (lane.died) return reject(lane.died)
        lane.waiting.push({ resolve, reject })
        lane.worker.postMessage({ buffer: index, dataBytes } satisfies BatchMessage)
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(lanes.map(({ worker }) => worker.terminate()))
    },
  }
}

function startLane(data: SlabThreadData): Lane {
  const worker = new Worker(new URL('./slab-thread.ts', import.meta.url), { workerData: data })
  const lane: Lane = { worker, waiting: [], died: undefined }
  const end = (error: Error) => {
    lane.died = error
    for (const { reject } of lane.waiting.splice(0)) reject(error)
  }
  worker.on('message', (result: BatchResult) => lane.waiting.shift()?.resolve(result))
  worker.once('error', end)
  worker.once('exit', () => end(lane.died ?? new Error('A thread that computed a piece ended.')))
  return lane
}
