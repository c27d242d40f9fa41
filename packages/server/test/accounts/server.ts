import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { createKey } from '../../src/accounts/keys.ts'
import type { User } from '../../src/accounts/users.ts'
import { createUser } from '../../src/accounts/users.ts'
import { createApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import type { KeyScope } from '../../src/database/schema.ts'
import type { Service } from '../../src/service.ts'
import { openService } from '../../src/service.ts'
import { createTestDatabase } from '../setup/database.ts'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says is what is under test
  json: any
}

export interface TestServer extends AsyncDisposable {
  /** Address of the API, without a slash at the end. */
  api: string
  port: number
  service: Service
  createUser(email: string, scope?: KeyScope): Promise<{ user: User; key: string }>
  call(path: string, init?: RequestInit): Promise<Answer>
}

/** The server on a free port, with a database and a data directory of its own. */
export async function startServer(env: Record<string, string> = {}): Promise<TestServer> {
  await using starting = new AsyncDisposableStack()
  const { url, drop } = await createTestDatabase()
  starting.defer(drop)
  const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-test-'))
  starting.defer(() => rm(dataDir, { recursive: true, force: true }))
  const fullEnv = { DATABASE_URL: url, DATA_DIR: dataDir, PORT: '0', DELEGATED_ROUTERS: 'none', FILECOIN_RPC: 'off', ...env }
  const config = parseConfig(fullEnv)
  const service = starting.use(await openService({ config, log: pino({ level: 'silent' }), mode: 'server' }))
  const app = await createApp(service, { version: '1.2.3', commit: 'unknown', branch: 'unknown' })
  starting.defer(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as { port: number }
  const api = `http://localhost:${port}/api`
  const started = starting.move()
  return {
    api,
    port,
    service,
    async createUser(email, scope) {
      const user = await createUser(service, { email })
      const { secret } = await createKey(service, user, { name: 'first', scope })
      return { user, key: secret as string }
    },
    async call(path, init) {
      const response = await fetch(`${api}${path}`, init)
      return { status: response.status, headers: response.headers, json: await response.json() }
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}
