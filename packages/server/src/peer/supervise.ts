import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'

/** The peer as the server sees it that started it. */
export interface SupervisedPeer {
  /** Why it does not run, in words for the operator; undefined while it runs. */
  trouble(): string | undefined
  /** Ends it, in order where it lets itself. */
  stop(): Promise<void>
}

/** From the end of one to the start of the next; twice as long each time, until one has run for a while. */
const firstDelayMs = 500
const maxDelayMs = 60_000
const steadyMs = 60_000
/** How long it may take to end in order. */
const stopTimeoutMs = 15_000

/**
 * V8 lets a heap grow to several times what lives in it before it cleans up. The peer idles for hours, and most of its work is with buffers outside
 * the heap: it does as well with a smaller one.
 */
const leanHeap = ['--heap-growing-percent=30', '--max-semi-space-size=4']

interface Options {
  log: Logger
  databaseUrl: string
  /** The environment this process was configured by. */
  env: Record<string, string | undefined>
}

/**
 * Runs the peer as a process of its own, and starts it again when it ends: a fault in it, or in what strangers send it, is then nobody else's. Its
 * exit also ends the channel it has to this process, and the other way round: neither outlives the other.
 */
export function supervisePeer({ log, databaseUrl, env }: Options): SupervisedPeer {
  const stopping = new AbortController()
  let trouble: string | undefined = 'The peer is starting.'
  let child: ChildProcess | undefined

  const runOnce = async (): Promise<void> => {
    const started = fork(join(import.meta.dirname, '../main.ts'), {
      env: { ...env, ROLE: 'peer', DATABASE_URL: databaseUrl },
      execArgv: [...process.execArgv, ...leanHeap],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    child = started
    let failure: string | undefined
    started.on('message', (message: { ready?: string; failed?: string }) => {
      if (message.ready !== undefined) trouble = undefined
      if (message.failed !== undefined) failure = message.failed
    })
    const [code, signal] = (await once(started, 'exit')) as [number | null, string | null]
    child = undefined
    if (stopping.signal.aborted) return
    trouble = failure ?? `The peer ended by itself (${signal ?? `exit code ${code}`}).`
  }

  const supervise = async (): Promise<void> => {
    let delayMs = firstDelayMs
    while (!stopping.signal.aborted) {
      const startedAt = performance.now()
      await runOnce().catch((error: unknown) => {
        trouble = `The peer cannot be started: ${(error as Error).message}`
      })
      if (stopping.signal.aborted) return
      delayMs = performance.now() - startedAt > steadyMs ? firstDelayMs : delayMs
      log.error({ reason: trouble, againInMs: delayMs }, 'the peer ended; the server goes on without it')
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
