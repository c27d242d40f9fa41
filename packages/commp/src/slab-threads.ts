import { Worker } from 'node:worker_threads'
import type { BatchAnswer, BatchMessage, BatchResult, FileBatch, SlabThreadData } from './slab-messages.ts'
import { BATCH_BUFFER_BYTES } from './slab-messages.ts'

/** A buffer the threads can see. Its owner fills it, has it hashed, and may fill it again when the result is there. */
export interface BatchBuffer {
  index: number
  bytes: Uint8Array
}

/** Threads that hash batches, each batch on the one that has the fewest. What they were asked rejects when they die. */
export interface SlabThreads extends AsyncDisposable {
  count: number
  buffers: readonly BatchBuffer[]
  hash(buffer: BatchBuffer, dataBytes: number): Promise<BatchResult>
  /** Has them read it too. The file has to stay open. */
  hashOfFile(batch: FileBatch): Promise<BatchResult>
}

interface Lane {
  worker: Worker
  /** What was asked and is not answered yet, in order. */
  waiting: { resolve(result: BatchResult): void; reject(error: Error): void }[]
  died: Error | undefined
}

interface Options {
  /** As `CommPOptions` has it. */
  keepLevel: number | undefined
  /** Twice as many as threads, and one, keep every thread busy while the next are filled. */
  bufferCount: number
}

export function startSlabThreads(count: number, { keepLevel, bufferCount }: Options): SlabThreads {
  const shared = Array.from({ length: bufferCount }, () => new SharedArrayBuffer(BATCH_BUFFER_BYTES))
  const lanes = Array.from({ length: count }, () => startLane({ buffers: shared, keepLevel }))
  const ask = (message: BatchMessage) => {
    const lane = lanes.reduce((least, other) => (other.waiting.length < least.waiting.length ? other : least))
    return new Promise<BatchResult>((resolve, reject) => {
      if (lane.died) return reject(lane.died)
      lane.waiting.push({ resolve, reject })
      lane.worker.postMessage(message)
    })
  }
  return {
    count,
    buffers: shared.map((buffer, index) => ({ index, bytes: new Uint8Array(buffer) })),
    hash: ({ index }, dataBytes) => ask({ buffer: index, dataBytes }),
    hashOfFile: ask,
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
  worker.on('message', (answer: BatchAnswer) => {
    const asked = lane.waiting.shift()
    if ('failed' in answer) asked?.reject(Object.assign(new Error(answer.failed.message), { code: answer.failed.code }))
    else asked?.resolve(answer)
  })
  worker.once('error', end)
  worker.once('exit', () => end(lane.died ?? new Error('A thread that computed a piece ended.')))
  return lane
}
