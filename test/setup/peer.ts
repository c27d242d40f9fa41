import { setTimeout as sleep } from 'node:timers/promises'
import { type Server, type ServerOptions, startServer } from './server.ts'

/** A server whose peer is in a network of the test's own, on loopback. */
export interface ServerWithPeer extends Server {
  peerId: string
  /** `/ip4/127.0.0.1/tcp/PORT/p2p/ID` */
  peerAddress: string
}

/** Nobody is known, nobody is asked, and only loopback is listened on. */
export const quietPeer = {
  PEER: 'on',
  PEER_HOST: '127.0.0.1',
  PEER_TCP_PORT: '0',
  PEER_WS_PORT: '0',
  PEER_BOOTSTRAP: 'none',
  PEER_DHT: 'server',
  DELEGATED_ROUTERS: 'none',
  ALLOW_PRIVATE_ADDRESSES: 'yes',
  LOG_LEVEL: 'info',
}

const readyTimeoutMs = 60_000

export async function startServerWithPeer({ env = {}, ...options }: ServerOptions = {}): Promise<ServerWithPeer> {
  const server = await startServer({ ...options, env: { ...quietPeer, ...env } })
  try {
    return { ...server, ...(await peerOf(server)) }
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** Waits until the peer has said for the `count`th time that it is ready, and tells where it is now. */
export async function peerOf(server: Server, count = 1): Promise<{ peerId: string; peerAddress: string; peerPid: number }> {
  for (const end = Date.now() + readyTimeoutMs; Date.now() < end; await sleep(50)) {
    const lines = server
      .output()
      .split('\n')
      .filter((line) => line.includes('the peer is in the IPFS network'))
    const line = lines[count - 1]
    if (!line) continue
    const { peerId, addresses, pid } = JSON.parse(line) as { peerId: string; addresses: string[]; pid: number }
    const address = addresses.find((a) => /^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/.test(a))
    return { peerId, peerAddress: `${address}/p2p/${peerId}`, peerPid: pid }
  }
  throw new Error(`The peer was not ready after ${readyTimeoutMs} ms:\n${server.output()}`)
}
