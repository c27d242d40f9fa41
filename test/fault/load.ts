import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, type Outcome, send, sendCar, sendWhole } from './exchange.ts'
import { contentOf, type Entry, type Ledger, partsOf } from './ledger.ts'
import type { Kind, Sample } from './samples.ts'
import { type Random, seededRandom } from './seeded.ts'

/** Everything uploaders do at once, until it is told to stop. */
export interface Load {
  /** From now on requests may fail: something is about to be killed. */
  expectFailures(): void
  /** No new requests; resolves when all under way are answered or broken. */
  stop(): Promise<void>
  /** Answers that nobody may get while nothing is killed, and refusals that nobody may get at all. */
  readonly mistakes: string[]
}

interface Worker {
  api: Api
  ledger: Ledger
  random: Random
  note(what: string, outcome: Outcome): void
}

const blobWorkers = 16

export function startLoad(api: Api, ledger: Ledger): Load {
  const mistakes: string[] = []
  let killing = false
  let stopping = false
  const note = (what: string, outcome: Outcome) => {
    if (outcome.kind === 'acknowledged') return
    const isServerFault = outcome.kind === 'unanswered' || outcome.status >= 500
    if (killing && isServerFault) return
    mistakes.push(`${what}: ${outcome.kind === 'refused' ? `${outcome.status} ` : ''}${outcome.text}`)
  }
  const run = async (name: string, step: (worker: Worker) => Promise<void>, pauseMs = 0) => {
    const worker = { api, ledger, random: seededRandom(`${ledger.seed} ${ledger.kills} ${name}`), note }
    // Not all in the same instant: a kill may then find them anywhere.
    await sleep(worker.random.between(0, pauseMs))
    while (!stopping) {
      await step(worker)
      // A server that is gone answers at once; asking it in a tight loop would only take the processor from its restart.
      if (killing) await sleep(20)
      if (pauseMs > 0) await sleep(worker.random.between(0, pauseMs))
    }
  }
  const running = [
    ...Array.from({ length: blobWorkers }, (_, index) => run(`small ${index}`, smallStep)),
    run('files', (worker) => upload(worker, 'file'), 1200),
    run('directories', (worker) => upload(worker, 'directory'), 100),
    run('cars', (worker) => upload(worker, 'car'), 50),
    run('chunks', chunkStep, 50),
  ]
  return {
    mistakes,
    expectFailures() {
      killing = true
    },
    async stop() {
      stopping = true
      await Promise.all(running)
    },
  }
}

async function smallStep(worker: Worker): Promise<void> {
  const dice = worker.random.between(1, 20)
  const known = dice <= 2 ? worker.ledger.pickKept(worker.random) : undefined
  if (known && dice === 1) await remove(worker, known)
  else if (known) await rename(worker, known)
  else await upload(worker, 'blob')
}

async function upload({ api, ledger, note }: Worker, kind: Exclude<Kind, 'chunked'>): Promise<void> {
  const entry = ledger.add(kind)
  const sample = contentOf(entry) as Exclude<Sample, { kind: 'chunked' }>
  const outcome = await sendWhole(api, sample, entry.names[0]!)
  note(`upload ${entry.n} (${kind})`, outcome)
  acknowledge(entry, outcome)
  entry.busy = false
}

function acknowledge(entry: Entry, outcome: Outcome): void {
  if (outcome.kind !== 'acknowledged') return
  entry.standing = 'kept'
  entry.cid = outcome.value.cid
}

/** A new chunked upload; one in five is left unfinished, as by a client that lost its connection. */
async function chunkStep(worker: Worker): Promise<void> {
  const entry = worker.ledger.add('chunked')
  const order = worker.random.shuffled(partsOf(entry).map((_, index) => index))
  const last = worker.random.chance(0.2) ? worker.random.between(1, order.length - 1) : order.length
  const batches = worker.random.chance(0.5) ? [order.slice(0, last)] : order.slice(0, last).map((index) => [index])
  for (const batch of batches) {
    const outcomes = await Promise.all(batch.map((index) => sendPart(worker.api, entry, index)))
    for (const outcome of outcomes) worker.note(`part of upload ${entry.n}`, outcome)
    if (outcomes.some(({ kind }) => kind !== 'acknowledged')) break
  }
  entry.busy = false
}

export async function sendPart(api: Api, entry: Entry, index: number): Promise<Outcome> {
  const car = partsOf(entry)[index]!
  entry.chunks?.sent.add(index)
  const outcome = await sendCar(api, car, entry.names[0]!)
  acknowledge(entry, outcome)
  if (outcome.kind === 'acknowledged') entry.chunks?.acknowledged.add(index)
  return outcome
}

async function remove({ api, ledger, note }: Worker, entry: Entry): Promise<void> {
  entry.busy = true
  entry.standing = 'unsure-deleted'
  entry.changedAt = ledger.kills
  const outcome = await send(api, 'DELETE', `/${entry.cid}`)
  note(`delete of upload ${entry.n}`, outcome)
  if (outcome.kind === 'acknowledged') entry.standing = 'deleted'
  entry.busy = false
}

async function rename({ api, ledger, random, note }: Worker, entry: Entry): Promise<void> {
  entry.busy = true
  const wanted = `k-${entry.n}~${random.between(0, 1_000_000)}`
  entry.names.push(wanted)
  entry.changedAt = ledger.kills
  const body = JSON.stringify({ name: wanted })
  const outcome = await send(api, 'PATCH', `/upload/${entry.cid}`, { body, headers: { 'content-type': 'application/json' } })
  note(`rename of upload ${entry.n}`, outcome)
  if (outcome.kind === 'acknowledged') entry.names = [wanted]
  entry.busy = false
}
