import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Answers a GET with the URL of this run's PostgreSQL. Empty when TEST_DATABASE_URL names a server. */
    postgresHost: string
  }
}

/**
 * Vitest's global set-up: one PostgreSQL for the whole run, in a process of its own that starts it when the first test file asks, and ends
 * it when the run is over, however it ended: that process waits for the end of a pipe this one holds, which not even `kill -9` prevents.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.TEST_DATABASE_URL) {
    project.provide('postgresHost', '')
    return undefined
  }
  const host = spawn(process.execPath, [join(import.meta.dirname, 'postgres-host.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const ended = once(host, 'exit')
  const address = await Promise.race([once(createInterface(host.stdout), 'line'), ended])
  if (host.exitCode !== null) throw new Error('The process that keeps the PostgreSQL of the tests did not start')
  project.provide('postgresHost', String(address[0]))
  return async () => {
    host.stdin.end()
    await ended
  }
}
