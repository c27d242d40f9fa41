import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Accounts, accountsOf } from './accounts.ts'
import { childOf, isAlive } from './processes.ts'

export const checkout = join(import.meta.dirname, '../..')

/** A Keepsake server of one test, started the way `npm start` does it, and spoken to only over HTTP and the command line. */
export interface Server extends Accounts, AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  url: string
  /** `url` + `/api` */
  apiUrl: string
  port: number
  dataDir: string
  /** The server itself, not the script that started it. */
  pid: number
  /** What it has written so far, standard output and errors together. */
  output(): string
  /** How the process ended, as the shell would show it; undefined while it runs. */
  ended(): number | string | undefined
  /** Sends a signal to the server itself and waits until it is gone. Gives its exit code as the shell would show it. */
  kill(signal: NodeJS.Signals): Promise<number>
  /** Ends it in order and, where `startServer` made the data directory, removes that. Gives the exit code. */
  stop(): Promise<number>
}

export interface ServerOptions {
  env?: Record<string, string>
  /** Kept after `stop`; one in the system's temporary folder is made and removed when absent. */
  dataDir?: string
}

/** A start that ended instead of becoming ready. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly exitCode: number
  readonly output: string

  constructor(exitCode: number, output: string) {
    super(`The server ended with ${exitCode} instead of starting:\n${output}`)
    this.exitCode = exitCode
    this.output = output
  }
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 45_000

/** Settings of whoever runs the tests must not reach the servers they start. */
function cleanEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR', 'TEMP', 'SystemRoot', 'NODE_EXTRA_CA_CERTS']
  return Object.fromEntries(kept.flatMap((name) => (process.env[name] ? [[name, process.env[name] as string]] : [])))
}

/** Starts the server and waits for its ready line. @throws StartError */
export async function startServer({ env = {}, dataDir: givenDir }: ServerOptions = {}): Promise<Server> {
  const dataDir = givenDir ?? (await mkdtemp(join(tmpdir(), 'keepsake-acceptance-')))
  // Only tests of the peer join a network, and one of their own.
  const fullEnv = {
    ...cleanEnvironment(),
    PORT: '0',
    PEER: 'off',
    FILECOIN_RPC: 'off',
    DELEGATED_ROUTERS: 'none',
    AGGREGATE_PROFILE: 'off',
    DATA_DIR: dataDir,
    ...env,
  }
  const starter = spawn(process.execPath, ['scripts/run.mjs', 'packages/server/src/main.ts'], {
    cwd: checkout,
    env: fullEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = once(starter, 'exit').then(([code, signal]) => (code as number | null) ?? `ended by ${signal}`)
  let output = ''
  for (const stream of [starter.stdout, starter.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const discard = async () => {
    if (givenDir === undefined) await rm(dataDir, { recursive: true, force: true })
  }
  try {
    const port = await readyPort(starter, () => output)
    const url = `http://127.0.0.1:${port}`
    return {
      ...running({ starter, exit, discard, pid: await childOf(starter.pid as number), output: () => output }),
      url,
      port,
      apiUrl: `${url}/api`,
      dataDir,
      ...accountsOf({ apiUrl: `${url}/api`, env: fullEnv }),
    }
  } catch (error) {
    await discard()
    throw error
  }
}

/** The port in "Keepsake is ready at …". */
async function readyPort(starter: ChildProcess, output: () => string): Promise<number> {
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline) {
    const port = /Keepsake is ready at \S+?:(\d+)\s/.exec(output())?.[1]
    if (port !== undefined) return Number(port)
    if (starter.exitCode !== null || starter.signalCode !== null) {
      // Its last words may still be in the pipe.
      await sleep(100)
      throw new StartError(starter.exitCode ?? -1, output())
    }
    await sleep(20)
  }
  starter.kill('SIGTERM')
  throw new Error(`The server was not ready after ${startTimeoutMs} ms:\n${output()}`)
}

interface Started {
  starter: ChildProcess
  exit: Promise<number | string>
  discard: () => Promise<void>
  pid: number
  output: () => string
}

function running({ starter, exit, discard, pid, output }: Started) {
  const kill = async (signal: NodeJS.Signals): Promise<number> => {
    if (isAlive(pid)) process.kill(pid, signal)
    const code = await Promise.race([exit, sleep(stopTimeoutMs, undefined, { ref: false })])
    if (typeof code === 'number') return code
    process.kill(pid, 'SIGKILL')
    throw new Error(`The server did not end within ${stopTimeoutMs} ms of ${signal}:\n${output()}`)
  }
  const stop = async () => {
    const code = starter.exitCode ?? (await kill('SIGTERM'))
    await discard()
    return code
  }
  const ended = () => starter.exitCode ?? starter.signalCode ?? undefined
  return { pid, output, ended, kill, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}
