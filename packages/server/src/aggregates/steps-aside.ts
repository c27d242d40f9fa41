import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { sql } from 'kysely'
import type { BlobsConfig } from '../blobs/open.ts'
import { slots } from '../blobs/slots.ts'
import type { Db } from '../database/database.ts'
import { errorOf } from '../thread-errors.ts'
import { BadAggregateError } from './bad-aggregate-error.ts'
import type { BuildComponents } from './build-aggregate.ts'
import type { StepData, StepMessage, StepOrder, StepSignal } from './step-messages.ts'
import type { AggregateSteps } from './steps.ts'
import { stepsHere } from './steps.ts'
import { countWaiting } from './store.ts'

interface Components extends BuildComponents {
  databaseUrl: string
  blobsAt: BlobsConfig
}

export interface AsideLimits {
  /** What has more blocks or bytes is done on a thread; starting one takes longer than building what has less. */
  smallBlocks: number
  smallBytes: number
  /** The same of planning: contents that wait. */
  smallContents: number
  /** What the heap of a thread may take. */
  heap: { maxOldGenerationSizeMb: number; maxYoungGenerationSizeMb: number }
}

/** Up to so many bytes the piece is computed on the same thread: others take more memory than they save time. */
const plainBytes = 1024 * 1024 * 1024
/** Beside them one processor reads and checks the blocks; one thread more would take as long, and memory. */
const commPThreads = Math.max(1, Math.min(7, availableParallelism() - 1))

/**
 * Of an aggregate of a hundred thousand items some 90 MiB live. V8 lets a heap that may have gigabytes grow to four times what lives in it before it
 * cleans up, and one that may have as little as this to less than one and a half times; and when the thread ends, all of it is given back.
 */
const usualLimits: AsideLimits = {
  smallBlocks: 5000,
  smallBytes: 64 * 1024 * 1024,
  smallContents: 2000,
  heap: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 8 },
}

/** How long a thread that was told to give up may take to put its things in order. */
const orderlyMs = 5000

/**
 * Plans where much waits, and does the steps of large aggregates, on a thread, one after the other, so that they take memory once and keep no request
 * waiting; what is small is done here.
 */
export function stepsAside(components: Components, limits: AsideLimits = usualLimits): AggregateSteps {
  const here = stepsHere(components)
  // Planning has one of its own: nothing may wait past its time because something large is being built.
  const forPlanning = slots(1)
  const forSteps = slots(1)
  const aside = (order: StepOrder, options: ThreadOptions) => {
    const { databaseUrl, blobsAt: blobs } = components
    const slot = order.step === 'plan' ? forPlanning : forSteps
    return slot.use(() => onThread(components, { order, databaseUrl, blobs }, { ...options, heap: limits.heap }))
  }
  const commPThreadsFor = ({ bytes }: Planned) => (bytes <= plainBytes ? 0 : commPThreads)
  return {
    async plan(rules, signal) {
      const waiting = await countWaiting(components.database, limits.smallContents + 1)
      if (waiting <= limits.smallContents) return await here.plan(rules, signal)
      await aside({ step: 'plan', rules }, { signal })
    },
    async build({ aggregateId }, options = {}) {
      const planned = await findPlanned(components.database, aggregateId)
      if (isSmall(planned, limits)) return await here.build({ aggregateId }, options)
      await aside({ step: 'build', aggregateId, commPThreads: commPThreadsFor(planned) }, options)
    },
    async validate({ aggregateId }, options = {}) {
      const planned = await findPlanned(components.database, aggregateId)
      if (isSmall(planned, limits)) return await here.validate({ aggregateId }, options)
      const { again = false, ...others } = options
      return await aside({ step: 'validate', aggregateId, commPThreads: commPThreadsFor(planned), again }, others)
    },
  }
}

interface Planned {
  blocks: number
  bytes: number
}

function isSmall({ blocks, bytes }: Planned, { smallBlocks, smallBytes }: AsideLimits): boolean {
  return blocks <= smallBlocks && bytes <= smallBytes
}

async function findPlanned({ kysely }: Db, aggregateId: number): Promise<Planned> {
  const { rows } = await sql<Planned>`
    select planned_blocks as blocks, planned_bytes as bytes from aggregate where id = ${aggregateId}`.execute(kysely)
  return rows[0] ?? { blocks: 0, bytes: 0 }
}

interface ThreadOptions {
  signal?: AbortSignal | undefined
  onProgress?: ((bytes: number) => void) | undefined
}

/** Trying again at once would not help; the row is to say why. */
function asOutOfMemory(error: Error & { code?: string }): Error {
  if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error
  return new BadAggregateError('It takes more memory than a thread may have.', { cause: error })
}

async function onThread(
  { log }: Pick<BuildComponents, 'log'>,
  data: StepData,
  { signal, onProgress, heap }: ThreadOptions & Pick<AsideLimits, 'heap'>,
): Promise<boolean> {
  signal?.throwIfAborted()
  const worker = new Worker(new URL('./step-thread.ts', import.meta.url), { workerData: data, resourceLimits: heap })
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  worker.on('message', (message: StepMessage) => {
    if ('log' in message) log[message.log](message.about, message.text)
    else if ('progressBytes' in message) onProgress?.(message.progressBytes)
    else if ('done' in message) resolve(message.done)
    else reject('bad' in message ? new BadAggregateError(message.bad) : errorOf(message.failed))
  })
  worker.once('error', (error) => reject(asOutOfMemory(error)))
  // `once` of node:events would reject with what the thread died of.
  const exited = new Promise<void>((resolveExit) => {
    worker.once('exit', () => {
      reject(new Error('The thread that worked on an aggregate ended.'))
      resolveExit()
    })
  })
  let late: NodeJS.Timeout | undefined
  const giveUp = () => {
    worker.postMessage('abort' satisfies StepSignal)
    late = setTimeout(() => void worker.terminate(), orderlyMs)
  }
  signal?.addEventListener('abort', giveUp)
  try {
    const done = await promise
    await exited
    return done
  } catch (error) {
    await exited
    throw error
  } finally {
    signal?.removeEventListener('abort', giveUp)
    clearTimeout(late)
  }
}
