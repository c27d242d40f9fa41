import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { httpMultiaddr } from '../network/http-multiaddr.ts'
import { listPeers } from '../network/peer-instances.ts'
import { serviceIdOf } from '../network/service-id.ts'

/** Whoever fetches for this server, to be told to clients. */
export interface Delegates {
  /** Multiaddrs, at least one and at most 20. */
  addresses: string[]
  /** Whether a node runs that fetches. */
  isLive: boolean
}

export type FindDelegates = () => Promise<Delegates>

interface Components {
  config: Config
  database: Db
  didSeed: Uint8Array
}

const maxDelegates = 20
/** Nodes come and go seldom, and are asked for with every request. */
const freshMs = 2_000

/**
 * The nodes of this server that live. The specification wants one address at least, and Kubo refuses one without a peer id: where no node
 * runs, that is the service itself.
 */
export function openDelegates({ config, database, didSeed }: Components): FindDelegates {
  const service = `${httpMultiaddr(config.PUBLIC_URL)}/p2p/${serviceIdOf(didSeed)}`
  let known: { at: number; delegates: Promise<Delegates> } | undefined
  const look = async (): Promise<Delegates> => {
    const peers = await listPeers(database)
    const addresses = peers.flatMap(({ peerId, addresses }) => addresses.map((address) => withId(address, peerId)))
    const isLive = peers.length > 0
    return { addresses: addresses.length > 0 ? [...new Set(addresses)].slice(0, maxDelegates) : [service], isLive }
  }
  return () => {
    if (known && performance.now() - known.at < freshMs) return known.delegates
    const mine = { at: performance.now(), delegates: look() }
    known = mine
    mine.delegates.catch(() => {
      if (known === mine) known = undefined
    })
    return mine.delegates
  }
}

function withId(address: string, peerId: string): string {
  return address.endsWith(`/p2p/${peerId}`) ? address : `${address}/p2p/${peerId}`
}
