import type { AbortOptions } from '@keepsake/content/block.ts'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Blocks } from '../../blocks/blocks.ts'
import { blockFetcher } from './fetch.ts'
import type { PendingBytes } from './frames.ts'
import { readFrames } from './frames.ts'
import { bitswapProtocol, decodeMessage } from './message.ts'
import type { Outbox } from './outbox.ts'
import { outbox } from './outbox.ts'
import type { ServeStats } from './serve.ts'
import { blockServer } from './serve.ts'

/** Messages of a peer we asked for blocks: one of the largest block, with some room. */
const maxAnswerBytes = 4 * 1024 * 1024 + 64 * 1024
/** Messages of anybody else hold only wants; 1,024 with long CIDs have some 90 KiB. */
const maxRequestBytes = 256 * 1024
/** Streams one connection may have open to us; Kubo has one, others one for each message. */
const maxInboundStreams = 32

export interface BitswapOptions {
  node: Libp2p
  blocks: Pick<Blocks, 'locate' | 'getLocated'>
  log: { debug(object: object, message: string): void; warn(object: object, message: string): void }
}

export interface BitswapStats extends ServeStats {
  /** Bytes of messages that have not come whole. */
  pendingBytes: number
}

/** Exchanges blocks with peers: serves what is here, and asks for what is not. */
export interface Bitswap extends AsyncDisposable {
  /** Asks one peer, which must be connected, for a block. Gives it checked; undefined when the peer says that it does not have it. */
  fetch(peer: string, cid: CID, options?: AbortOptions): Promise<Uint8Array | undefined>
  stats(): BitswapStats
}

/** Two streams to each peer: what it asks us for does not wait behind what we ask of it, nor the other way round. */
interface Outboxes {
  answers: Outbox
  requests: Outbox
}

export async function startBitswap({ node, blocks, log }: BitswapOptions): Promise<Bitswap> {
  const pending: PendingBytes = { total: 0 }
  const peers = new Map<string, Outboxes>()
  const boxesOf = (peer: string): Outboxes => {
    const known = peers.get(peer)
    if (known) return known
    const find = () => findConnection(node, peer)
    const made = { answers: outbox(find), requests: outbox(find) }
    peers.set(peer, made)
    return made
  }
  const letGo = (peer: string, reason: string) => {
    log.debug({ peer, reason }, 'a peer is let go')
    for (const connection of node.getConnections()) {
      if (String(connection.remotePeer) === peer) connection.abort(new Error(reason))
    }
  }
  const server = blockServer({
    blocks,
    send: (peer, message) => boxesOf(peer).answers.send(message),
    onFailed: (peer, error) => letGo(peer, `it does not take what it asked for (${(error as Error).name})`),
    onUnreadable: (cid, error) => log.warn({ cid: String(cid), err: error }, 'a block cannot be served'),
  })
  const fetcher = blockFetcher({
    send: (peer, message) => boxesOf(peer).requests.send(message),
    onUseless: (peer) => letGo(peer, 'it sends what nobody asked for'),
  })

  const onStream = (stream: Stream, connection: Connection) => {
    const peer = String(connection.remotePeer)
    readFrames(stream, {
      pending,
      maxFrameBytes: () => (fetcher.isAsking(peer) ? maxAnswerBytes : maxRequestBytes),
      onFrame(bytes) {
        const { wants, isFull, blocks: received, presences } = decodeMessage(bytes)
        fetcher.receive(peer, received, presences)
        if (wants.length > 0 || isFull) server.receive(peer, wants, isFull)
      },
      onEnd: () => {},
    })
    // Nothing is ever said on it from this side.
    stream.close({ signal: AbortSignal.timeout(10_000) }).catch(() => {})
  }
  const onDisconnect = ({ detail }: CustomEvent<{ toString(): string }>) => {
    const peer = String(detail)
    server.forget(peer)
    fetcher.forget(peer)
    const boxes = peers.get(peer)
    peers.delete(peer)
    boxes?.answers.close()
    boxes?.requests.close()
  }

  await node.handle(bitswapProtocol, onStream, { maxInboundStreams, maxOutboundStreams: 4, runOnLimitedConnection: false })
  node.addEventListener('peer:disconnect', onDisconnect)
  return {
    fetch: fetcher.fetch,
    stats: () => ({ ...server.stats(), pendingBytes: pending.total }),
    async [Symbol.asyncDispose]() {
      node.removeEventListener('peer:disconnect', onDisconnect)
      await node.unhandle(bitswapProtocol)
      for (const { answers, requests } of peers.values()) {
        answers.close()
        requests.close()
      }
    },
  }
}

function findConnection(node: Libp2p, peer: string): Connection | undefined {
  return node.getConnections().find((c) => String(c.remotePeer) === peer && c.status === 'open' && c.limits === undefined)
}
