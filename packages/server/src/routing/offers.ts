import type { Filters } from './filters.ts'

/** A way to get blocks from this server. */
export interface Offer {
  protocol: 'transport-bitswap' | 'transport-ipfs-gateway-http'
  /** Multiaddrs, without peer id. */
  addresses: readonly string[]
}

/** One of the identities this server has on the network, with what it offers under it. */
export interface OwnPeer {
  id: string
  offers: readonly Offer[]
}

/** A record of schema `peer` (Delegated Routing V1, "Peer Schema"). */
export interface PeerRecord {
  Schema: 'peer'
  ID: string
  Addrs: string[]
  Protocols: string[]
}

/**
 * The records that are left of our peers. One for each peer whatever it offers: clients take the first record they see of a peer and leave others.
 * Of a peer that offers more than was asked for, only what was asked for is shown.
 */
export function recordsOf(peers: readonly OwnPeer[], filters: Filters): PeerRecord[] {
  return peers.flatMap(({ id, offers }) => {
    const wanted = offers.filter(({ protocol }) => filters.wantsProtocol(protocol))
    if (wanted.length === 0) return []
    const addresses = filters.keepAddresses(wanted.flatMap((offer) => offer.addresses))
    if (addresses === undefined) return []
    return [{ Schema: 'peer', ID: id, Addrs: addresses, Protocols: wanted.map(({ protocol }) => protocol) }]
  })
}
