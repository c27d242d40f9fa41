import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = join(import.meta.dirname, '../../../..')
const bin = join(root, 'packages/cli/bin/keepsake.mjs')

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  cwd: string
  env?: Record<string, string> | undefined
  /** Standard input; `false` leaves it to `during`. */
  input?: string | false | undefined
  /** Called with the process as soon as it runs. */
  during?: ((child: ChildProcess) => void) | undefined
  uid?: number | undefined
}

/** The environment of a user who has set nothing of Keepsake's. */
function plainEnv(home: string): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: home, XDG_CONFIG_HOME: join(home, 'config') }
}

/** Runs the command as a user would. */
export async function keepsake(args: readonly string[], { cwd, env, input, during, uid }: RunOptions): Promise<Ran> {
  const child = spawn(process.execPath, [bin, ...args], { cwd, env: { ...plainEnv(cwd), ...env }, ...(uid && { uid, gid: uid }) })
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text
  })
  child.stdin.on('error', () => {})
  if (input !== false) child.stdin.end(input ?? '')
  during?.(child)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...out }
}

export interface RunningServer {
  endpoint: string
  dataDir: string
  stop(): Promise<void>
}

/** A server of its own on a free port of loopback, with its own embedded PostgreSQL. `settings` beside those of every test. */
export async function startServer(dataDir: string, settings: Record<string, string> = {}): Promise<RunningServer> {
  const main = join(root, 'packages/server/src/main.ts')
  const usual = {
    DATA_DIR: dataDir,
    PORT: '0',
    PEER: 'off',
    FILECOIN_RPC: 'off',
    DELEGATED_ROUTERS: 'none',
    AGGREGATE_PROFILE: 'off',
    LOG_LEVEL: 'error',
  }
  const env = { ...plainEnv(dataDir), ...usual, ...settings }
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const port = await new Promise<string>((found, fail) => {
    createInterface(child.stdout).on('line', (line) => {
      const match = /ready at http:\/\/localhost:(\d+)/.exec(line)
      if (match) found(match[1] as string)
    })
    exited.then(() => fail(new Error('The server did not start.')))
  })
  return {
    endpoint: `http://127.0.0.1:${port}`,
    dataDir,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
