import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'

/** A process of its own, as the server sees it that started it. */
export interface Supervised {
  /** Why it does not run, in words for the operator; undefined while it runs. */
  trouble(): string | undefined
  /** Ends it, in order where it lets itself. */
  stop(): Promise<void>
}

interface Options {
  /** As in `The peer`. */
  name: string
  log: Pick<Logger, 'error'>
  /** Starts it. What it says of itself goes to `tell`: undefined once it can be used, else what is the matter. */
  start(tell: (trouble: string | undefined) => void): Started
}

export interface Started {
  child: ChildProcess
  /** Why it ended, given a sentence that says how. */
  explain(ending: string): string
}

/** From the end of one to the start of the next; twice as long each time, until one has run for a while. */
const firstDelayMs = 500
const maxDelayMs = 60_000
const steadyMs = 60_000
/** How long it may take to end in order. */
const stopTimeoutMs = 15_000

/** Runs a process, and starts it again when it ends. Nothing waits for it. */
export function supervise({ name, log, start }: Options): Supervised {
  const stopping = new AbortController()
  let trouble: string | undefined = `${name} is starting.`
  let child: ChildProcess | undefined

  const runOnce = async (): Promise<void> => {
    const started = start((told) => {
      trouble = told
    })
    child = started.child
    const [code, signal] = (await once(started.child, 'exit')) as [number | null, string | null]
    child = undefined
    if (stopping.signal.aborted) return
    trouble = started.explain(`${name} ended by itself (${signal ?? `exit code ${code}`}).`)
  }

  const keepRunning = async (): Promise<void> => {
    let delayMs = firstDelayMs
    while (!stopping.signal.aborted) {
      const startedAt = performance.now()
      await runOnce().catch((error: unknown) => {
        trouble = `${name} cannot be started: ${(error as Error).message}`
      })
      if (stopping.signal.aborted) return
      delayMs = performance.now() - startedAt > steadyMs ? firstDelayMs : delayMs
      log.error({ reason: trouble, againInMs: delayMs }, `${name} ended; the server goes on without it`)
      await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => {})
      delayMs = Math.min(delayMs * 2, maxDelayMs)
    }
  }
  const running = keepRunning()

  return {
    trouble: () => trouble,
    async stop() {
      stopping.abort()
      const last = child
      last?.kill('SIGTERM')
      const cut = setTimeout(() => last?.kill('SIGKILL'), stopTimeoutMs)
      await running
      clearTimeout(cut)
    },
  }
}
