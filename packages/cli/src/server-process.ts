import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { CommandError } from './failure.ts'

/** Files of the server are started as processes of their own; nothing of it is imported. */
export function serverFile(name: 'main' | 'operator'): string {
  return fileURLToPath(import.meta.resolve(`@keepsake/server/${name}.ts`))
}

export const nodeFlags = ['--disable-warning=ExperimentalWarning']

/** Whether this machine has what a server runs on. */
export function hasLocalData(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.DATABASE_URL) || existsSync(join(dataDirOf(env), 'postgres'))
}

export function dataDirOf(env: NodeJS.ProcessEnv): string {
  return resolve(env.DATA_DIR?.trim() || './data')
}

export interface LocalServer extends AsyncDisposable {
  endpoint: string
}

const stopMs = 45_000

/**
 * Starts a server on the data of this machine for as long as a command needs it, on a free port of loopback. It ends when it is
 * disposed of, and also when this process is killed: it watches a pipe that only this process holds.
 */
export async function startLocalServer(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<LocalServer> {
  const watch = fileURLToPath(new URL('./end-with-parent.ts', import.meta.url))
  const child = spawn(process.execPath, [...nodeFlags, '--import', watch, serverFile('main')], {
    // A group of its own: Ctrl-C is for the command, which then ends the server in order.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...env, PORT: '0', HOST: '127.0.0.1', PUBLIC_URL: '', ROLE: '', LOG_LEVEL: 'error' },
  })
  const exited = once(child, 'exit')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000)
  })
  child.stdin.on('error', () => {})
  const stop = async () => {
    child.stdin.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await exited
    clearTimeout(timer)
  }
  const ready = new Promise<string>((found) => {
    createInterface(child.stdout).on('line', (line) => {
      const port = /ready at http:\/\/localhost:(\d+)/.exec(line)?.[1]
      if (port) found(port)
    })
  })
  const aborted = new Promise<undefined>((done) => signal.addEventListener('abort', () => done(undefined), { once: true }))
  const first = await Promise.race([ready, exited.then(() => undefined), aborted])
  if (signal.aborted) {
    await stop()
    signal.throwIfAborted()
  }
  if (first === undefined) {
    const reason = said.trim().replace(/^Keepsake cannot start: /, '')
    throw new CommandError(
      `No server answers, and one could not be started on ${env.DATABASE_URL ? 'DATABASE_URL' : dataDirOf(env)}: ${reason || 'it ended at once.'}`,
    )
  }
  return { endpoint: `http://127.0.0.1:${first}`, [Symbol.asyncDispose]: stop }
}
