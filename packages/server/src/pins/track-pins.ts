import type { PinBackend } from './backend.ts'
import { rootKey } from './backend.ts'
import { claimPins, releasePins } from './store/pins.ts'
import type { PinComponents } from './sweep.ts'
import { settle, sweepBackends } from './sweep.ts'

/** Pins asked about at once: what services list on some pages. */
const batchSize = 10_000
/** What is due so soon is asked about with the rest: fewer and fuller calls. */
const aheadMs = 5_000
/** When the calls of a minute are used up, how long what was not asked about waits. */
const nextTurnMs = 10_000

/** Asks every backend how far it is with what was handed over. */
export async function trackPins(components: PinComponents, signal?: AbortSignal): Promise<void> {
  await sweepBackends(components, 'track', (backend) => trackAt(components, backend, signal), signal)
}

async function trackAt(components: PinComponents, backend: PinBackend, signal: AbortSignal | undefined): Promise<void> {
  const { database } = components
  const pins = await claimPins(database, { backend: backend.name, step: 'track', limit: batchSize, aheadMs })
  if (pins.length === 0) return
  const states = await backend.status(
    pins.map(({ root, handedOverAt }) => ({ root, since: handedOverAt ?? new Date() })),
    { signal },
  )
  const answered = pins.flatMap((pin) => {
    const state = states.get(rootKey(pin.root))
    return state ? [{ pin, state }] : []
  })
  await settle(components, backend.name, answered)
  const known = new Set(answered.map(({ pin }) => pin.contentId))
  const contentIds = pins.map(({ contentId }) => contentId).filter((contentId) => !known.has(contentId))
  if (contentIds.length > 0) await releasePins(database, backend.name, { contentIds, dueAt: new Date(Date.now() + nextTurnMs) })
}
