// A thread that builds or validates one aggregate and ends. What it takes of memory is in a heap of its own, which goes with it.
import { parentPort, workerData } from 'node:worker_threads'
import { openBlobs } from '../blobs/open.ts'
import { openDatabase } from '../database/database.ts'
import { facts } from '../jobs/facts.ts'
import { pipeline } from '../pipeline.ts'
import { plainError } from '../thread-errors.ts'
import { BadAggregateError } from './bad-aggregate-error.ts'
import { buildAggregate } from './build-aggregate.ts'
import type { LogLevel, StepData, StepMessage, StepOrder } from './step-messages.ts'
import { validateAggregate } from './validate-aggregate.ts'

/** One holds the lock, one writes, the others look up blocks. */
const maxConnections = 4
/** Fewer than where many download at once: each takes memory. */
const readThreads = 1

function tell(message: StepMessage): void {
  parentPort?.postMessage(message)
}

function teller(log: LogLevel) {
  return (about: object, text: string) => tell({ log, about, text })
}

async function run(
  { step, aggregateId, again, commPThreads, databaseUrl, blobs: where }: StepData,
  signal: AbortSignal,
): Promise<boolean> {
  const log = { info: teller('info'), warn: teller('warn'), error: teller('error') }
  await using opened = new AsyncDisposableStack()
  const database = opened.adopt(await openDatabase({ url: databaseUrl, maxConnections, logger: log }), (db) => db.close())
  const blobs = opened.adopt(
    await openBlobs(where.kind === 'local' ? { ...where, readThreads } : where, { logger: log }),
    (store) => store.close(),
  )
  const components = { database, blobs, facts: facts(pipeline), log, commPThreads }
  if (step === 'validate') {
    const onProgress = (progressBytes: number) => tell({ progressBytes })
    return await validateAggregate(components, { aggregateId }, { again, signal, onProgress })
  }
  await buildAggregate(components, { aggregateId }, signal)
  return true
}

const giveUp = new AbortController()
parentPort?.on('message', (order: StepOrder) => {
  if (order === 'abort') giveUp.abort(new Error('The step was given up.'))
})
try {
  tell({ done: await run(workerData as StepData, giveUp.signal) })
} catch (error) {
  tell(error instanceof BadAggregateError ? { bad: error.message } : { failed: plainError(error) })
}
parentPort?.close()
