import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { autoNAT } from '@libp2p/autonat'
import { identify, identifyPush } from '@libp2p/identify'
import type { ConnectionProtector, Libp2p, PrivateKey } from '@libp2p/interface'
import type { KadDHT, KadDHTInit } from '@libp2p/kad-dht'
import { kadDHT, passthroughMapper, removePrivateAddressesMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { ipnsSelector } from 'ipns/selector'
import { ipnsValidator } from 'ipns/validator'
import { createLibp2p } from 'libp2p'
import type { Config } from '../config.ts'
import { KeepsakeError } from '../errors.ts'
import type { AddressRules } from '../network/addresses.ts'
import type { PeerDatastore } from './datastore.ts'
import { mayDial } from './dial-rules.ts'

/** The two DHTs of IPFS: one of peers with public addresses, one of those in a network of their own. Both go by the same rules. */
export interface Dhts {
  public?: KadDHT
  private?: KadDHT
}

export interface Node {
  libp2p: Libp2p
  dhts: Dhts
}

/** Connections at most, in and out; each takes some 200 KiB. When there are more, those of least use are closed. */
const maxConnections = 300
/** New connections of one host in a second. Peers behind one address are many; a flood is more. */
const maxConnectionsPerHostPerSecond = 50
/** Streams one connection may have open at a time, over all protocols. */
const maxStreamsPerConnection = 128
/** Asking a peer whether it still lives: rarely, this is most of what an idle node does. */
const pingIntervalMs = 60_000
/** A peer on a slow line has to get a whole message of ours before it gets the question. */
const pingTimeoutMs = 45_000
/** The longest interval timers take. What is provided is provided again by the announcements, not by the DHT itself. */
const neverMs = 2 ** 31 - 1

export interface NodeOptions {
  config: Config
  privateKey: PrivateKey
  datastore: PeerDatastore
  rules: AddressRules
}

/**
 * Starts the node of the IPFS network.
 *
 * @throws KeepsakeError with a message for the operator where it cannot listen, or the swarm key cannot be used
 */
export async function startNode({ config, privateKey, datastore, rules }: NodeOptions): Promise<Node> {
  const connectionProtector = await swarmProtector(config.PEER_SWARM_KEY_FILE)
  const dhts = dhtsOf(config)
  const libp2p = await createLibp2p({
    start: false,
    privateKey,
    datastore,
    nodeInfo: { name: 'keepsake' },
    addresses: { listen: listenAddresses(config), announce: [...config.PEER_ANNOUNCE_ADDRESSES] },
    transports: [
      // Names are looked up by our rules, at the moment of the connection.
      tcp({ dialOpts: { lookup: rules.lookup, noDelay: true } as object, listenOpts: { noDelay: true } }),
      webSockets(),
    ],
    connectionEncrypters: [tls(), noise()],
    streamMuxers: [yamux({ maxInboundStreams: maxStreamsPerConnection, maxOutboundStreams: maxStreamsPerConnection })],
    ...(connectionProtector && { connectionProtector }),
    connectionGater: {
      denyDialMultiaddr: (address) => !mayDial(address, rules, config.ALLOW_PRIVATE_ADDRESSES === 'yes'),
    },
    connectionManager: { maxConnections, inboundConnectionThreshold: maxConnectionsPerHostPerSecond },
    connectionMonitor: { pingInterval: pingIntervalMs, pingTimeout: { minTimeout: pingTimeoutMs, maxTimeout: pingTimeoutMs } },
    services: { identify: identify(), identifyPush: identifyPush(), ping: ping(), autoNAT: autoNAT(), ...dhts },
  })
  try {
    await libp2p.start()
  } catch (error) {
    await libp2p.stop()
    throw listenError(config, error)
  }
  const services = libp2p.services as { publicDht?: KadDHT; privateDht?: KadDHT }
  return {
    libp2p,
    dhts: {
      ...(services.publicDht && { public: services.publicDht }),
      ...(services.privateDht && { private: services.privateDht }),
    },
  }
}

function listenAddresses({ PEER_HOST, PEER_TCP_PORT, PEER_WS_PORT }: Config): string[] {
  return PEER_HOST.flatMap((host) => {
    const ip = host.includes(':') ? `/ip6/${host}` : `/ip4/${host}`
    return [`${ip}/tcp/${PEER_TCP_PORT}`, `${ip}/tcp/${PEER_WS_PORT}/ws`]
  })
}

function listenError({ PEER_HOST, PEER_TCP_PORT, PEER_WS_PORT }: Config, error: unknown): unknown {
  const text = error instanceof Error ? error.message : String(error)
  const where = PEER_HOST.join(', ')
  if (/EADDRINUSE/.test(text)) {
    const port = text.includes(`:${PEER_WS_PORT}`) ? PEER_WS_PORT : PEER_TCP_PORT
    return new KeepsakeError(
      'ERROR_UNAVAILABLE',
      `The peer cannot listen on port ${port} of ${where}: it is in use. Set PEER_TCP_PORT and PEER_WS_PORT to free ones.`,
      { cause: error },
    )
  }
  if (/EADDRNOTAVAIL|EACCES/.test(text)) {
    return new KeepsakeError(
      'ERROR_UNAVAILABLE',
      `The peer cannot listen on ${where}, ports ${PEER_TCP_PORT} and ${PEER_WS_PORT}.`,
      {
        cause: error,
      },
    )
  }
  return error
}

/** DHT services by name; what a name is called does not matter to libp2p. */
function dhtsOf({ PEER_DHT, ALLOW_PRIVATE_ADDRESSES }: Config) {
  if (PEER_DHT === 'off') return {}
  const shared: KadDHTInit = {
    validators: { ipns: ipnsValidator },
    selectors: { ipns: ipnsSelector },
    reprovide: { interval: neverMs },
    // Where there is nobody, a query ends at once instead of waiting for somebody to come.
    allowQueryWithZeroPeers: true,
  }
  const mode = PEER_DHT === 'auto' ? {} : { clientMode: PEER_DHT === 'client' }
  const publicDht = kadDHT({ ...shared, ...mode, protocol: '/ipfs/kad/1.0.0', peerInfoMapper: removePrivateAddressesMapper })
  if (ALLOW_PRIVATE_ADDRESSES === 'no') return { publicDht }
  const privateDht = kadDHT({
    ...shared,
    // Among ourselves everybody can be reached, so everybody answers.
    clientMode: PEER_DHT === 'client',
    protocol: '/ipfs/lan/kad/1.0.0',
    peerInfoMapper: passthroughMapper,
    datastorePrefix: '/lan-dht',
    logPrefix: 'libp2p:lan-dht',
    metricsPrefix: 'libp2p_lan_dht',
  })
  return { publicDht, privateDht }
}

async function swarmProtector(path: string | undefined): Promise<((components: never) => ConnectionProtector) | undefined> {
  if (path === undefined) return undefined
  try {
    const psk = await readFile(path)
    if (!/^\/key\/swarm\/psk\/1\.0\.0\/\s+\/base16\/\s+[0-9a-f]{64}\s*$/i.test(psk.toString()))
      throw new Error('it holds no swarm key')
    return preSharedKey({ psk }) as (components: never) => ConnectionProtector
  } catch (error) {
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      `PEER_SWARM_KEY_FILE (${path}) cannot be used: ${(error as Error).message}. Expected the three lines of Kubo's swarm.key. The peer is not started without it, since it would then speak to everybody.`,
      { cause: error },
    )
  }
}

/** Where the peer keeps what is its own. */
export function peerFolder({ DATA_DIR }: Config): string {
  return join(DATA_DIR, 'peer')
}
