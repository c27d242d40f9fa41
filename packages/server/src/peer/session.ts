import type { AbortOptions } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import { KeepsakeError } from '../errors.ts'
import type { BlockSession, Provider } from '../network/network.ts'
import { linkedSignal } from './linked-signal.ts'
import type { Source } from './source.ts'
import type { SourceState } from './sources.ts'
import { sourcePool } from './sources.ts'

export interface SessionParts {
  /** Makes a source of a provider; undefined where it cannot be reached. */
  connect(provider: Provider, signal: AbortSignal): Promise<Source | undefined>
  /** Those we are connected to anyway, to be asked when nobody is known to have the block. */
  neighbours(): Source[]
  findProviders(cid: CID, options: AbortOptions): AsyncIterable<Provider>
}

/** One block is looked for this long, over all who could have it. */
const blockTimeoutMs = 60_000
/** When the one asked is silent for this long, another is asked too. */
const hedgeMs = 4_000
/** How long looking for providers of one block takes at most, and how many are taken. */
const searchTimeoutMs = 30_000
const maxProviders = 12
/** Between two searches for the same block: who has it may come later, or come back. */
const searchAgainMs = 10_000
/** Blocks besides the root that providers are looked for, in one session: a DAG whose parts are with different people. */
const maxSearches = 200

export async function openSession(
  parts: SessionParts,
  root: CID,
  origins: readonly Provider[],
  outer?: AbortSignal,
): Promise<BlockSession> {
  const ended = new AbortController()
  const signal = outer ? AbortSignal.any([outer, ended.signal]) : ended.signal
  const pool = sourcePool(parts, signal)
  for (const origin of origins) void pool.add(origin)
  const searches = new Map<string, { at: number; done: Promise<void> }>()
  const answered = new Error('somebody else gave the block')

  /** Looks for those who have the block; one search at a time for each. */
  const search = (cid: CID): Promise<void> => {
    const key = cid.toString()
    const known = searches.get(key)
    if (known && performance.now() - known.at < searchAgainMs) return known.done
    if (!known && searches.size > maxSearches) return Promise.resolve()
    const done = lookFor(cid)
    searches.set(key, { at: performance.now(), done })
    return done
  }
  const lookFor = async (cid: CID): Promise<void> => {
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(searchTimeoutMs)]) }
    const connecting: Promise<void>[] = []
    try {
      for await (const provider of parts.findProviders(cid, options)) {
        if (connecting.push(pool.add(provider)) === maxProviders) break
      }
    } catch {
      // Whoever was found until then is asked.
    }
    await Promise.all(connecting)
    if (pool.size() === 0) for (const neighbour of parts.neighbours()) pool.addSource(neighbour)
  }
  if (origins.length === 0) void search(root)

  const get = async (cid: CID, options?: AbortOptions): Promise<Uint8Array> => {
    signal.throwIfAborted()
    using asking = linkedSignal([signal, options?.signal], blockTimeoutMs)
    try {
      return await fetchOne({ cid, pool, search: () => search(cid), signal: asking.signal })
    } catch (error) {
      signal.throwIfAborted()
      options?.signal?.throwIfAborted()
      throw error
    } finally {
      // Whoever else was asked needs not answer any more.
      asking.abort(answered)
    }
  }
  return {
    get,
    async [Symbol.asyncDispose]() {
      ended.abort(new Error('the session is over'))
      await pool.settled()
    },
  }
}

interface FetchOne {
  cid: CID
  pool: ReturnType<typeof sourcePool>
  search(): Promise<void>
  signal: AbortSignal
}

type Outcome = { bytes: Uint8Array } | { from: SourceState; error?: unknown }

/** Asks one source after the other, and a second one beside it only when the first is slow. */
async function fetchOne({ cid, pool, search, signal }: FetchOne): Promise<Uint8Array> {
  const tried = new Set<SourceState>()
  const attempts = new Map<SourceState, Promise<Outcome>>()
  let isSearched = false
  let slowAt = 0
  let last: unknown
  while (!signal.aborted) {
    const isSlow = attempts.size === 0 || performance.now() >= slowAt
    const source = isSlow ? pool.pick(tried) : undefined
    if (source) {
      tried.add(source)
      attempts.set(source, ask(source, cid, pool, signal))
      slowAt = performance.now() + hedgeMs
    } else if (attempts.size === 0) {
      if (pool.isBusy(tried)) {
        await untilAborted(pool.changed(), signal)
        continue
      }
      // Everybody was asked. Once more with those a search finds, and then it is known that nobody has it.
      if (isSearched) break
      isSearched = true
      await untilAborted(Promise.race([search(), pool.changed()]), signal)
      if (pool.pick(tried) === undefined && !pool.isBusy(tried)) await untilAborted(search(), signal)
      continue
    }
    const outcome = await nextOutcome(attempts, source || !isSlow ? slowAt : pool.changed(), signal)
    if (!outcome) continue
    if ('bytes' in outcome) return outcome.bytes
    attempts.delete(outcome.from)
    last = outcome.error ?? last
  }
  throw notFetched(cid, tried.size, signal.aborted, last ?? pool.lastDrop())
}

/** What the first of the attempts came to; undefined when it is time to look for another source: at a time of `performance.now()`, or when something changed. */
async function nextOutcome(
  attempts: ReadonlyMap<SourceState, Promise<Outcome>>,
  until: number | Promise<unknown>,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = typeof until === 'number' ? setTimeout(resolve, until - performance.now()) : undefined
  try {
    return await Promise.race([...attempts.values(), untilAborted(typeof until === 'number' ? late : until, signal)])
  } finally {
    clearTimeout(timer)
    resolve()
  }
}

function notFetched(cid: CID, asked: number, isLate: boolean, cause: unknown): KeepsakeError {
  const nobody = cause === undefined ? 'nobody was found who has it' : 'nobody is left to be asked'
  const who = asked === 0 ? nobody : `${asked === 1 ? 'one peer was' : `${asked} peers were`} asked`
  const why = cause instanceof Error ? `; ${cause.message}` : ''
  const text = `Block ${cid} could not be fetched${isLate ? ' in time' : ''}: ${who}${why}.`
  return new KeepsakeError('ERROR_NOT_FETCHED', text, { cause })
}

async function ask(source: SourceState, cid: CID, pool: ReturnType<typeof sourcePool>, signal: AbortSignal): Promise<Outcome> {
  try {
    const bytes = await pool.use(source, (inner) => source.source.fetch(cid, { signal: inner }), signal)
    return bytes ? { bytes } : { from: source }
  } catch (error) {
    return { from: source, error }
  }
}

/** Waits, but not longer than the signal. */
async function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const onAbort = () => resolve()
  signal.addEventListener('abort', onAbort, { once: true })
  await Promise.race([promise, aborted])
  signal.removeEventListener('abort', onAbort)
}
