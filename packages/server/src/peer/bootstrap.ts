import { setTimeout as sleep } from 'node:timers/promises'
import type { Libp2p } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'

/** The entry points of the public network, as Kubo and Helia have them. */
const publicPeers = [
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt',
  '/dnsaddr/va1.bootstrap.libp2p.io/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
  '/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ',
]

/** With fewer connections than this the way into the network is looked for again. */
const enoughConnections = 4
const firstDelayMs = 1_000
const maxDelayMs = 60_000
const dialTimeoutMs = 15_000

interface Log {
  info(object: object, message: string): void
  warn(object: object, message: string): void
}

export function bootstrapPeers(configured: readonly string[]): readonly string[] {
  return configured.flatMap((entry) => (entry === 'public' ? publicPeers : entry === 'none' ? [] : [entry]))
}

/** Joins the network, and again whenever the node is alone. Nobody has to be there: it goes on trying, ever more slowly. */
export async function keepJoined(node: Libp2p, peers: readonly string[], log: Log, signal: AbortSignal): Promise<void> {
  if (peers.length === 0) return
  let delayMs = firstDelayMs
  let wasAlone = false
  while (!signal.aborted) {
    if (node.getConnections().length < enoughConnections) {
      const errors = await dialAll(node, peers, signal)
      const isAlone = node.getConnections().length === 0
      if (isAlone && !wasAlone)
        log.warn({ peers: peers.length, reason: errors[0] }, 'no bootstrap peer can be reached; trying on')
      if (!isAlone && wasAlone) log.info({ connections: node.getConnections().length }, 'joined the network')
      wasAlone = isAlone
      delayMs = isAlone ? Math.min(delayMs * 2, maxDelayMs) : maxDelayMs
    }
    await sleep(delayMs, undefined, { signal }).catch(() => {})
  }
}

/** What went wrong, one text for each peer that was not reached. */
async function dialAll(node: Libp2p, peers: readonly string[], signal: AbortSignal): Promise<string[]> {
  const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(dialTimeoutMs)]) }
  const results = await Promise.allSettled(peers.map((peer) => node.dial(multiaddr(peer), options)))
  return results.flatMap((result) => (result.status === 'rejected' ? [(result.reason as Error).message] : []))
}
