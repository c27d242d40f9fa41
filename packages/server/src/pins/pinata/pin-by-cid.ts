import type { AbortOptions } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import type { HandedOver, PinBackend, PinState } from '../backend.ts'
import { BackendError, rootKey } from '../backend.ts'
import type { PinataOptions } from './options.ts'
import { maxHostNodes } from './options.ts'
import { keyOf, stateOfStage } from './pin-jobs.ts'

type Row = Record<string, unknown>

const jobsPath = '/v3/files/public/pin_by_cid'
const filesPath = '/v3/files/public'
const rowsPerPage = 1000
const maxPages = 100

/** Pinata's third API. As in the first, a finished job disappears, and a root is pinned when it is among the files. */
export function pinByCid({ url, call: send, budget, origins }: PinataOptions): PinBackend {
  const get = async (path: string, query: Record<string, string>, field: string, signal: AbortSignal | undefined) => {
    const reply = await send({ method: 'GET', url: new URL(`${path}?${new URLSearchParams(query)}`, url), signal })
    const { data } = ((await reply.json()) ?? {}) as { data?: Row }
    const rows = data?.[field]
    // An empty list is null in some of its answers.
    if (data === undefined || (rows != null && !Array.isArray(rows))) {
      throw new BackendError('unavailable', `${url.host} answered ${path} without ${field}`)
    }
    const next = data.next_page_token
    return { rows: (rows ?? []) as Row[], next: typeof next === 'string' && next !== '' ? next : undefined }
  }

  const readJobs = async (open: ReadonlySet<string>, states: Map<string, PinState>, signal?: AbortSignal) => {
    let pageToken: string | undefined
    for (let page = 0; page < maxPages; page++) {
      if (!budget.take()) return false
      const query = { sort: 'DESC', limit: String(rowsPerPage), ...(pageToken && { pageToken }) }
      const { rows, next } = await get(jobsPath, query, 'jobs', signal)
      for (const row of rows) {
        const key = keyOf(row, 'cid')
        if (key !== undefined && open.has(key) && !states.has(key)) states.set(key, stateOfStage(row.status))
      }
      if (next === undefined) return true
      pageToken = next
    }
    return true
  }

  const filesOf = async (root: string, signal: AbortSignal | undefined) =>
    (await get(filesPath, { cid: root, limit: '10' }, 'files', signal)).rows.filter((row) => keyOf(row, 'cid') === root)

  /** New files come first: pages until all that is wanted was seen, or what is older than all of it begins. */
  const readFiles = async (open: Set<string>, since: number, states: Map<string, PinState>, signal?: AbortSignal) => {
    let pageToken: string | undefined
    for (let page = 0; page < maxPages && open.size > 0; page++) {
      if (!budget.take()) return
      const query = { order: 'DESC', limit: String(rowsPerPage), ...(pageToken && { pageToken }) }
      const { rows, next } = await get(filesPath, query, 'files', signal)
      for (const row of rows) {
        const key = keyOf(row, 'cid')
        if (key !== undefined && open.delete(key)) states.set(key, { status: 'pinned' })
      }
      const isOlder = Date.parse(String(rows.at(-1)?.created_at)) < since
      if (next === undefined || isOlder) return
      pageToken = next
    }
  }

  const status = async (roots: readonly HandedOver[], { signal }: AbortOptions = {}) => {
    const states = new Map<string, PinState>()
    const open = new Set(roots.map(({ root }) => rootKey(root)))
    if (!(await readJobs(open, states, signal))) return states
    for (const key of states.keys()) open.delete(key)
    if (open.size >= 10) {
      await readFiles(open, Math.min(...roots.map(({ since }) => since.getTime())) - 3_600_000, states, signal)
    }
    for (const key of open) {
      if (!budget.take()) break
      states.set(key, { status: (await filesOf(key, signal)).length > 0 ? 'pinned' : 'absent' })
    }
    return states
  }

  return {
    name: 'pinata',
    status,
    async add({ root, name }, { signal } = {}) {
      const hostNodes = (await origins()).slice(0, maxHostNodes)
      const body = JSON.stringify({ cid: rootKey(root), name, ...(hostNodes.length > 0 && { host_nodes: hostNodes }) })
      const headers = { 'content-type': 'application/json' }
      const reply = await send({ method: 'POST', url: new URL(jobsPath, url), headers, body, signal })
      const { data } = ((await reply.json()) ?? {}) as { data?: Row }
      if (keyOf(data, 'cid') !== rootKey(root)) throw new BackendError('refused', `${url.host} answered without naming the root`)
      return stateOfStage(data?.status)
    },
    async remove(root: CID, { signal } = {}) {
      for (const { id } of await filesOf(rootKey(root), signal)) {
        const gone = {
          method: 'DELETE',
          url: new URL(`${filesPath}/${encodeURIComponent(String(id))}`, url),
          accept: [404],
          signal,
        }
        await (await send(gone)).drain()
      }
    },
    async check({ signal } = {}) {
      await (await send({ method: 'GET', url: new URL('/data/testAuthentication', url), signal })).drain()
      return undefined
    },
    [Symbol.asyncDispose]: async () => send[Symbol.dispose](),
  }
}
