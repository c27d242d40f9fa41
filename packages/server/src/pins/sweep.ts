import type { Blocks } from '../blocks/blocks.ts'
import type { Db } from '../database/database.ts'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import type { Facts } from '../jobs/facts.ts'
import type { BackendName, PinBackend, PinState } from './backend.ts'
import { BackendError } from './backend.ts'
import type { ClaimedPin, PinPolicy, PinStep } from './pins.ts'
import { changeAfter } from './pins.ts'
import { listBackends, restBackend, wakeBackend } from './store/backends.ts'
import { nextDue, releaseOrphans, settlePins } from './store/pins.ts'
import { addUnpins } from './store/unpins.ts'

export interface PinLog {
  info(object: object, message: string): void
  warn(object: object, message: string): void
}

/** What the sweeps over pins need. */
export interface PinComponents {
  database: Db
  blocks: Blocks
  facts: Facts
  log: PinLog
  pinBackends: readonly PinBackend[]
  pinPolicy: PinPolicy
  /** Contents handed over to one backend at the same time. */
  pinConcurrency: number
}

/** The sweep that takes each step. */
export const sweepOfStep = { add: 'pin-contents', track: 'track-pins', retry: 'retry-pins' } as const satisfies Record<
  PinStep,
  string
>

const shortestRestMs = 5_000
const longestRestMs = 60_000

/**
 * Runs one kind of work at every backend, beside each other: one that is slow or away holds up no other. A backend that cannot be used is left alone for
 * a while, which costs no pin an attempt; then the sweep runs again.
 */
export async function sweepBackends(
  components: PinComponents,
  step: PinStep,
  work: (backend: PinBackend) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { database, facts, pinBackends } = components
  const rows = new Map((await listBackends(database)).map((row) => [row.name, row]))
  const wakeUps: Date[] = []
  const results = await Promise.allSettled(
    pinBackends.map(async (backend) => {
      await releaseOrphans(database, backend.name, step)
      const { restingUntil = null, failures = 0 } = rows.get(backend.name) ?? {}
      if (restingUntil && restingUntil > new Date()) {
        wakeUps.push(restingUntil)
        return
      }
      try {
        await work(backend)
        // Somebody else may have had trouble with it meanwhile; this one had none.
        if (failures > 0) await wakeBackend(database, backend.name)
      } catch (error) {
        if (!(error instanceof BackendError)) throw error
        wakeUps.push(await rest(components, backend.name, error, failures))
      } finally {
        await releaseOrphans(database, backend.name, step)
      }
    }),
  )
  const names = pinBackends.map(({ name }) => name)
  const resting = new Map((await listBackends(database)).map(({ name, restingUntil }) => [name, restingUntil]))
  for (const [name, at] of await nextDue(database, names, step)) {
    const rested = resting.get(name)
    wakeUps.push(rested && rested > at ? rested : at)
  }
  const next = Math.min(...wakeUps.map((at) => at.getTime()))
  if (Number.isFinite(next) && !signal?.aborted)
    await facts.sweepAt(database, sweepOfStep[step], new Date(Math.max(next, Date.now() + 100)))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

async function rest({ database, log }: PinComponents, name: BackendName, error: BackendError, failures: number): Promise<Date> {
  const restMs = error.retryAfterMs ?? Math.min(longestRestMs, shortestRestMs * 2 ** Math.min(failures, 10))
  const until = new Date(Date.now() + restMs)
  log.warn({ backend: name, reason: error.message, until }, 'a pin backend cannot be used; it is tried again')
  await restBackend(database, name, until, error.message)
  return until
}

/** Enters what a backend says of pins, and has the sweep run that is next. */
export async function settle(
  { database, facts, pinPolicy, log }: PinComponents,
  backend: BackendName,
  outcomes: readonly { pin: ClaimedPin; state: PinState; wasThere?: boolean }[],
): Promise<void> {
  if (outcomes.length === 0) return
  const now = new Date()
  const changes = outcomes.map(({ pin, state, wasThere }) => ({
    contentId: pin.contentId,
    ...changeAfter(pin, state, now, pinPolicy),
    ...(wasThere && { wasThere }),
  }))
  for (const { contentId, status, nextStep, lastError } of changes) {
    if (status === 'failed' && nextStep === null) log.warn({ backend, contentId, reason: lastError }, 'a pin is given up')
  }
  await database.kysely.transaction().execute(async (kysely) => {
    const gone = new Set(await settlePins({ kysely }, backend, changes))
    // Forgotten while it was handed over: the collector could not know yet that the backend has it.
    const orphans = outcomes.filter(({ pin, wasThere }) => gone.has(pin.contentId) && !wasThere).map(({ pin }) => pin.root)
    if (orphans.length > 0) await addUnpins({ kysely }, backend, orphans)
    await tellContentsChanged(
      { kysely },
      changes.map(({ contentId }) => contentId),
    )
  })
  for (const step of ['track', 'retry'] as const) {
    const due = changes.filter(({ nextStep }) => nextStep === step).map(({ nextAttemptAt }) => nextAttemptAt?.getTime() ?? 0)
    if (due.length > 0) await facts.sweepAt(database, sweepOfStep[step], new Date(Math.min(...due)))
  }
}
