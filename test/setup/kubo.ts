import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A Kubo node of one test: on loopback, knowing nobody, in a repository that is gone afterwards. */
export interface Kubo extends AsyncDisposable {
  peerId: string
  /** Where it is reached: `/ip4/127.0.0.1/tcp/PORT/p2p/ID`. */
  address: string
  /** `http://127.0.0.1:PORT` of its RPC. */
  rpcUrl: string
  /** `http://127.0.0.1:PORT` of its gateway. */
  gatewayUrl: string
  pid: number
  /** Runs the `ipfs` command on it, and gives what it printed. */
  ipfs(...args: string[]): Promise<string>
  /** Calls its RPC: `path` as in `routing/findprovs`. Answers other than 200 are thrown with what they say. */
  rpc(path: string, args?: RpcArguments, body?: FormData): Promise<Response>
  /** The same, for answers of one JSON value. */
  rpcJson<T>(path: string, args?: RpcArguments, body?: FormData): Promise<T>
  /** The same, for answers of many: all of them. */
  rpcLines<T>(path: string, args?: RpcArguments, body?: FormData): Promise<T[]>
  /** Connects it to others, by their addresses. */
  connect(...addresses: string[]): Promise<void>
  /** Ends it at once or in order; its repository stays. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Ends it and removes its repository. */
  stop(): Promise<void>
}

/** Several values where an argument may be given several times. */
type RpcArguments = Record<string, string | number | boolean | readonly string[]>

