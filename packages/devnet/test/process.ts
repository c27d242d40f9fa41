import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

interface DevnetInfo {
  rpcUrl: string
  controlUrl: string
  network: string
  genesisSeconds: number
  epochSeconds: number
  providers: { actorId: number; city: string; retrievalUrl: string }[]
}

export interface DevnetProcess extends DevnetInfo {
  child: ChildProcess
  /** What it said while it ran. */
  said: string[]
  command<T>(name: string, body?: object): Promise<T>
  end(signal?: NodeJS.Signals): Promise<void>
}

export interface DealShown {
  stage: string
  reason: string | null
  dealId: number | null
  sector: number | null
}

export interface StatusShown {
  head: { epoch: number }
  providers: { actorId: number; deals: DealShown[]; isOffline: boolean }[]
}

/** The devnet as the server starts it. */
export async function startDevnet(directory: string, env: Record<string, string>): Promise<DevnetProcess> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../src/main.ts')], {
    env: { PATH: process.env.PATH ?? '', DEVNET_DIR: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const said: string[] = []
  createInterface(child.stderr!).on('line', (line) => void said.push(line))
  const exited = once(child, 'exit')
  const first = once(createInterface(child.stdout!), 'line') as Promise<[string]>
  const [line] = await Promise.race([
    first,
    exited.then((): never => {
      throw new Error(`The devnet ended: ${said.join('\n')}`)
    }),
  ])
  const info = JSON.parse(line) as DevnetInfo
  return {
    ...info,
    child,
    said,
    async command<T>(name: string, body: object = {}): Promise<T> {
      const response = await fetch(new URL(name, info.controlUrl), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      const answer = (await response.json()) as T & { error?: string }
      if (!response.ok) throw new Error(answer.error)
      return answer
    },
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await exited
    },
  }
}

/** Waits until `look` gives something. */
export async function until<T>(look: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
  for (const end = Date.now() + timeoutMs; ; ) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`It did not happen within ${timeoutMs} ms.`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
