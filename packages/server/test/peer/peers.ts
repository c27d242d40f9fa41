import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import pino from 'pino'
import type { Caller } from '../../src/accounts/authenticate.ts'
import { createUser } from '../../src/accounts/users.ts'
import { collectGarbage } from '../../src/blocks/collect-garbage.ts'
import { parseConfig } from '../../src/config.ts'
import type { Peer } from '../../src/peer/peer.ts'
import { startPeer } from '../../src/peer/peer.ts'
import type { Service } from '../../src/service.ts'
import { openService } from '../../src/service.ts'
import { receiveFile } from '../../src/uploads/receive-file.ts'
import { uploadRecorder } from '../../src/uploads/record.ts'
import { deleteUpload } from '../../src/uploads/uploads.ts'
import { createTestDatabase } from '../setup/database.ts'

/** A peer on loopback with what it serves: a database and shards of its own. */
export interface TestPeer extends Peer {
  service: Service
  dataDir: string
  /** `/ip4/127.0.0.1/tcp/PORT/p2p/ID` */
  address: string
  /** Stores a file, as an upload does. */
  store(bytes: Uint8Array): Promise<CID>
  /** Deletes it, and has the collector come by at once. */
  remove(cid: CID): Promise<void>
}

/** Knows nobody, listens on loopback only, and may speak to loopback. */
const quiet = {
  ROLE: 'peer',
  PEER_HOST: '127.0.0.1',
  PEER_TCP_PORT: '0',
  PEER_WS_PORT: '0',
  PEER_BOOTSTRAP: 'none',
  PEER_DHT: 'server',
  DELEGATED_ROUTERS: 'none',
  ALLOW_PRIVATE_ADDRESSES: 'yes',
}

/** Also what happened in this very millisecond is long enough ago. */
const noGrace = -1000

export async function openPeer(env: Record<string, string> = {}): Promise<TestPeer> {
  await using starting = new AsyncDisposableStack()
  const { url, drop } = await createTestDatabase()
  starting.defer(drop)
  const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-peer-'))
  starting.defer(() => rm(dataDir, { recursive: true, force: true }))
  const config = parseConfig({ DATABASE_URL: url, DATA_DIR: dataDir, ...quiet, ...env })
  const service = starting.use(await openService({ config, log: pino({ level: 'silent' }), mode: 'beside' }))
  const peer = starting.use(await startPeer(service))
  const user = await createUser(service, { email: 'a@example.com' })
  const caller: Caller = { ...user, keyId: null, label: 'test', scope: 'all' }
  const record = uploadRecorder(service)
  const started = starting.move()
  return {
    ...peer,
    service,
    dataDir,
    address: `${peer.addresses().find((a) => /\/tcp\/\d+$/.test(a))}/p2p/${peer.peerId}`,
    async store(bytes) {
      const staged = await service.blobs.stage()
      const received = await receiveFile([bytes] as unknown as AsyncIterable<Uint8Array>, {
        staged,
        signal: new AbortController().signal,
      })
      await record({ caller, received, staged, mimeType: '', name: 'test' })
      return received.content.cid
    },
    async remove(cid) {
      await deleteUpload(service, caller.userId, cid.toString())
      await collectGarbage({ ...service, graceMs: noGrace })
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}
