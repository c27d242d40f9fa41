import { httpMultiaddr } from '../network/http-multiaddr.ts'
import { serviceIdOf } from '../network/service-id.ts'
import type { OwnPeer } from './offers.ts'

/** A node of ours on the IPFS network. */
export interface LivePeer {
  id: string
  addresses: readonly string[]
}

interface Components {
  /** Where the gateway is reached, once it listens. */
  gatewayUrl(): string
  /** The nodes that were alive a moment ago. */
  livePeers(): Promise<readonly LivePeer[]>
  /** Seed of the service's own Ed25519 key. */
  didSeed: Uint8Array
}

/** How long an answer about our nodes counts. They come and go seldom, and are asked for with every request. */
const freshMs = 2_000

/**
 * Whom to name as the provider of what is here: our nodes with bitswap, the first of them with the gateway too. Without a node the gateway stands
 * alone, under the peer id that the key behind the service's DID has.
 */
export function ownPeers({ gatewayUrl, livePeers, didSeed }: Components): () => Promise<readonly OwnPeer[]> {
  const serviceId = serviceIdOf(didSeed)
  let known: { at: number; peers: Promise<readonly OwnPeer[]> } | undefined
  const look = async (): Promise<readonly OwnPeer[]> => {
    const gateway = { protocol: 'transport-ipfs-gateway-http', addresses: [httpMultiaddr(gatewayUrl())] } as const
    const [first, ...others] = await livePeers()
    if (!first) return [{ id: serviceId, offers: [gateway] }]
    return [withBitswap(first, [gateway]), ...others.map((peer) => withBitswap(peer, []))]
  }
  return () => {
    if (known && performance.now() - known.at < freshMs) return known.peers
    const mine = { at: performance.now(), peers: look() }
    known = mine
    mine.peers.catch(() => {
      if (known === mine) known = undefined
    })
    return mine.peers
  }
}

function withBitswap({ id, addresses }: LivePeer, more: OwnPeer['offers']): OwnPeer {
  // A record names the peer once; only in an address over a relay the id of the relay has to stay.
  const bare = addresses.map((address) => (address.endsWith(`/p2p/${id}`) ? address.slice(0, -`/p2p/${id}`.length) : address))
  return { id, offers: [{ protocol: 'transport-bitswap', addresses: bare }, ...more] }
}
