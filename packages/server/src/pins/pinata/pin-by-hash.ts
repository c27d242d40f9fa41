import type { AbortOptions } from '@keepsake/content/block.ts'
import type { HandedOver, PinBackend, PinState } from '../backend.ts'
import { BackendError, rootKey } from '../backend.ts'
import type { PinataOptions } from './options.ts'
import { maxHostNodes } from './options.ts'
import { keyOf, stateOfStage } from './pin-jobs.ts'

const rowsPerPage = 1000
const maxPages = 100
/** From so many roots on, listing what was pinned since takes fewer calls than asking for each. */
const listFrom = 10
const clockSlackMs = 3_600_000

type Row = Record<string, unknown>

/**
 * Pinata's first API, `pinByHash`. A job that is finished disappears from its list of jobs, so "not a job any more" says nothing: a root is pinned
 * when it is in the list of pins.
 */
export function pinByHash({ url, call: send, budget, origins }: PinataOptions): PinBackend {
  const get = async (path: string, query: Record<string, string>, signal: AbortSignal | undefined) => {
    const reply = await send({ method: 'GET', url: new URL(`${path}?${new URLSearchParams(query)}`, url), signal })
    const { rows } = ((await reply.json()) ?? {}) as { rows?: unknown }
    if (!Array.isArray(rows)) throw new BackendError('unavailable', `${url.host} answered ${path} without rows`)
    return rows as Row[]
  }

  /** Jobs, then pins: what ends in between is found among the pins. */
  const readJobs = async (open: Set<string>, states: Map<string, PinState>, signal?: AbortSignal) => {
    for (let page = 0; page < maxPages && open.size > 0; page++) {
      if (!budget.take()) return false
      const query = { sort: 'DESC', limit: String(rowsPerPage), offset: String(page * rowsPerPage) }
      const rows = await get('/pinning/pinJobs', query, signal)
      for (const row of rows) {
        const key = keyOf(row, 'ipfs_pin_hash')
        // The newest job of a root comes first, and counts.
        if (key !== undefined && open.has(key) && !states.has(key)) states.set(key, stateOfStage(row.status))
      }
      if (rows.length < rowsPerPage) return true
    }
    return true
  }

  /** Those of `open` that Pinata lists as pinned; all others of them are absent. False when the calls were used up before the end. */
  const readPins = async (open: Set<string>, since: Date, states: Map<string, PinState>, signal?: AbortSignal) => {
    const pinStart = new Date(since.getTime() - clockSlackMs).toISOString()
    for (let page = 0; page < maxPages && open.size > 0; page++) {
      if (!budget.take()) return
      const query = { status: 'pinned', pinStart, pageLimit: String(rowsPerPage), pageOffset: String(page * rowsPerPage) }
      const rows = await get('/data/pinList', query, signal)
      for (const row of rows) {
        const key = keyOf(row, 'ipfs_pin_hash')
        if (key !== undefined && open.delete(key)) states.set(key, { status: 'pinned' })
      }
      if (rows.length < rowsPerPage) break
    }
    await readEach(open, states, signal)
  }

  const readEach = async (open: Set<string>, states: Map<string, PinState>, signal?: AbortSignal) => {
    for (const key of open) {
      if (!budget.take()) return
      const rows = await get('/data/pinList', { status: 'pinned', hashContains: key, pageLimit: '10' }, signal)
      const isPinned = rows.some((row) => keyOf(row, 'ipfs_pin_hash') === key)
      states.set(key, { status: isPinned ? 'pinned' : 'absent' })
    }
  }

  const status = async (roots: readonly HandedOver[], { signal }: AbortOptions = {}) => {
    const states = new Map<string, PinState>()
    const open = new Set(roots.map(({ root }) => rootKey(root)))
    if (!(await readJobs(open, states, signal))) return states
    for (const [key, { status: known }] of states) if (known !== 'failed') open.delete(key)
    // A job that failed may have been followed by a pin made otherwise.
    const pins = new Map<string, PinState>()
    const since = new Date(Math.min(...roots.map((root) => root.since.getTime())))
    if (open.size >= listFrom) await readPins(open, since, pins, signal)
    else await readEach(open, pins, signal)
    for (const [key, state] of pins) if (state.status === 'pinned' || !states.has(key)) states.set(key, state)
    return states
  }

  return {
    name: 'pinata',
    status,
    async add({ root, name }, { signal } = {}) {
      const hostNodes = (await origins()).slice(0, maxHostNodes)
      const body = JSON.stringify({
        hashToPin: rootKey(root),
        pinataMetadata: { name },
        ...(hostNodes.length > 0 && { pinataOptions: { hostNodes } }),
      })
      const headers = { 'content-type': 'application/json' }
      const reply = await send({ method: 'POST', url: new URL('/pinning/pinByHash', url), headers, body, signal })
      const answer = await reply.json()
      if (keyOf(answer, 'ipfsHash') !== rootKey(root)) {
        throw new BackendError('refused', `${url.host} answered without naming the root`)
      }
      return stateOfStage((answer as Row).status)
    },
    async remove(root, { signal } = {}) {
      // It answers 500 to a CID that is not pinned.
      const gone = { method: 'DELETE', url: new URL(`/pinning/unpin/${rootKey(root)}`, url), accept: [404, 500], signal }
      const reply = await send(gone)
      const text = await reply.text(64 * 1024)
      const isGone = reply.status < 300 || /not pinned|not found/i.test(text)
      if (!isGone) throw new BackendError('unavailable', `${url.host} answered ${reply.status} to an unpin`)
    },
    async check({ signal } = {}) {
      await (await send({ method: 'GET', url: new URL('/data/testAuthentication', url), signal })).drain()
      return undefined
    },
    [Symbol.asyncDispose]: async () => send[Symbol.dispose](),
  }
}