export interface KuboOptions {
  /** Text of a swarm key: it then only speaks to those that have the same. */
  swarmKey?: string | undefined
  /** Merged into its configuration. */
  config?: Record<string, unknown> | undefined
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 20_000

/** Nothing but loopback: no bootstrap, no relay, no discovery, no defaults from the network. */
const quiet = {
  Addresses: {
    Swarm: ['/ip4/127.0.0.1/tcp/0'],
    API: '/ip4/127.0.0.1/tcp/0',
    Gateway: '/ip4/127.0.0.1/tcp/0',
    Announce: [],
    AppendAnnounce: [],
    NoAnnounce: [],
  },
  AutoConf: { Enabled: false },
  AutoTLS: { Enabled: false },
  AutoNAT: { ServiceMode: 'disabled' },
  Bootstrap: [],
  Discovery: { MDNS: { Enabled: false } },
  DNS: { Resolvers: {} },
  HTTPRetrieval: { Enabled: false },
  Ipns: { DelegatedPublishers: [] },
  // Loopback is where the test's whole network is.
  Routing: { Type: 'dhtserver', LoopbackAddressesOnLanDHT: true, DelegatedRouters: [] },
  Swarm: {
    DisableNatPortMap: true,
    RelayClient: { Enabled: false },
    RelayService: { Enabled: false },
    EnableHolePunching: false,
  },
  Version: { SwarmCheckEnabled: false },
}

/** Starts a node and waits until it is ready. `program` is what `goProgram('kubo')` gave. */
export async function startKubo(program: string, { swarmKey, config = {} }: KuboOptions = {}): Promise<Kubo> {
  const repository = await mkdtemp(join(tmpdir(), 'keepsake-kubo-'))
  const env = { PATH: process.env.PATH ?? '', HOME: repository, IPFS_PATH: repository, IPFS_TELEMETRY: 'off' }
  const discard = () => rm(repository, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  try {
    await promisify(execFile)(program, ['init', '--empty-repo', '--profile=test'], { env, timeout: startTimeoutMs })
    const path = join(repository, 'config')
    const initial = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
    await writeFile(path, JSON.stringify(merge(merge(initial, quiet), config)))
    if (swarmKey !== undefined) await writeFile(join(repository, 'swarm.key'), swarmKey)
    const daemon = spawn(program, ['daemon'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const { rpcUrl, gatewayUrl } = await ready(daemon)
    const node = running({ daemon, discard, rpcUrl })
    const { ID: peerId, Addresses } = await node.rpcJson<{ ID: string; Addresses: string[] }>('id')
    const ipfs = async (...args: string[]) => {
      const options = { env, timeout: startTimeoutMs, maxBuffer: 64 * 1024 * 1024 }
      return (await promisify(execFile)(program, ['--api', toMultiaddr(rpcUrl), ...args], options)).stdout
    }
    return { ...node, peerId, address: Addresses.find((a) => a.includes('/tcp/')) as string, rpcUrl, gatewayUrl, ipfs }
  } catch (error) {
    await discard()
    throw error
  }
}

const toMultiaddr = (url: string) => `/ip4/127.0.0.1/tcp/${new URL(url).port}`

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Records are merged, everything else is replaced. */
function merge(base: Record<string, unknown>, change: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...base }
  for (const [name, value] of Object.entries(change)) {
    const old = merged[name]
    merged[name] = isRecord(value) && isRecord(old) && Object.keys(value).length > 0 ? merge(old, value) : value
  }
  return merged
}

/** Where the daemon says it listens. */
async function ready(daemon: ChildProcess): Promise<{ rpcUrl: string; gatewayUrl: string }> {
  let output = ''
  for (const stream of [daemon.stdout, daemon.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text))
  const urlAfter = (words: string) => {
    const port = new RegExp(`${words} /ip4/127.0.0.1/tcp/(\\d+)`).exec(output)?.[1]
    return port === undefined ? undefined : `http://127.0.0.1:${port}`
  }
  for (const end = Date.now() + startTimeoutMs; Date.now() < end; await sleep(20)) {
    const rpcUrl = urlAfter('RPC API server listening on')
    const gatewayUrl = urlAfter('Gateway server listening on')
    if (output.includes('Daemon is ready') && rpcUrl && gatewayUrl) return { rpcUrl, gatewayUrl }
    if (daemon.exitCode !== null || daemon.signalCode !== null) throw new Error(`Kubo ended instead of starting:\n${output}`)
  }
  daemon.kill('SIGKILL')
  throw new Error(`Kubo was not ready after ${startTimeoutMs} ms:\n${output}`)
}

interface Started {
  daemon: ChildProcess
  discard: () => Promise<void>
  rpcUrl: string
}

function running({ daemon, discard, rpcUrl }: Started) {
  const rpc = async (path: string, args: RpcArguments = {}, body?: FormData): Promise<Response> => {
    const url = new URL(`/api/v0/${path}`, rpcUrl)
    for (const [name, value] of Object.entries(args)) {
      for (const one of [value].flat()) url.searchParams.append(name, String(one))
    }
    const response = await fetch(url, { method: 'POST', ...(body && { body }) })
    if (!response.ok) throw new Error(`Kubo answered ${path} with ${response.status}: ${await response.text()}`)
    return response
  }
  const rpcJson = async <T>(path: string, args?: RpcArguments, body?: FormData) =>
    (await (await rpc(path, args, body)).json()) as T
  const rpcLines = async <T>(path: string, args?: RpcArguments, body?: FormData) =>
    (await (await rpc(path, args, body)).text())
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as T)
  const connect = async (...addresses: string[]) => {
    for (const address of addresses) await rpc('swarm/connect', { arg: address })
  }
  const exited = once(daemon, 'exit')
  const kill = async (signal: NodeJS.Signals) => {
    if (daemon.exitCode === null && daemon.signalCode === null) daemon.kill(signal)
    const cut = setTimeout(() => daemon.kill('SIGKILL'), stopTimeoutMs)
    await exited
    clearTimeout(cut)
  }
  const stop = async () => {
    await kill('SIGTERM')
    await discard()
  }
  return { pid: daemon.pid as number, rpc, rpcJson, rpcLines, connect, kill, stop, [Symbol.asyncDispose]: stop }
}
