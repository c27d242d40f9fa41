import type { AbortOptions } from '@keepsake/content/block.ts'
import { CID } from 'multiformats/cid'
import type { Dag, HandedOver, PinBackend, PinState } from '../backend.ts'
import { BackendError, rootKey } from '../backend.ts'
import type { Caller } from '../calls/call.ts'
import type { CallBudget } from '../calls/call-budget.ts'
import { carForm } from '../calls/car-form.ts'
import type { Reply } from '../calls/reply.ts'
import { clusterPeers } from './peers.ts'
import { cidTextIn, readPinInfo } from './pin-info.ts'

export interface ClusterOptions {
  /** Where the REST API of each peer is. */
  urls: readonly URL[]
  call: Caller
  budget: CallBudget
  /** How many peers have to say that they pinned a root. */
  copies: number
}

/** CIDs in one request: its head has to stay below 4 KiB, which is what a peer takes unless told otherwise. */
const cidsPerCall = 60

/**
 * IPFS Cluster by its REST API. A DAG is added as a CAR with `local=true`: the peer that takes it writes its blocks, then has the cluster pin it, so nothing
 * has to be found in the network.
 */
export function clusterBackend({ urls, call: send, budget, copies }: ClusterOptions): PinBackend {
  const peers = clusterPeers(urls, send)

  const add = async ({ root, name, car }: Dag, { signal }: AbortOptions = {}): Promise<PinState> => {
    const query = new URLSearchParams({ format: 'car', local: 'true', 'stream-channels': 'false', name })
    if (copies > 1) query.set('replication-min', String(copies))
    await peers.call(
      { method: 'POST', path: `/add?${query}`, body: () => carForm(car({ signal })), signal },
      async (reply) => await requireAdded(reply, root),
    )
    return { status: 'pinning' }
  }

  const askFor = async (roots: readonly CID[], states: Map<string, PinState>, signal: AbortSignal | undefined) => {
    const cids = roots.map(rootKey).join(',')
    let found = 0
    try {
      await peers.call({ method: 'GET', path: `/pins?cids=${cids}`, signal }, async (reply) => {
        for await (const line of reply.lines()) {
          const known = readPinInfo(line, copies)
          if (!known) continue
          states.set(...known)
          found++
        }
      })
    } catch (error) {
      // One root that could not be looked up ends the list: what came before it counts.
      if (found === 0) throw error
    }
  }

  const status = async (roots: readonly HandedOver[], { signal }: AbortOptions = {}) => {
    const states = new Map<string, PinState>()
    for (let at = 0; at < roots.length && budget.take(); at += cidsPerCall) {
      const asked = roots.slice(at, at + cidsPerCall).map(({ root }) => root)
      await askFor(asked, states, signal)
    }
    return states
  }

  return {
    name: 'cluster',
    add,
    status,
    async recover(root, { signal } = {}) {
      const call = { method: 'POST', path: `/pins/${rootKey(root)}/recover`, accept: [404], signal }
      return await peers.call(call, async (reply) => {
        const [, state] = readPinInfo(await reply.json(), copies) ?? []
        if (reply.status === 404) return { status: 'absent' }
        // It says where the pin stood when it was put into the queue again.
        return state?.status === 'pinned' ? state : { status: 'pinning' }
      })
    },
    async remove(root, { signal } = {}) {
      await peers.call({ method: 'DELETE', path: `/pins/${rootKey(root)}`, accept: [404], signal }, (reply) => reply.drain())
    },
    async check(options = {}) {
      const failures = await peers.callEach({ method: 'GET', path: '/id' }, options)
      const down = [...failures.values()].filter((error) => error !== undefined)
      if (down.length === failures.size) throw down[0] as BackendError
      return down.length > 0 ? `${down.length} of ${failures.size} peers cannot be used: ${down[0]?.message}` : undefined
    },
    [Symbol.asyncDispose]: async () => send[Symbol.dispose](),
  }
}

/** That the answer to an add names the root: an empty answer, or one about something else, is no promise. */
async function requireAdded(reply: Reply, root: CID): Promise<void> {
  let isNamed = false
  // To the end: what went wrong after the first line is in the trailer.
  for await (const value of reply.lines()) isNamed ||= [value].flat().some((added) => isAbout(added, root))
  if (!isNamed) throw new BackendError('refused', `the cluster answered ${reply.status} and did not say that it added the root`)
}

function isAbout(added: unknown, root: CID): boolean {
  const text = cidTextIn(added)
  try {
    return text !== undefined && rootKey(CID.parse(text)) === rootKey(root)
  } catch {
    return false
  }
}
