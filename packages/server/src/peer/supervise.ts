import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { type Supervised, supervise } from '../supervise.ts'

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
export function supervisePeer({ log, databaseUrl, env }: Options): Supervised {
  return supervise({
    name: 'The peer',
    log,
    start(tell) {
      const child = fork(join(import.meta.dirname, '../main.ts'), {
        env: { ...env, ROLE: 'peer', DATABASE_URL: databaseUrl },
        execArgv: [...process.execArgv, ...leanHeap],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      let failure: string | undefined
      child.on('message', (message: { ready?: string; failed?: string }) => {
        if (message.ready !== undefined) tell(undefined)
        failure = message.failed ?? failure
      })
      return { child, explain: (ending) => failure ?? ending }
    },
  })
}
