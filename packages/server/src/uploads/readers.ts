import { availableParallelism } from 'node:os'
import type { MessagePort } from 'node:worker_threads'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { StagedBlob } from '../blobs/blobs.ts'
import { errorOf, plainError } from '../thread-errors.ts'
import type { ReadPlan, ReadResult } from './read-upload.ts'
import type { BodyMessage, ReaderMessage, StartMessage } from './reader-messages.ts'
import { resultOf } from './reader-messages.ts'

/** Bytes handed over at once: fewer and larger messages cost less. */
const batchBytes = 1024 * 1024
/** Bytes handed over and not taken yet; more would only wait in memory. */
const maxAheadBytes = 8 * batchBytes
const maxThreads = 4

/** Threads that read large bodies, so that hashing gigabytes keeps no other request waiting. Started when first needed. */
export interface Readers extends AsyncDisposable {
  /** Reads a body into `staged`, which then holds the whole shard, fsynced. Errors are those of `readUpload` and of the body. */
  read(plan: ReadPlan, body: AsyncIterable<Uint8Array>, staged: StagedBlob): Promise<ReadResult>
}

interface Thread {
  worker: Worker
  /** Ends every read of this thread; called when it dies. */
  reads: Set<(error: Error) => void>
}

export function uploadReaders(): Readers {
  const threads: Thread[] = []
  const size = Math.min(maxThreads, availableParallelism())

  const start = (): Thread => {
    const thread: Thread = { worker: new Worker(new URL('./reader-thread.ts', import.meta.url)), reads: new Set() }
    const end = (error: Error) => {
      threads.splice(threads.indexOf(thread), 1)
      for (const fail of thread.reads) fail(error)
    }
    thread.worker.once('error', end)
    thread.worker.once('exit', () => threads.includes(thread) && end(new Error('The thread that read this upload ended.')))
    thread.worker.unref()
    threads.push(thread)
    return thread
  }
  /** The least busy thread; a new one while there may be more and all are busy. */
  const choose = (): Thread => {
    const idlest = threads.toSorted((a, b) => a.reads.size - b.reads.size)[0]
    return idlest && (idlest.reads.size === 0 || threads.length >= size) ? idlest : start()
  }

  return {
    async read(plan, body, staged) {
      const { worker, reads } = choose()
      const { port1: port, port2 } = new MessageChannel()
      const outcome = outcomeOf(port)
      reads.add(outcome.fail)
      try {
        worker.postMessage({ port: port2, plan, path: staged.path } satisfies StartMessage, [port2])
        await feed(port, body, outcome)
        const result = await outcome.result
        await staged.adopt()
        return result
      } finally {
        reads.delete(outcome.fail)
        port.close()
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(threads.map(({ worker }) => worker.terminate()))
    },
  }
}

type Outcome = ReturnType<typeof outcomeOf>

/** Listens to a reader: how far it has come, and how it ends. */
function outcomeOf(port: MessagePort) {
  const { promise: result, resolve, reject } = Promise.withResolvers<ReadResult>()
  result.catch(() => {})
  let aheadBytes = 0
  let ended = false
  let wake: () => void = () => {}
  const fail = (error: Error) => {
    ended = true
    reject(error)
    wake()
  }
  port.on('message', (message: ReaderMessage) => {
    if ('takenBytes' in message) aheadBytes -= message.takenBytes
    else if ('failed' in message) fail(errorOf(message.failed))
    else {
      ended = true
      resolve(resultOf(message.done))
    }
    wake()
  })
  return {
    result,
    fail,
    get ended() {
      return ended
    },
    sent(bytes: number) {
      aheadBytes += bytes
    },
    /** Waits for `wait`, but no longer than the reader lives: then undefined. */
    orEnd<T>(wait: Promise<T>): Promise<T | undefined> {
      return new Promise((resolve, reject) => {
        wake = () => ended && resolve(undefined)
        wake()
        wait.then(resolve, reject)
      })
    },
    async room(): Promise<void> {
      while (aheadBytes >= maxAheadBytes && !ended) await new Promise<void>((resolve) => (wake = resolve))
    },
  }
}

/** Hands a body over as it comes. Stops early when the reader has ended: it has refused the body, and says why. */
async function feed(port: MessagePort, body: AsyncIterable<Uint8Array>, outcome: Outcome): Promise<void> {
  let batch: Uint8Array[] = []
  let bytes = 0
  const post = (message: BodyMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  const flush = () => {
    if (bytes === 0) return
    post(
      { chunks: batch },
      batch.map((chunk) => chunk.buffer as ArrayBuffer),
    )
    outcome.sent(bytes)
    batch = []
    bytes = 0
  }
  const chunks = body[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await outcome.orEnd(chunks.next())
      if (next === undefined) return
      if (next.done) break
      const chunk = next.value
      // Only a buffer that nobody else has a view of can be handed over. (`slice` of a Buffer would be one more view of it.)
      batch.push(chunk.byteLength === chunk.buffer.byteLength ? chunk : new Uint8Array(chunk))
      bytes += chunk.byteLength
      if (bytes < batchBytes) continue
      flush()
      await outcome.room()
    }
    flush()
    post({ end: true })
  } catch (error) {
    post({ failed: plainError(error) })
    // The reader gives up and closes its file before the body's own error is told.
    await outcome.result.catch(() => {})
    throw error
  } finally {
    // Not waited for: a client that stalls would hold up its own refusal.
    void chunks.return?.()?.catch(() => {})
  }
}
