import { once } from 'node:events'
import { mkdir, readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type ControlParts, controlServer, type DevnetProvider } from './control.ts'
import { type DevnetNode, startNode } from './node.ts'
import { startProvider } from './provider/provider.ts'
import { writeWhole } from './provider/write-whole.ts'
import { profiles } from './providers.ts'
import { readSettings, type Settings } from './settings.ts'

// A Filecoin network as one process: a node, its storage providers, and a server of commands. Its first line on standard output says where they are.

/** Which ports were taken before: a restart takes them again, so that addresses stay what they are. */
interface Ports {
  rpc: number
  control: number
  /** By number of the provider. */
  providers: Record<string, number>
}

/** Without a new block for so many epochs the node is beyond help; whoever started this process starts it again. */
const stuckEpochs = 60
const stuckCheckMs = 5_000
const noPorts: Ports = { rpc: 0, control: 0, providers: {} }

async function readPorts(path: string): Promise<Ports> {
  try {
    return { ...noPorts, ...(JSON.parse(await readFile(path, 'utf8')) as Ports) }
  } catch {
    return noPorts
  }
}

/** The port where it is free, else 0: any. */
async function ifFree(port: number): Promise<number> {
  const probe = createServer()
  try {
    probe.listen(port, '127.0.0.1')
    await once(probe, 'listening')
    return port
  } catch {
    return 0
  } finally {
    probe.close()
  }
}

function tell(who: string): (message: string) => void {
  return (message) => void process.stderr.write(`${who} ${message}\n`)
}

async function startProviders(
  settings: Settings,
  node: DevnetNode,
  ports: Ports,
  stack: AsyncDisposableStack,
): Promise<DevnetProvider[]> {
  const started: DevnetProvider[] = []
  for (const [index, { actorId, keys }] of node.providers.entries()) {
    const name = `f0${actorId}`
    const running = await startProvider({
      actorId,
      keys,
      rpcUrl: node.rpcUrl,
      keepsakeUrl: settings.keepsakeUrl,
      directory: join(settings.directory, 'providers', name),
      port: await ifFree(ports.providers[name] ?? 0),
      epochMs: node.epochMs,
      tell: tell(name),
    })
    stack.use(running)
    started.push({ profile: profiles[index % profiles.length]!, running })
  }
  return started
}

async function startControl(parts: ControlParts, port: number, stack: AsyncDisposableStack): Promise<number> {
  const server: Server = controlServer(parts)
  server.listen(await ifFree(port), '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as { port: number }).port
}

function controlPartsOf(node: DevnetNode, providers: readonly DevnetProvider[]): ControlParts {
  return {
    providers,
    network: node.network,
    rpcUrl: node.rpcUrl,
    epochMs: node.epochMs,
    head: () => ({ epoch: node.height }),
    fund: async (address, attoFil) => (await node.fund(address, attoFil)).toString(),
    reorganise: (depth) => node.reorg(depth),
  }
}

/** What whoever started this process has to know. */
function readyLine(node: DevnetNode, controlPort: number, providers: readonly DevnetProvider[]): string {
  return JSON.stringify({
    rpcUrl: node.rpcUrl,
    controlUrl: `http://127.0.0.1:${controlPort}/`,
    network: node.network,
    genesisSeconds: node.genesisSeconds,
    epochSeconds: node.epochSeconds,
    providers: providers.map(({ profile, running }) => ({
      actorId: running.actorId,
      ...profile,
      retrievalUrl: running.retrievalUrl,
    })),
  })
}

/** Resolves when the chain has not grown for long; to whoever waits for it that is an end like any other. */
function watchForStandstill(node: DevnetNode, stop: (reason: string) => void): NodeJS.Timeout {
  let height = node.height
  let since = Date.now()
  return setInterval(() => {
    if (node.height !== height) {
      height = node.height
      since = Date.now()
    } else if (Date.now() - since > Math.max(stuckEpochs * node.epochMs, 2 * stuckCheckMs)) {
      process.exitCode = 1
      stop('the chain does not grow any more')
    }
  }, stuckCheckMs)
}

async function run(settings: Settings): Promise<void> {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal))
  // Whoever started it is gone, however that ended.
  process.on('disconnect', () => stop('the server is gone'))
  await mkdir(settings.directory, { recursive: true })
  const portsFile = join(settings.directory, 'ports.json')
  const ports = await readPorts(portsFile)
  await using running = new AsyncDisposableStack()
  const node = running.use(
    await startNode({
      directory: join(settings.directory, 'chain'),
      rpcPort: settings.rpcPort || (await ifFree(ports.rpc)),
      epochMs: settings.epochMs,
      providers: settings.providers,
      onTrouble: (error) => tell('node')((error as Error).message),
    }),
  )
  const providers = await startProviders(settings, node, ports, running)
  const control = await startControl(controlPartsOf(node, providers), ports.control, running)
  const taken = Object.fromEntries(providers.map(({ running: { actorId, port } }) => [`f0${actorId}`, port]))
  await writeWhole(portsFile, JSON.stringify({ rpc: node.rpcPort, control, providers: taken } satisfies Ports))
  const watch = watchForStandstill(node, stop)
  process.stdout.write(`${readyLine(node, control, providers)}\n`)
  tell('devnet')(`ends: ${await stopped}`)
  clearInterval(watch)
}

try {
  await run(readSettings(process.env))
} catch (error) {
  process.stderr.write(`The devnet cannot go on: ${(error as Error).stack}\n`)
  process.exitCode = 1
}
// Requests to others that are under way need not end.
process.exit()
