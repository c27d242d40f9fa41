import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Db } from '../database/database.ts'
import { type DevnetReady, registerDevnet } from './register-devnet.ts'

/** The devnet as the server sees it that started it. */
export interface SupervisedDevnet {
  /** Why it does not run, in words for the operator; undefined while it runs. */
  trouble(): string | undefined
  /** Ends it, in order where it lets itself. */
  stop(): Promise<void>
}

/** From the end of one to the start of the next; twice as long each time, until one has run for a while. */
const firstDelayMs = 1_000
const maxDelayMs = 60_000
const steadyMs = 60_000
/** How long it may take to end in order. */
const stopTimeoutMs = 15_000
/** How much a wallet is given, in FIL: deals on the devnet cost nothing, their collateral is small. */
const walletFil = 1_000
/** It waits until the money is there, which takes some epochs. */
const controlTimeoutMs = 300_000

interface Options {
  log: Logger
  database: Db
  /** Its folder is `devnet` in here. */
  dataDir: string
  /** Base of this server as its storage providers reach it. */
  keepsakeUrl: string
  /** The wallet that is given money, by its address. */
  walletAddress(): Promise<string>
  /** The environment this process was configured by. */
  env: Record<string, string | undefined>
}

/**
 * Runs a Filecoin network of simulated storage providers as a process of its own, and starts it again when it ends. Its exit also ends the channel it has to
 * this process, and the other way round: neither outlives the other. Nothing of the server waits for it.
 */
export function superviseDevnet({ log, database, dataDir, keepsakeUrl, walletAddress, env }: Options): SupervisedDevnet {
  const stopping = new AbortController()
  let trouble: string | undefined = 'The Filecoin devnet is starting.'
  let child: ChildProcess | undefined

  const onReady = async (line: string): Promise<void> => {
    const ready = JSON.parse(line) as DevnetReady
    await registerDevnet(database, ready)
    trouble = undefined
    await fund(ready.controlUrl, await walletAddress())
    log.info(
      { network: ready.network, providers: ready.providers.length },
      'a Filecoin devnet runs: simulated storage providers on this machine',
    )
  }

  const runOnce = async (): Promise<void> => {
    const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', mainFile()], {
      env: { ...plainEnv(env), DEVNET_DIR: join(dataDir, 'devnet'), DEVNET_KEEPSAKE_URL: keepsakeUrl },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    child = started
    let said = ''
    let isReady = false
    createInterface(started.stdout!).on('line', (line) => {
      if (isReady) return log.debug({ devnet: line }, 'the devnet says')
      isReady = true
      onReady(line).catch((error: unknown) => {
        if (!stopping.signal.aborted) log.error({ err: error }, 'the devnet runs, and cannot be used')
        trouble = `The Filecoin devnet runs, and cannot be used: ${(error as Error).message}`
        started.kill('SIGTERM')
      })
    })
    createInterface(started.stderr!).on('line', (line) => {
      said = line
      // What its storage providers do every few seconds is for those who look for it.
      log[/^f0\d/.test(line) ? 'debug' : 'warn']({ devnet: line }, 'the devnet says')
    })
    const [code, signal] = (await once(started, 'exit')) as [number | null, string | null]
    child = undefined
    if (stopping.signal.aborted) return
    trouble = `The Filecoin devnet ended by itself (${signal ?? `exit code ${code}`})${said ? `: ${said}` : '.'}`
  }

  const supervise = async (): Promise<void> => {
    let delayMs = firstDelayMs
    while (!stopping.signal.aborted) {
      const startedAt = performance.now()
      await runOnce().catch((error: unknown) => {
        trouble = `The Filecoin devnet cannot be started: ${(error as Error).message}`
      })
      if (stopping.signal.aborted) return
      delayMs = performance.now() - startedAt > steadyMs ? firstDelayMs : delayMs
      log.error({ reason: trouble, againInMs: delayMs }, 'the Filecoin devnet ended; the server goes on without it')
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => {})
      delayMs = Math.min(delayMs * 2, maxDelayMs)
    }
  }
  const supervision = supervise()

  return {
    trouble: () => trouble,
    async stop() {
      stopping.abort()
      const running = child
      running?.kill('SIGTERM')
      const cut = setTimeout(() => running?.kill('SIGKILL'), stopTimeoutMs)
      await supervision
      clearTimeout(cut)
    },
  }
}

/** What the devnet may know of the environment: nothing of the secrets in it. */
function plainEnv(env: Options['env']): Options['env'] {
  const names = Object.keys(env).filter((name) => ['PATH', 'HOME', 'TMPDIR'].includes(name) || name.startsWith('DEVNET_'))
  return Object.fromEntries(names.map((name) => [name, env[name]]))
}

/** It is started as a process of its own; nothing of it is imported. */
function mainFile(): string {
  return fileURLToPath(import.meta.resolve('@keepsake/devnet/main.ts'))
}

/** A client without an account cannot make deals. */
async function fund(controlUrl: string, address: string): Promise<void> {
  const response = await fetch(new URL('fund', controlUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ address, amount: walletFil }),
    signal: AbortSignal.timeout(controlTimeoutMs),
  })
  if (!response.ok) throw new Error(`The devnet does not fund the wallet: ${await response.text()}`)
}
