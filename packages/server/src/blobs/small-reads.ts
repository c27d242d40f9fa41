import { Worker } from 'node:worker_threads'
import { BlobNotFoundError, type BlobPlace, BlobRangeError } from './blobs.ts'

/** To a thread, once. */
export interface SmallReadsData {
  directory: string
}

export interface SmallReadsMessage {
  places: readonly BlobPlace[]
}

/** From a thread, in the order it was asked: the bytes of all places, or which of them is not there, or what else went wrong. */
export type SmallReadsResult =
  | { bytes: Uint8Array }
  | { absent: number }
  | { short: number; sizeBytes: number }
  | { failed: string; code: string | undefined }

/** Threads that read many small files. Started when they are needed, and gone when nobody has needed them for a while. */
export interface SmallReads {
  /** As `BlobStore.readMany`, of places whose keys and lengths were checked. */
  read(places: readonly BlobPlace[]): Promise<Uint8Array>
  close(): Promise<void>
}

interface Lane {
  worker: Worker
  /** What was asked and is not answered yet, in order. */
  waiting: { resolve(result: SmallReadsResult): void; reject(error: Error): void }[]
}

/** Each takes some megabytes, which a server that gives out no pieces need not have. */
const idleMs = 30_000
/** All that lives in one are the names of the files it is at. */
const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 }

/** On a disk that has to look for each file, threads wait beside each other. */
export function smallReads(directory: string, maxThreads: number): SmallReads {
  const lanes = new Set<Lane>()
  let idle: NodeJS.Timeout | undefined

  const start = (): Lane => {
    const workerData: SmallReadsData = { directory }
    const worker = new Worker(new URL('./small-reads-thread.ts', import.meta.url), { workerData, resourceLimits })
    const lane: Lane = { worker, waiting: [] }
    const end = (error: Error) => {
      lanes.delete(lane)
      for (const { reject } of lane.waiting.splice(0)) reject(error)
    }
    worker.on('message', (result: SmallReadsResult) => lane.waiting.shift()?.resolve(result))
    worker.once('error', end)
    worker.once('exit', () => end(new Error('The thread that reads small files ended.')))
    worker.unref()
    lanes.add(lane)
    return lane
  }
  /** The least busy one; another while all are busy. */
  const choose = (): Lane => {
    let least: Lane | undefined
    for (const lane of lanes) if (!least || lane.waiting.length < least.waiting.length) least = lane
    return least && (least.waiting.length === 0 || lanes.size >= maxThreads) ? least : start()
  }
  const endAll = async (): Promise<void> => {
    const workers = [...lanes].map(({ worker }) => worker)
    lanes.clear()
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  const endWhenIdle = () => {
    clearTimeout(idle)
    idle = setTimeout(() => {
      const isBusy = [...lanes].some(({ waiting }) => waiting.length > 0)
      if (isBusy) endWhenIdle()
      else void endAll()
    }, idleMs).unref()
  }

  return {
    async read(places) {
      const lane = choose()
      endWhenIdle()
      // Only one that is asked for something keeps the process from ending.
      lane.worker.ref()
      try {
        const result = await new Promise<SmallReadsResult>((resolve, reject) => {
          lane.waiting.push({ resolve, reject })
          lane.worker.postMessage({ places } satisfies SmallReadsMessage)
        })
        return bytesOf(result, places)
      } finally {
        if (lane.waiting.length === 0) lane.worker.unref()
      }
    },
    async close() {
      clearTimeout(idle)
      await endAll()
    },
  }
}

function bytesOf(result: SmallReadsResult, places: readonly BlobPlace[]): Uint8Array {
  if ('bytes' in result) return result.bytes
  if ('failed' in result) throw Object.assign(new Error(result.failed), { code: result.code })
  const { key, offset, length } = places['absent' in result ? result.absent : result.short] as BlobPlace
  if ('absent' in result) throw new BlobNotFoundError(key)
  throw new BlobRangeError(key, { offset, length }, result.sizeBytes)
}
