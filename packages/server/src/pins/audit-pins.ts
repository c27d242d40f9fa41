import { CID } from 'multiformats/cid'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import type { PinBackend, PinState } from './backend.ts'
import { BackendError, rootKey } from './backend.ts'
import { sampleFailureText, stateOfError } from './failure.ts'
import type { ClaimedPin } from './pins.ts'
import { sampleComplete } from './store/contents.ts'
import { samplePinned, saveChecked, saveLost } from './store/pins.ts'
import type { PinComponents } from './sweep.ts'
import { sweepOfStep } from './sweep.ts'

/** Pins looked at in one audit of a backend that only has to be asked, and of one where whole DAGs are read. */
const sampleSize = 200
const readSampleSize = 20

export interface AuditResult {
  backend: string
  checked: number
  lost: number
}

/**
 * Takes some of what is said to be pinned, from everywhere, and checks that it is. What is not is failed from then on, and is pinned again. A backend
 * that is away is not audited: that says nothing about its pins.
 */
export async function auditPins(components: PinComponents, signal?: AbortSignal): Promise<AuditResult[]> {
  const results: AuditResult[] = []
  for (const backend of components.pinBackends) {
    signal?.throwIfAborted()
    try {
      results.push(await auditOne(components, backend, signal))
    } catch (error) {
      if (!(error instanceof BackendError)) throw error
      components.log.warn({ backend: backend.name, reason: error.message }, 'a pin backend could not be audited')
    }
  }
  return results
}

async function auditOne(components: PinComponents, backend: PinBackend, signal: AbortSignal | undefined): Promise<AuditResult> {
  const { database, facts, log } = components
  const pins = await sample(components, backend)
  const states = await statesOf(backend, pins, signal)
  const seen = pins.filter(({ root }) => states.has(rootKey(root)))
  const lost = seen.filter(({ root }) => states.get(rootKey(root))?.status !== 'pinned')
  await saveChecked(
    database,
    backend.name,
    seen.map(({ contentId }) => contentId),
  )
  for (const { contentId, root } of lost) {
    const reason = sampleFailureText(states.get(rootKey(root)) as PinState)
    log.warn({ backend: backend.name, cid: rootKey(root), reason }, 'an audit did not find what was pinned')
    await database.kysely.transaction().execute(async (kysely) => {
      await saveLost({ kysely }, backend.name, contentId, reason)
      await tellContentsChanged({ kysely }, [contentId])
    })
  }
  if (lost.length > 0) await facts.sweepAt(database, sweepOfStep.retry, new Date())
  log.info({ backend: backend.name, checked: seen.length, lost: lost.length }, 'pins audited')
  return { backend: backend.name, checked: seen.length, lost: lost.length }
}

async function sample({ database }: PinComponents, { name, audit }: PinBackend): Promise<ClaimedPin[]> {
  if (name !== 'embedded') return await samplePinned(database, name, audit ? readSampleSize : sampleSize)
  const contents = await sampleComplete(database, readSampleSize)
  return contents.map(({ id, cid }) => ({ contentId: id, root: CID.decode(cid), attempts: 0, handedOverAt: null }))
}

async function statesOf(backend: PinBackend, pins: readonly ClaimedPin[], signal: AbortSignal | undefined) {
  if (pins.length === 0) return new Map<string, PinState>()
  if (!backend.audit) {
    return await backend.status(
      pins.map(({ root, handedOverAt }) => ({ root, since: handedOverAt ?? new Date(0) })),
      { signal },
    )
  }
  const states = new Map<string, PinState>()
  for (const { root } of pins) {
    try {
      states.set(rootKey(root), await backend.audit(root, { signal }))
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof BackendError && error.kind === 'unavailable') throw error
      states.set(rootKey(root), stateOfError(error))
    }
  }
  return states
}
