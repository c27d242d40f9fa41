import type { AbortOptions } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import type { BackendName, HandedOver, PinBackend, PinState } from '../backend.ts'
import { BackendError, rootKey } from '../backend.ts'
import type { Caller } from '../calls/call.ts'
import type { CallBudget } from '../calls/call-budget.ts'
import type { PinRequest } from './pin-request.ts'
import { betterOf, readPinRequest, readPinRequests } from './pin-request.ts'

export interface PsaOptions {
  name: BackendName
  /** Address of the service, to which `/pins` is added. */
  url: URL
  /** Sends the access token with every call. */
  call: Caller
  budget: CallBudget
  /** Multiaddrs at which our peer can be fetched from: the `origins` of what is pinned. */
  origins(): Promise<string[]>
}

/** As the specification has it. */
const cidsPerCall = 10
const pinsPerPage = 1000
const allStatuses = 'queued,pinning,pinned,failed'
/** From so many roots on, listing everything since the oldest of them takes fewer calls than asking ten by ten. */
const listFrom = 100
/** The service's clock may be behind ours. */
const clockSlackMs = 3_600_000
const maxRequestsOfRoot = 100
const maxPages = 200

/** Any service that speaks the IPFS Pinning Service API: it is told the CID, and fetches the DAG from our peer. */
export function psaBackend({ name, url, call: send, budget, origins }: PsaOptions): PinBackend {
  const at = (path: string) => new URL(`${url.href.replace(/\/$/, '')}${path}`)
  const json = { 'content-type': 'application/json' }
  const list = async (query: Record<string, string>, signal: AbortSignal | undefined) =>
    readPinRequests(await (await send({ method: 'GET', url: at(`/pins?${new URLSearchParams(query)}`), signal })).json())

  const ofRoot = async (root: CID, signal: AbortSignal | undefined): Promise<PinRequest[]> =>
    (await list({ cid: rootKey(root), status: allStatuses, limit: String(maxRequestsOfRoot) }, signal)).requests

  const post = async (path: string, pin: object, signal: AbortSignal | undefined): Promise<PinState> => {
    const reply = await send({ method: 'POST', url: at(path), headers: json, body: JSON.stringify(pin), signal })
    const request = readPinRequest(await reply.json())
    if (!request) throw new BackendError('unavailable', `${url.host} answered without saying what became of the request`)
    return request.state
  }

  /** Pages through everything the service was asked for since the oldest of the roots. */
  const listSince = async (wanted: Set<string>, since: Date, keep: (request: PinRequest) => void, signal?: AbortSignal) => {
    const after = new Date(since.getTime() - clockSlackMs).toISOString()
    let before: string | undefined
    for (let page = 0; page < maxPages && wanted.size > 0 && budget.take(); page++) {
      const query = { status: allStatuses, limit: String(pinsPerPage), after, ...(before && { before }) }
      const { requests } = await list(query, signal)
      for (const request of requests) {
        if (wanted.has(request.key)) keep(request)
      }
      const last = requests.at(-1)?.created
      if (requests.length < pinsPerPage || last === undefined || last === before) return
      before = last
    }
  }

  const status = async (roots: readonly HandedOver[], { signal }: AbortOptions = {}) => {
    const states = new Map<string, PinState>()
    const open = new Set(roots.map(({ root }) => rootKey(root)))
    const keep = ({ key, state }: PinRequest) => states.set(key, betterOf(states.get(key), state))
    if (roots.length >= listFrom) {
      const since = new Date(Math.min(...roots.map((root) => root.since.getTime())))
      await listSince(new Set(open), since, keep, signal)
      for (const key of states.keys()) open.delete(key)
    }
    const rest = [...open]
    for (let from = 0; from < rest.length && budget.take(); from += cidsPerCall) {
      const keys = rest.slice(from, from + cidsPerCall)
      const { requests } = await list({ cid: keys.join(','), status: allStatuses, limit: String(pinsPerPage) }, signal)
      for (const request of requests) if (open.has(request.key)) keep(request)
      for (const key of keys) if (!states.has(key)) states.set(key, { status: 'absent' })
    }
    return states
  }

  return {
    name,
    status,
    async add({ root, name: label }, { signal } = {}) {
      return await post('/pins', await pinOf(root, label, origins), signal)
    },
    async recover(root, { signal } = {}) {
      const requests = await ofRoot(root, signal)
      const best = requests.reduce<PinRequest | undefined>(
        (a, b) => (a && betterOf(a.state, b.state) === a.state ? a : b),
        undefined,
      )
      if (!best) return { status: 'absent' }
      if (best.state.status !== 'failed') return best.state
      return await post(`/pins/${encodeURIComponent(best.id)}`, await pinOf(root, best.name ?? rootKey(root), origins), signal)
    },
    async remove(root, { signal } = {}) {
      for (const { id } of await ofRoot(root, signal)) {
        const gone = { method: 'DELETE', url: at(`/pins/${encodeURIComponent(id)}`), accept: [404], signal }
        await (await send(gone)).drain()
      }
    },
    async check({ signal } = {}) {
      await list({ limit: '1' }, signal)
      return undefined
    },
    [Symbol.asyncDispose]: async () => send[Symbol.dispose](),
  }
}

async function pinOf(root: CID, name: string, origins: () => Promise<string[]>): Promise<object> {
  const known = await origins()
  return { cid: rootKey(root), name, ...(known.length > 0 && { origins: known.slice(0, 20) }) }
}
