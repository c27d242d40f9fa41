import type { Provider } from '../network/network.ts'
import type { LinkedSignal } from './linked-signal.ts'
import { linkedSignal } from './linked-signal.ts'
import type { Source } from './source.ts'

/** A source of one session, and how it did. */
export interface SourceState {
  readonly source: Source
  /** The blocks it is being asked for, each with what ends the asking. */
  readonly asking: Set<LinkedSignal>
  /** Looks of the watch since it gave a block, or said that it has none, or was first asked for something. */
  silentLooks: number
  delivered: number
  failed: number
}

/** A source that is asked for something and gives nothing at all for this long is dropped. A byte now and then is nothing: only whole blocks count. */
const stallMs = 15_000
const watchMs = 1_000
/** Wrong blocks and broken connections a source may have before it is dropped, and blocks it has to give for one more. */
const maxFailures = 3
const blocksPerFailure = 100
/** Times a source that was dropped may come back, when it is found again. */
const maxComebacks = 2
/** Providers being connected to at the same time, the others wait. */
const maxSources = 24

interface Parts {
  /** Makes a source of a provider; undefined where it can be asked in no way. */
  connect(provider: Provider, signal: AbortSignal): Promise<Source | undefined>
}

/** Who is asked for the blocks of one session. */
export function sourcePool(parts: Parts, signal: AbortSignal) {
  const states = new Set<SourceState>()
  const added = new Map<string, { drops: number; isIn: boolean }>()
  const connecting = new Set<Promise<void>>()
  let change = Promise.withResolvers<void>()
  let lastDrop: Error | undefined
  const notify = () => {
    change.resolve()
    change = Promise.withResolvers()
  }

  const drop = (state: SourceState, reason: string) => {
    if (!states.delete(state)) return
    const known = added.get(state.source.name)
    if (known) {
      known.drops++
      known.isIn = false
    }
    lastDrop = new Error(`${state.source.name} ${reason}`)
    for (const asking of state.asking) asking.abort(lastDrop)
    notify()
  }
  const watch = setInterval(() => {
    for (const state of states) {
      // Looks are counted, not time: when this process itself stood still, what came meanwhile has not been read yet.
      if (state.asking.size > 0 && ++state.silentLooks > stallMs / watchMs) drop(state, `gave nothing for ${stallMs / 1000} s`)
    }
  }, watchMs)
  watch.unref()
  signal.addEventListener('abort', () => clearInterval(watch), { once: true })

  const addSource = (source: Source) => {
    const known = added.get(source.name) ?? { drops: 0, isIn: false }
    if (known.isIn || known.drops > maxComebacks || states.size >= maxSources || signal.aborted) return
    added.set(source.name, { ...known, isIn: true })
    states.add({ source, asking: new Set(), silentLooks: 0, delivered: 0, failed: 0 })
    notify()
  }

  const add = (provider: Provider): Promise<void> => {
    const known = added.get(provider.id)
    if (known && (known.isIn || known.drops > maxComebacks)) return Promise.resolve()
    const connected = parts
      .connect(provider, signal)
      .then((source) => source && addSource(source))
      .catch(() => {})
      .finally(() => {
        connecting.delete(connected)
        notify()
      })
    connecting.add(connected)
    return connected
  }

  return {
    add,
    addSource,
    size: () => states.size,
    /** Why the last source was left, where one was. */
    lastDrop: () => lastDrop,
    /** Resolves when somebody came, went or has room again. */
    changed: () => change.promise,
    settled: async () => void (await Promise.all(connecting)),
    /** The source to ask next: one that has room, and of those the one that did best. */
    pick(tried: ReadonlySet<SourceState>): SourceState | undefined {
      let best: SourceState | undefined
      for (const state of states) {
        if (tried.has(state) || state.asking.size >= state.source.parallel) continue
        if (!best || scoreOf(state) > scoreOf(best)) best = state
      }
      return best
    },
    /** Whether somebody untried may have room later, or is being connected to. */
    isBusy: (tried: ReadonlySet<SourceState>) => connecting.size > 0 || [...states].some((state) => !tried.has(state)),
    /** Asks, and notes how that went. */
    async use<T>(state: SourceState, action: (signal: AbortSignal) => Promise<T>, outer: AbortSignal): Promise<T> {
      using own = linkedSignal([outer])
      if (state.asking.size === 0) state.silentLooks = 0
      state.asking.add(own)
      try {
        const result = await action(own.signal)
        state.silentLooks = 0
        if (result !== undefined) state.delivered++
        return result
      } catch (error) {
        // Who ended it says why; the libraries below only that it was ended.
        if (own.signal.aborted) throw own.signal.reason
        if (++state.failed >= maxFailures + state.delivered / blocksPerFailure) drop(state, 'failed too often')
        throw error
      } finally {
        state.asking.delete(own)
        notify()
      }
    },
  }
}

/** More blocks, fewer failures, and room: so the work is spread, and goes to those who do it. */
function scoreOf({ source, asking, delivered, failed }: SourceState): number {
  const quality = (delivered + 1) / (delivered + 1 + 4 * failed)
  return quality * (1 - asking.size / source.parallel)
}
