import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { goProgram } from '../../../../test/setup/go-programs.ts'
import { startKubo } from '../../../../test/setup/kubo.ts'
import { createUser } from '../../src/accounts/users.ts'
import { openLocalBlobs } from '../../src/blobs/local.ts'
import { openBlocks } from '../../src/blocks/blocks.ts'
import { facts } from '../../src/jobs/facts.ts'
import { migrateJobs } from '../../src/jobs/worker.ts'
import { caller } from '../../src/pins/calls/call.ts'
import { callBudget } from '../../src/pins/calls/call-budget.ts'
import { clusterBackend } from '../../src/pins/cluster/cluster-backend.ts'
import { dagOf } from '../../src/pins/dag-car.ts'
import { embeddedBackend } from '../../src/pins/embedded-backend.ts'
import { kuboBackend } from '../../src/pins/kubo/kubo-backend.ts'
import { pinataBackend } from '../../src/pins/pinata/pinata-backend.ts'
import { psaBackend } from '../../src/pins/psa/psa-backend.ts'
import { pipeline } from '../../src/pipeline.ts'
import { receiveFile } from '../../src/uploads/receive-file.ts'
import { uploadRecorder } from '../../src/uploads/record.ts'
import { createTestDatabase } from '../setup/database.ts'
import { pinBackendContract } from './contract.ts'
import { memoryDag } from './dags.ts'
import { startFakeCluster } from './fake-cluster.ts'
import { startFakePinata } from './fake-pinata.ts'
import { startFakePinningService } from './fake-pinning-service.ts'

const budget = () => callBudget(10_000)
const call = (authorization?: string) => caller({ idleTimeoutMs: 10_000, ...(authorization && { headers: { authorization } }) })
const origins = async () => ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWExample']

pinBackendContract('our own shards', async () => {
  const { database, drop } = await createTestDatabase()
  await migrateJobs(database)
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-pins-'))
  const blobs = await openLocalBlobs({ directory: folder })
  const blocks = openBlocks({ database, blobs })
  const user = await createUser({ database }, { email: 'a@example.com' })
  const record = uploadRecorder({ database, facts: facts(pipeline), blocks, findDeals: async () => new Map() })
  return {
    backend: embeddedBackend({ database, blobs, carOf: (root, signal) => dagOf(blocks, root).car({ signal }) }),
    takesBytes: false,
    removes: false,
    async dag(seed) {
      const staged = await blobs.stage()
      const bytes = (async function* () {
        yield Buffer.from(seed)
      })()
      const received = await receiveFile(bytes, { staged, signal: new AbortController().signal })
      const caller = { ...user, keyId: null, label: 'test', scope: 'all' as const }
      await record({ caller, received, staged, mimeType: '', name: seed })
      return dagOf(blocks, received.content.cid)
    },
    async end() {
      await blobs.close()
      await drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
})

pinBackendContract('an IPFS Cluster', async () => {
  const cluster = await startFakeCluster()
  cluster.authorization = `Basic ${Buffer.from('ada:secret').toString('base64')}`
  const backend = clusterBackend({ urls: [new URL(cluster.url)], call: call(cluster.authorization), budget: budget(), copies: 1 })
  return { backend, dag: memoryDag, takesBytes: true, removes: true, end: async () => await cluster[Symbol.asyncDispose]() }
})

pinBackendContract('a pinning service', async () => {
  const service = await startFakePinningService('/api/v1')
  const url = new URL(`${service.url}/api/v1`)
  const backend = psaBackend({ name: 'psa', url, call: call('Bearer secret'), budget: budget(), origins })
  return { backend, dag: memoryDag, takesBytes: false, removes: true, end: async () => await service[Symbol.asyncDispose]() }
})

pinBackendContract('Pinata as a pinning service', async () => {
  const service = await startFakePinningService('/psa')
  const backend = pinataBackend('psa', { url: new URL(service.url), call: call('Bearer secret'), budget: budget(), origins })
  return { backend, dag: memoryDag, takesBytes: false, removes: true, end: async () => await service[Symbol.asyncDispose]() }
})

for (const api of ['hash', 'v3'] as const) {
  pinBackendContract(`Pinata by its API "${api}"`, async () => {
    const pinata = await startFakePinata()
    const backend = pinataBackend(api, { url: new URL(pinata.url), call: call('Bearer jwt'), budget: budget(), origins })
    const end = async () => await pinata[Symbol.asyncDispose]()
    return { backend, dag: memoryDag, takesBytes: false, removes: true, finish: () => pinata.finishAll(), end }
  })
}

// Building it takes minutes; a hook has a time.
const program = await goProgram('kubo')

pinBackendContract('a Kubo node', async () => {
  if (!program) return undefined
  const kubo = await startKubo(program)
  const backend = kuboBackend({ url: new URL(kubo.rpcUrl), call: call(), budget: budget() })
  return { backend, dag: memoryDag, takesBytes: true, removes: true, end: async () => await kubo.stop() }
})
