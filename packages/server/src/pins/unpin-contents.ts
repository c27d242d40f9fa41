import type { PinBackend } from './backend.ts'
import { BackendError } from './backend.ts'
import { listBackends } from './store/backends.ts'
import { claimUnpins, endUnpin, nextUnpin, postponeUnpin, releaseUnpins } from './store/unpins.ts'
import type { PinComponents } from './sweep.ts'

const batchSize = 100
/** A backend that is away, or will not unpin, is asked again after so long; nobody waits for it. */
const retryMs = 10 * 60_000

/** Ends the promises for roots that nobody has held for the grace time. What cannot be ended now is tried again for as long as it takes. */
export async function unpinContents(components: PinComponents, signal?: AbortSignal): Promise<void> {
  const { database, facts, pinBackends } = components
  const others = pinBackends.filter(({ name }) => name !== 'embedded')
  const resting = new Map((await listBackends(database)).map(({ name, restingUntil }) => [name, restingUntil]))
  await Promise.all(
    others.map(async (backend) => {
      await releaseUnpins(database, backend.name)
      const until = resting.get(backend.name)
      if (!until || until <= new Date()) await unpinAt(components, backend, signal)
    }),
  )
  const next = await nextUnpin(
    database,
    others.map(({ name }) => name),
  )
  if (next) await facts.sweepAt(database, 'unpin-contents', new Date(Math.max(next.getTime(), Date.now() + 60_000)))
}

async function unpinAt({ database, log }: PinComponents, backend: PinBackend, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    const due = await claimUnpins(database, backend.name, batchSize)
    for (const { root } of due) {
      signal?.throwIfAborted()
      try {
        await backend.remove(root, { signal })
        await endUnpin(database, backend.name, root)
      } catch (error) {
        if (!(error instanceof BackendError)) throw error
        log.warn({ backend: backend.name, cid: root.toString(), reason: error.message }, 'a root could not be unpinned yet')
        await postponeUnpin(database, backend.name, root, new Date(Date.now() + (error.retryAfterMs ?? retryMs)), error.message)
        if (error.kind === 'unavailable') return await releaseUnpins(database, backend.name)
      }
    }
    if (due.length < batchSize) return
  }
}
