import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { Db } from '../database/database.ts'
import { type Supervised, supervise } from '../supervise.ts'
import { type DevnetReady, registerDevnet } from './register-devnet.ts'

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
export function superviseDevnet(options: Options): Supervised {
  const { log, dataDir, keepsakeUrl, env } = options
  return supervise({
    name: 'The Filecoin devnet',
    log,
    start(tell) {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', mainFile()], {
        env: { ...plainEnv(env), DEVNET_DIR: join(dataDir, 'devnet'), DEVNET_KEEPSAKE_URL: keepsakeUrl },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      })
      let said = ''
      let failure: string | undefined
      let isReady = false
      createInterface(child.stdout!).on('line', (line) => {
        if (isReady) return log.debug({ devnet: line }, 'the devnet says')
        isReady = true
        takeUp(options, line, () => tell(undefined)).catch((error: Error) => {
          failure = `The Filecoin devnet runs, and cannot be used: ${error.message}`
          child.kill('SIGTERM')
        })
      })
      createInterface(child.stderr!).on('line', (line) => {
        said = line
        // What its storage providers do every few seconds is for those who look for it.
        log[/^f0\d/.test(line) ? 'debug' : 'warn']({ devnet: line }, 'the devnet says')
      })
      return { child, explain: (ending) => failure ?? (said ? `${ending} It said: ${said}` : ending) }
    },
  })
}

/** Has this server make its deals on the devnet that `line` tells of. `onUsable` is called once it can; the wallet is funded after that. */
async function takeUp({ log, database, walletAddress }: Options, line: string, onUsable: () => void): Promise<void> {
  const ready = JSON.parse(line) as DevnetReady
  await registerDevnet(database, ready)
  onUsable()
  await fund(ready.controlUrl, await walletAddress())
  log.info(
    { network: ready.network, providers: ready.providers.length },
    'a Filecoin devnet runs: simulated storage providers on this machine',
  )
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
