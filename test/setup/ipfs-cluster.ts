import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import { goProgram } from './go-programs.ts'
import { type Kubo, startKubo } from './kubo.ts'

/** One peer of a cluster of one test, with the Kubo node whose pins it keeps. */
interface ClusterPeer {
  id: string
  /** `http://127.0.0.1:PORT` of its REST API. */
  restUrl: string
  kubo: Kubo
  /** Ends it without warning. */
  kill(): Promise<void>
  /** Starts it again, with the state it had. */
  start(): Promise<void>
}

export interface IpfsCluster extends AsyncDisposable {
  peers: readonly ClusterPeer[]
  /** What its REST API asks for. */
  user: string
  password: string
}

const readyTimeoutMs = 60_000
const stopTimeoutMs = 10_000

interface ClusterPrograms {
  kubo: string
  service: string
}

/** The programs of a cluster; undefined, with one line said, where one cannot be had. Building them takes minutes, so it is not for a hook, which has a time. */
export async function clusterPrograms(): Promise<ClusterPrograms | undefined> {
  const [kubo, service] = [await goProgram('kubo'), await goProgram('ipfs-cluster-service')]
  return kubo && service ? { kubo, service } : undefined
}

/** Real IPFS Cluster peers (CRDT consensus) on loopback, each with a Kubo node. */
export async function startIpfsCluster({ kubo, service }: ClusterPrograms, size: number): Promise<IpfsCluster> {
  await using starting = new AsyncDisposableStack()
  const credentials = { user: 'keepsake', password: randomBytes(8).toString('hex') }
  const secret = randomBytes(32).toString('hex')
  const nodes = await Promise.all(Array.from({ length: size }, async () => starting.use(await startKubo(kubo))))
  for (const node of nodes) await node.connect(...nodes.filter((other) => other !== node).map(({ address }) => address))
  const peers: ClusterPeer[] = []
  const bootstrap: string[] = []
  for (const node of nodes) {
    const peer = await preparePeer(service, node, { ...credentials, secret, bootstrap: [...bootstrap] })
    starting.defer(peer.discard)
    await peer.start()
    bootstrap.push(peer.address)
    peers.push(peer)
  }
  await Promise.all(peers.map((peer) => untilPeers(peer, size, credentials)))
  const started = starting.move()
  return { peers, ...credentials, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

interface PeerOptions {
  user: string
  password: string
  secret: string
  bootstrap: readonly string[]
}

async function preparePeer(program: string, kubo: Kubo, { user, password, secret, bootstrap }: PeerOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-cluster-'))
  const env = { PATH: process.env.PATH ?? '', HOME: folder, GOLOG_LOG_LEVEL: 'error' }
  await promisify(execFile)(program, ['-c', folder, 'init', '--consensus', 'crdt'], { env })
  const [swarmPort, restPort] = [await freePort(), await freePort()]
  const path = join(folder, 'service.json')
  const config = JSON.parse(await readFile(path, 'utf8'))
  Object.assign(config.cluster, {
    secret,
    listen_multiaddress: [`/ip4/127.0.0.1/tcp/${swarmPort}`],
    // No discovery beside what the test says.
    mdns_interval: '0s',
    monitor_ping_interval: '1s',
    peer_watch_interval: '1s',
  })
  config.cluster.pubsub.heartbeat_interval = '1s'
  config.monitor.pubsubmon.check_interval = '1s'
  config.ipfs_connector.ipfshttp.node_multiaddress = `/ip4/127.0.0.1/tcp/${new URL(kubo.rpcUrl).port}`
  config.api = {
    restapi: {
      ...config.api.restapi,
      http_listen_multiaddress: `/ip4/127.0.0.1/tcp/${restPort}`,
      basic_auth_credentials: { [user]: password },
    },
  }
  await writeFile(path, JSON.stringify(config))
  const { id } = JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8')) as { id: string }
  const restUrl = `http://127.0.0.1:${restPort}`
  let daemon: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals) => {
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return
    const exited = once(daemon, 'exit')
    daemon.kill(signal)
    const cut = setTimeout(() => daemon?.kill('SIGKILL'), stopTimeoutMs)
    await exited
    clearTimeout(cut)
  }
  return {
    id,
    restUrl,
    kubo,
    address: `/ip4/127.0.0.1/tcp/${swarmPort}/p2p/${id}`,
    async start() {
      const join = bootstrap.length > 0 ? ['--bootstrap', bootstrap.join(',')] : []
      daemon = spawn(program, ['-c', folder, 'daemon', ...join], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      await untilReady(daemon, restUrl)
    },
    kill: () => end('SIGKILL'),
    async discard() {
      await end('SIGTERM')
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

async function untilReady(daemon: ChildProcess, restUrl: string): Promise<void> {
  let output = ''
  for (const stream of [daemon.stdout, daemon.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000)
    })
  }
  for (const end = Date.now() + readyTimeoutMs; Date.now() < end; await sleep(50)) {
    if (daemon.exitCode !== null) throw new Error(`The cluster peer ended instead of starting:\n${output}`)
    const answer = await fetch(`${restUrl}/health`).catch(() => undefined)
    if (answer?.ok) return
  }
  daemon.kill('SIGKILL')
  throw new Error(`The cluster peer was not ready after ${readyTimeoutMs} ms:\n${output}`)
}

/** Until a peer has met all the others. */
async function untilPeers(
  { restUrl }: ClusterPeer,
  size: number,
  { user, password }: { user: string; password: string },
): Promise<void> {
  const headers = { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
  for (const end = Date.now() + readyTimeoutMs; Date.now() < end; await sleep(100)) {
    const { cluster_peers: met } = (await (await fetch(`${restUrl}/id`, { headers })).json()) as { cluster_peers: string[] }
    if (met.length >= size) return
  }
  throw new Error(`The cluster peer at ${restUrl} had not met the others after ${readyTimeoutMs} ms.`)
}
