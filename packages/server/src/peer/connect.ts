import type { Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { multiaddr } from '@multiformats/multiaddr'
import type { GuardedHttp } from '../network/guarded-get.ts'
import { httpUrlOf } from '../network/http-multiaddr.ts'
import type { Provider } from '../network/network.ts'
import type { Bitswap } from './bitswap/bitswap.ts'
import { gatewaySource } from './gateway-source.ts'
import { parsePeerId } from './routing.ts'
import type { Source } from './source.ts'

/** Blocks one peer is asked for at a time: enough to keep it busy over a long way, and not so many that the first comes last. */
const parallel = 32
const dialTimeoutMs = 10_000
/** Addresses of one provider that are tried. */
const maxAddresses = 16
/** Peers asked because they happen to be connected. */
const maxNeighbours = 16

interface Components {
  libp2p: Libp2p
  bitswap: Bitswap
  http: GuardedHttp
}

/** A provider from the address somebody gave: a multiaddr with a peer id, or of a gateway. Undefined where it is neither. */
export function providerOf(address: string): Provider | undefined {
  if (httpUrlOf(address)) return { id: '', addrs: [address] }
  try {
    const id = multiaddr(address)
      .getComponents()
      .findLast(({ name }) => name === 'p2p')?.value
    return id === undefined ? undefined : { id, addrs: [address] }
  } catch {
    return undefined
  }
}

/** Turns those who say that they have something into those who can be asked for it. */
export function connector({ libp2p, bitswap, http }: Components) {
  const bitswapSource = (peer: string): Source => ({
    name: peer,
    parallel,
    fetch: (cid, options) => bitswap.fetch(peer, cid, options),
  })

  const connectPeer = async (id: string, addrs: readonly string[], signal: AbortSignal): Promise<Source> => {
    const peer = parsePeerId(id)
    const addresses = addrs.slice(0, maxAddresses).flatMap((text) => peerAddress(text, String(peer)))
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(dialTimeoutMs)]) }
    if (libp2p.getConnections(peer).length === 0) await libp2p.dial(addresses.length > 0 ? addresses : peer, options)
    return bitswapSource(String(peer))
  }

  return {
    /** Undefined for a provider that can be asked in no way we know. @throws whatever kept us from connecting */
    async connect({ id, addrs, protocols }: Provider, signal: AbortSignal): Promise<Source | undefined> {
      const url = addrs.map(httpUrlOf).find((known) => known !== undefined)
      const isOnlyGateway = protocols?.includes('transport-ipfs-gateway-http') && !protocols.includes('transport-bitswap')
      if (url && (isOnlyGateway || id === '')) return gatewaySource(url, http)
      if (id === '') return undefined
      try {
        return await connectPeer(id, addrs, signal)
      } catch (error) {
        if (url) return gatewaySource(url, http)
        throw error
      }
    },
    neighbours(): Source[] {
      const peers = new Set<string>()
      for (const connection of libp2p.getConnections()) {
        if (peers.size < maxNeighbours && connection.limits === undefined) peers.add(String(connection.remotePeer))
      }
      return [...peers].map(bitswapSource)
    },
  }
}

/** One address of the peer, with its id at the end; none for what cannot be read, or names somebody else. */
function peerAddress(text: string, id: string): Multiaddr[] {
  try {
    const address = multiaddr(text)
    const named = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
    if (named === undefined) return [address.encapsulate(`/p2p/${id}`)]
    return named === id ? [address] : []
  } catch {
    return []
  }
}
