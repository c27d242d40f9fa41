import type { TestProject } from 'vitest/node'
import { prepareBrowser } from './browser.ts'
import { startServer } from './server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    keepsake: SharedDeployment
  }
}

/** The server that most files of the suite share; each makes users or content of its own. */
export interface SharedDeployment {
  url: string
  apiUrl: string
  /** Undefined where the suite was aimed at a deployment that runs already. */
  dataDir: string | undefined
  /** With scope `all`. */
  key: string
  /** Of another user; undefined where the suite was aimed at a deployment and `KEEPSAKE_KEY_2` is not set. */
  otherKey: string | undefined
}

/**
 * Vitest's global set-up of the acceptance suite: one server on a new data directory. With `KEEPSAKE_URL` and `KEEPSAKE_KEY` the suite
 * is aimed at a deployment that runs already and starts nothing.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { KEEPSAKE_URL, KEEPSAKE_KEY, KEEPSAKE_KEY_2 } = process.env
  if (KEEPSAKE_URL !== undefined) {
    if (!KEEPSAKE_KEY) throw new Error('KEEPSAKE_URL is set, so KEEPSAKE_KEY must be too: an API key with scope "all".')
    const url = KEEPSAKE_URL.replace(/\/+$/, '')
    process.stdout.write(`Acceptance suite aimed at ${url}: tests that start and stop servers are skipped.\n`)
    project.provide('keepsake', { url, apiUrl: `${url}/api`, dataDir: undefined, key: KEEPSAKE_KEY, otherKey: KEEPSAKE_KEY_2 })
    return undefined
  }
  prepareBrowser()
  const server = await startServer({ env: { LOG_LEVEL: 'warn' } })
  const [key, otherKey] = await Promise.all([server.createKey({ name: 'first' }), server.createKey({ name: 'of another user' })])
  project.provide('keepsake', { url: server.url, apiUrl: server.apiUrl, dataDir: server.dataDir, key, otherKey })
  return async () => {
    const code = await server.stop()
    if (code !== 0) throw new Error(`The shared server ended with ${code}:\n${server.output()}`)
  }
}

/** Whether the suite starts its own servers. */
export const startsServers = process.env.KEEPSAKE_URL === undefined
