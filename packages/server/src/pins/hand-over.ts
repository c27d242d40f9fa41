import { setTimeout as sleep } from 'node:timers/promises'
import type { PinBackend, PinState } from './backend.ts'
import { BackendError, rootKey } from './backend.ts'
import { dagOf } from './dag-car.ts'
import { stateOfError } from './failure.ts'
import type { ClaimedPin } from './pins.ts'
import { fillBackend } from './store/backends.ts'
import type { DuePin } from './store/pins.ts'
import { beginAttempts, claimPins, forgetMended, releasePins } from './store/pins.ts'
import type { PinComponents } from './sweep.ts'
import { settle, sweepBackends } from './sweep.ts'

/** Pins taken at once: as many as the least capable backend says the status of in one call or a few. */
const batchSize = 60
/** While a large DAG is on its way, how often to look for more to do beside it. */
const lookAgainMs = 1_000
/** A content nobody holds is not handed to anybody; it may be stored again before it is forgotten. */
const unheldMs = 10 * 60_000
const unpinWaitMs = 5_000
/** Contents of before a backend was added that get a pin at once. */
const fillSize = 1_000

/** Hands over what is new, at every backend. */
export async function pinContents(components: PinComponents, signal?: AbortSignal): Promise<void> {
  await sweepBackends(components, 'add', (backend) => handOver(components, backend, 'add', signal), signal)
}

/** Tries again what failed, at every backend. */
export async function retryPins(components: PinComponents, signal?: AbortSignal): Promise<void> {
  await sweepBackends(components, 'retry', (backend) => handOver(components, backend, 'retry', signal), signal)
  await forgetMended(components.database)
}

/**
 * Hands over everything that is due at one backend, some at a time. A large DAG takes one lane for as long as it takes; the others go on.
 *
 * @throws BackendError `unavailable` when the backend as a whole cannot be used: what was not handed over waits
 */
async function handOver(
  components: PinComponents,
  backend: PinBackend,
  step: 'add' | 'retry',
  signal: AbortSignal | undefined,
): Promise<void> {
  const { database, pinConcurrency } = components
  const lanes = new Set<Promise<void>>()
  let trouble: unknown
  const launch = (pin: ClaimedPin) => {
    const lane = handOverOne(components, backend, pin, step, signal)
      .catch((error: unknown) => {
        trouble ??= error
      })
      .finally(() => lanes.delete(lane))
    lanes.add(lane)
  }
  try {
    while (trouble === undefined) {
      signal?.throwIfAborted()
      const due = await claimPins(database, { backend: backend.name, step, limit: batchSize })
      if (due.length === 0 && (step !== 'add' || !(await fillBackend(database, backend.name, fillSize)))) {
        if (lanes.size === 0) break
        await Promise.race([...lanes, sleep(lookAgainMs, undefined, { ref: false })])
        continue
      }
      for (const pin of await settleKnown(components, backend, due, step, signal)) {
        while (lanes.size >= pinConcurrency) await Promise.race(lanes)
        if (trouble !== undefined) break
        launch(pin)
      }
    }
  } finally {
    await Promise.all(lanes)
  }
  if (trouble !== undefined) throw trouble
}

/** Settles what the backend has already, and gives what is to be handed over. */
async function settleKnown(
  components: PinComponents,
  backend: PinBackend,
  due: readonly DuePin[],
  step: 'add' | 'retry',
  signal: AbortSignal | undefined,
): Promise<ClaimedPin[]> {
  const { database } = components
  const wait = async (pins: readonly DuePin[], ms: number) => {
    const contentIds = pins.map(({ contentId }) => contentId)
    if (contentIds.length > 0) await releasePins(database, backend.name, { contentIds, dueAt: new Date(Date.now() + ms) })
  }
  await wait(
    due.filter((pin) => !pin.isHeld),
    unheldMs,
  )
  await wait(
    due.filter((pin) => pin.isHeld && pin.isBeingUnpinned),
    unpinWaitMs,
  )
  const wanted = due.filter((pin) => pin.isHeld && !pin.isBeingUnpinned)
  const states = await statesOf(backend, wanted, step, signal)
  const settled = wanted.flatMap((pin) => {
    const state = states.get(rootKey(pin.root))
    if (!state || state.status === 'absent' || state.status === 'failed') return []
    return [{ pin, state, wasThere: pin.handedOverAt === null }]
  })
  await settle(components, backend.name, settled)
  const known = new Set(settled.map(({ pin }) => pin))
  return wanted.filter((pin) => !known.has(pin))
}

async function statesOf(
  backend: PinBackend,
  pins: readonly ClaimedPin[],
  step: 'add' | 'retry',
  signal: AbortSignal | undefined,
) {
  if (pins.length === 0) return new Map<string, PinState>()
  if (step === 'add' || !backend.audit) {
    return await backend.status(
      pins.map(({ root, handedOverAt }) => ({ root, since: handedOverAt ?? new Date() })),
      { signal },
    )
  }
  const states = new Map<string, PinState>()
  for (const { root } of pins) {
    // What cannot be looked at now is handed over again.
    const state = await backend.audit(root, { signal }).catch(stateOfError)
    states.set(rootKey(root), state)
  }
  return states
}

async function handOverOne(
  components: PinComponents,
  backend: PinBackend,
  pin: ClaimedPin,
  step: 'add' | 'retry',
  signal: AbortSignal | undefined,
): Promise<void> {
  const { database, blocks } = components
  await beginAttempts(database, backend.name, [pin.contentId])
  const tried = { ...pin, attempts: pin.attempts + 1, handedOverAt: new Date() }
  let state: PinState
  try {
    // Every other time from the beginning: what a backend cannot mend by itself it may be able to take anew.
    const recovered = step === 'retry' && tried.attempts % 2 === 0 ? await backend.recover?.(pin.root, { signal }) : undefined
    const isMending = recovered !== undefined && recovered.status !== 'absent' && recovered.status !== 'failed'
    state = isMending ? recovered : await backend.add(dagOf(blocks, pin.root), { signal })
  } catch (error) {
    signal?.throwIfAborted()
    const isAway = error instanceof BackendError && error.kind === 'unavailable' && !(await answers(backend, error, signal))
    if (isAway) {
      await releasePins(database, backend.name, { contentIds: [pin.contentId], dueAt: new Date(), attemptsBack: 1 })
      throw error
    }
    state = stateOfError(error)
  }
  await settle(components, backend.name, [{ pin: tried, state }])
}

/** Whether it is this one DAG that a backend cannot take, not the backend that is away. What asked to be left alone is. */
async function answers(backend: PinBackend, error: BackendError, signal: AbortSignal | undefined): Promise<boolean> {
  if (error.retryAfterMs !== undefined || error.status === 429 || error.status === 401 || error.status === 403) return false
  return await backend.check({ signal }).then(
    () => true,
    () => false,
  )
}
