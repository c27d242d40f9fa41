import { CID } from 'multiformats/cid'
import type { PinState } from '../backend.ts'
import { rootKey } from '../backend.ts'
import { clip } from '../calls/failure.ts'

/** What one cluster peer says of a pin. */
interface PeerPin {
  peername?: unknown
  status?: unknown
  error?: unknown
}

/** Whether the peer is meant to keep it at all. */
const isMeant = ({ status }: PeerPin) => status !== 'remote'
const inWork: readonly unknown[] = ['pinning', 'pin_queued', 'queued', 'sharded']
const broken: readonly unknown[] = ['pin_error', 'cluster_error', 'unexpectedly_unpinned', 'error', 'undefined']

/**
 * The state of a root from IPFS Cluster's GlobalPinInfo, which only lists what each peer says. It is pinned when `copies` peers say so, whatever the
 * others do; a peer that is away (`cluster_error`) does not make a lie of it.
 */
export function stateOf(peerMap: Record<string, PeerPin>, copies: number): PinState {
  const peers = Object.entries(peerMap).filter(([, pin]) => isMeant(pin))
  const pinned = peers.filter(([, { status }]) => status === 'pinned').length
  const failed = peers.filter(([, { status }]) => broken.includes(status))
  const detail = failed.length > 0 ? failureOf(failed) : undefined
  if (pinned >= copies) return { status: 'pinned', ...(failed.length > 0 && { detail }) }
  const working = peers.filter(([, { status }]) => inWork.includes(status))
  if (working.length > 0) {
    const isQueued = working.every(([, { status }]) => status === 'pin_queued' || status === 'queued')
    return { status: isQueued && pinned === 0 ? 'queued' : 'pinning' }
  }
  if (failed.length > 0) return { status: 'failed', detail }
  if (pinned > 0) return { status: 'failed', detail: `pinned by ${pinned} of the ${copies} peers asked for` }
  return { status: 'absent' }
}

function failureOf(failed: [string, PeerPin][]): string {
  const [peerId, pin] = failed[0] as [string, PeerPin]
  const name = typeof pin.peername === 'string' && pin.peername !== '' ? pin.peername : peerId
  const error = typeof pin.error === 'string' && pin.error !== '' ? `: ${pin.error}` : ''
  return clip(`peer ${name} says ${String(pin.status)}${error}`)
}

/** The root and state in one GlobalPinInfo; undefined for what is none. */
export function readPinInfo(value: unknown, copies: number): [string, PinState] | undefined {
  const { peer_map: peerMap } = (value ?? {}) as { peer_map?: unknown }
  const text = cidTextIn(value)
  if (text === undefined || typeof peerMap !== 'object' || peerMap === null) return undefined
  try {
    return [rootKey(CID.parse(text)), stateOf(peerMap as Record<string, PeerPin>, copies)]
  } catch {
    return undefined
  }
}

/** The CID of an object of the cluster: text, or a DAG-JSON link in older versions. */
export function cidTextIn(value: unknown): string | undefined {
  const { cid } = (value ?? {}) as { cid?: unknown }
  const text = typeof cid === 'object' && cid !== null ? (cid as { '/'?: unknown })['/'] : cid
  return typeof text === 'string' ? text : undefined
}
