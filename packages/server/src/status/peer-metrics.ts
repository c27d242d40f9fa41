import type { Db } from '../database/database.ts'
import type { Collector, Metric } from '../http/metrics.ts'
import { listPeers } from '../network/peer-instances.ts'

/** Names of the peers' own numbers, and what they are. Counters begin anew when a peer does. */
const kinds: readonly [stat: string, name: string, type: Metric['type'], help: string][] = [
  ['connections', 'keepsake_peer_connections', 'gauge', 'Connections to other IPFS nodes.'],
  ['dhtPeers', 'keepsake_peer_dht_peers', 'gauge', 'Nodes in the routing tables of the DHT.'],
  ['bitswapPeers', 'keepsake_peer_bitswap_peers', 'gauge', 'Nodes that have asked for blocks and are connected.'],
  ['bitswapWants', 'keepsake_peer_bitswap_wants', 'gauge', 'Blocks they wait for.'],
  ['bitswapBlocksSent', 'keepsake_peer_bitswap_blocks_sent_total', 'counter', 'Blocks sent over Bitswap.'],
  ['bitswapBytesSent', 'keepsake_peer_bitswap_bytes_sent_total', 'counter', 'Bytes of them.'],
  ['bitswapNotHere', 'keepsake_peer_bitswap_not_here_total', 'counter', 'Blocks asked for that are not here.'],
  ['bitswapPendingBytes', 'keepsake_peer_bitswap_pending_bytes', 'gauge', 'Bytes of messages that have not come whole.'],
  ['memoryBytes', 'keepsake_peer_memory_bytes', 'gauge', 'Resident memory of the peer.'],
  ['cpuSeconds', 'keepsake_peer_cpu_seconds_total', 'counter', 'Processor time of the peer.'],
]

/** What the peers that live said of themselves last, at most some seconds ago. */
export function peerMetrics({ database }: { database: Db }): Collector {
  return async () => {
    const peers = await listPeers(database)
    const up: Metric = {
      name: 'keepsake_peers',
      help: 'Nodes of the IPFS network that this service runs, and that live.',
      type: 'gauge',
      samples: [{ value: peers.length }],
    }
    const numbers = kinds.map(([stat, name, type, help]): Metric => {
      const samples = peers.map(({ peerId, stats }) => ({ labels: { peer: peerId }, value: stats[stat] ?? 0 }))
      return { name, help, type, samples }
    })
    return [up, ...numbers]
  }
}
