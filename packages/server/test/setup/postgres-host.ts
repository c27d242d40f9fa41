// Started by `postgres.ts` as a process of its own. Prints its address, then starts PostgreSQL when first asked for it.
// Ends PostgreSQL and removes its files when the other end of its standard input is gone.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../../src/database/embedded.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-test-'))
const over = new AbortController()

// What the tests of durability need, they start themselves; the rest is only made faster by not waiting for the disk.
const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', shared_buffers: '64MB' }
let started: ReturnType<typeof startEmbedded> | undefined

const server = createServer(async (_request, response) => {
  started ??= startEmbedded({ dataDir, settings, signal: over.signal })
  try {
    const { url } = await started
    response.end(url)
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)

for await (const _ of process.stdin);
over.abort(new Error('the test run is over'))
server.close()
server.closeAllConnections()
await started?.then(
  (embedded) => embedded.stop(),
  () => undefined,
)
await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
