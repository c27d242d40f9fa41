// A thread that plans, builds or validates and ends. What it takes of memory is in a heap of its own, which goes with it.
import { parentPort, workerData } from 'node:worker_threads'
import { openBlobs } from '../blobs/open.ts'
import { openDatabase } from '../database/database.ts'
import { facts } from '../jobs/facts.ts'
import { pipeline } from '../pipeline.ts'
import { plainError } from '../thread-errors.ts'
import { BadAggregateError } from './bad-aggregate-error.ts'
import type { BuildComponents } from './build-aggregate.ts'
import { buildAggregate } from './build-aggregate.ts'
import { planAggregates } from './plan-aggregates.ts'
import type { LogLevel, StepData, StepMessage, StepOrder, StepSignal } from './step-messages.ts'
import { validateAggregate } from './validate-aggregate.ts'

/** One holds the lock, one writes, the others look up blocks. */
const maxConnections = 4
/** Fewer than where many download at once: each takes memory. */
const readThreads = 1
const betweenMessagesMs = 50

function tell(message: StepMessage): void {
  parentPort?.postMessage(message)
}

function teller(log: LogLevel) {
  return (about: object, text: string) => tell({ log, about, text })
}

/** Not each time: a message costs more than a small block. */
function progressTeller() {
  let toldAt = 0
  let progressBytes = 0
  return {
    onProgress(bytes: number): void {
      progressBytes = bytes
      const now = performance.now()
      if (now - toldAt < betweenMessagesMs) return
      toldAt = now
      tell({ progressBytes })
    },
    tellLast: () => tell({ progressBytes }),
  }
}

async function run({ order, databaseUrl, blobs: where }: StepData, signal: AbortSignal): Promise<boolean> {
  const log = { info: teller('info'), warn: teller('warn'), error: teller('error') }
  await using opened = new AsyncDisposableStack()
  const database = opened.adopt(await openDatabase({ url: databaseUrl, maxConnections, logger: log }), (db) => db.close())
  const blobs = opened.adopt(
    await openBlobs(where.kind === 'local' ? { ...where, readThreads } : where, { logger: log }),
    (store) => store.close(),
  )
  const components = { database, blobs, facts: facts(pipeline), log }
  if (order.step === 'plan') {
    await planAggregates({ ...components, rules: order.rules }, signal)
    return true
  }
  return await buildOrValidate(components, order, signal)
}

async function buildOrValidate(
  opened: BuildComponents,
  order: Exclude<StepOrder, { step: 'plan' }>,
  signal: AbortSignal,
): Promise<boolean> {
  const components = { ...opened, commPThreads: order.commPThreads }
  const { onProgress, tellLast } = progressTeller()
  const options = { signal, onProgress }
  let isDone = true
  if (order.step === 'build') await buildAggregate(components, order, options)
  else isDone = await validateAggregate(components, order, { again: order.again, ...options })
  tellLast()
  return isDone
}

const giveUp = new AbortController()
parentPort?.on('message', (order: StepSignal) => {
  if (order === 'abort') giveUp.abort(new Error('The step was given up.'))
})
try {
  tell({ done: await run(workerData as StepData, giveUp.signal) })
} catch (error) {
  tell(error instanceof BadAggregateError ? { bad: error.message } : { failed: plainError(error) })
}
parentPort?.close()
