import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Blocks } from '../blocks/blocks.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { addressRules } from '../network/addresses.ts'
import { guardedHttp } from '../network/guarded-get.ts'
import type { Network } from '../network/network.ts'
import type { PeerStats } from '../network/peer-instances.ts'
import { enterPeer, heartbeatMs, removePeer } from '../network/peer-instances.ts'
import type { Bitswap } from './bitswap/bitswap.ts'
import { startBitswap } from './bitswap/bitswap.ts'
import { bootstrapPeers, keepJoined } from './bootstrap.ts'
import { connector, providerOf } from './connect.ts'
import { startControl } from './control-server.ts'
import { PeerDatastore } from './datastore.ts'
import { delegatedRouters } from './delegated-routers.ts'
import { loadIdentity } from './identity.ts'
import type { Node } from './node.ts'
import { peerFolder, startNode } from './node.ts'
import { openRouting } from './routing.ts'
import { openSession } from './session.ts'

interface Components {
  config: Config
  log: Logger
  database: Db
  blocks: Blocks
  /** What the processes of this service know each other by. */
  peerToken: string
}

/** This process as a node of the IPFS network. */
export interface Peer extends AsyncDisposable {
  peerId: string
  /** Multiaddrs under which others reach it, without `/p2p/`. */
  addresses(): string[]
  network: Network
}

/**
 * Joins the IPFS network, serves the blocks that are here, and answers the other processes.
 *
 * @throws KeepsakeError with a message for the operator
 */
export async function startPeer({ config, log, database, blocks, peerToken }: Components): Promise<Peer> {
  await using starting = new AsyncDisposableStack()
  const privateKey = await loadIdentity(join(peerFolder(config), 'identity'))
  const datastore = starting.adopt(await PeerDatastore.open(join(peerFolder(config), 'datastore.sqlite')), (d) => d.close())
  const rules = addressRules({ allowPrivate: config.ALLOW_PRIVATE_ADDRESSES === 'yes' })
  const node = await startNode({ config, privateKey, datastore, rules })
  const { libp2p } = node
  starting.defer(() => libp2p.stop())
  const bitswap = starting.use(await startBitswap({ node: libp2p, blocks, log }))
  const routing = openRouting({ node, routers: delegatedRouters(config.DELEGATED_ROUTERS), log })
  const http = starting.adopt(guardedHttp(rules), (open) => open.close())
  const { connect, neighbours } = connector({ libp2p, bitswap, http })
  const network: Network = {
    ...routing,
    session: (root, { origins = [], signal }) => {
      const providers = origins.flatMap((origin) => providerOf(origin) ?? [])
      return openSession({ connect, neighbours, findProviders: routing.findProviders }, root, providers, signal)
    },
  }
  const stats = statsOf(node, bitswap)
  const control = starting.use(await startControl({ host: config.PEER_CONTROL_HOST, token: peerToken, routing, stats }))
  const stopping = new AbortController()
  void keepJoined(libp2p, bootstrapPeers(config.PEER_BOOTSTRAP), log, stopping.signal)
  const peerId = String(libp2p.peerId)
  const startedAt = new Date()
  const addresses = () => libp2p.getMultiaddrs().map((address) => String(address).replace(/\/p2p\/[^/]+$/, ''))
  const beat = () => enterPeer(database, { peerId, addresses: addresses(), controlUrl: control.url, startedAt, stats: stats() })
  await beat()
  const beating = setInterval(
    () => void beat().catch((error: unknown) => log.warn({ err: error }, 'the peer cannot say that it lives')),
    heartbeatMs,
  )
  starting.defer(async () => {
    clearInterval(beating)
    stopping.abort()
    await removePeer(database, peerId).catch(() => {})
  })
  log.info({ peerId, addresses: addresses() }, 'the peer is in the IPFS network')
  const started = starting.move()
  return { peerId, addresses, network, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

/** Numbers for whoever watches. Counts are since the start. */
function statsOf({ libp2p, dhts }: Node, bitswap: Bitswap): () => PeerStats {
  const tableSize = (dht: unknown) => (dht as { routingTable?: { size: number } } | undefined)?.routingTable?.size ?? 0
  return () => {
    const { peers, wants, blocksSent, bytesSent, notHere, pendingBytes } = bitswap.stats()
    const { user, system } = process.cpuUsage()
    return {
      connections: libp2p.getConnections().length,
      dhtPeers: tableSize(dhts.public) + tableSize(dhts.private),
      bitswapPeers: peers,
      bitswapWants: wants,
      bitswapBlocksSent: blocksSent,
      bitswapBytesSent: bytesSent,
      bitswapNotHere: notHere,
      bitswapPendingBytes: pendingBytes,
      memoryBytes: process.memoryUsage.rss(),
      cpuSeconds: Math.round((user + system) / 1000) / 1000,
    }
  }
}
