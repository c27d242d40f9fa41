import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { IpfsCluster } from '../../../../test/setup/ipfs-cluster.ts'
import { clusterPrograms, startIpfsCluster } from '../../../../test/setup/ipfs-cluster.ts'
import { jobHandlers } from '../../src/job-handlers.ts'
import { startWorker } from '../../src/jobs/worker.ts'
import { caller } from '../../src/pins/calls/call.ts'
import { callBudget } from '../../src/pins/calls/call-budget.ts'
import { clusterBackend } from '../../src/pins/cluster/cluster-backend.ts'
import { pinBackendContract } from './contract.ts'
import { memoryDag } from './dags.ts'
import type { PinServer } from './pin-server.ts'
import { startPinServer } from './pin-server.ts'

// Against three real cluster peers, each with a real Kubo node.

const waitMs = 60_000
const programs = await clusterPrograms()
let cluster: IpfsCluster | undefined

beforeAll(async () => {
  if (programs) cluster = await startIpfsCluster(programs, 3)
}, 180_000)
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
}, 60_000)

const basic = ({ user, password }: IpfsCluster) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** What each peer says of a root. */
async function statusesOf(running: IpfsCluster, cid: string, at = 0): Promise<string[]> {
  const response = await fetch(`${running.peers[at]?.restUrl}/pins/${cid}`, { headers: { authorization: basic(running) } })
  const { peer_map: peers } = (await response.json()) as { peer_map: Record<string, { status: string }> }
  return Object.values(peers).map(({ status }) => status)
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + waitMs; Date.now() < end; await sleep(100)) if (await isTrue()) return
  throw new Error(`Not within ${waitMs} ms: ${what}`)
}

pinBackendContract('a real IPFS Cluster', async () => {
  // Started by the hook above, which comes first.
  if (!cluster) return undefined
  const urls = cluster.peers.map(({ restUrl }) => new URL(restUrl))
  // The token it gives for the password opens it too.
  const answer = await fetch(`${urls[0]?.origin}/token`, { method: 'POST', headers: { authorization: basic(cluster) } })
  const { token } = (await answer.json()) as { token: string }
  const call = caller({ idleTimeoutMs: 10_000, headers: { authorization: `Bearer ${token}` } })
  const backend = clusterBackend({ urls, call, budget: callBudget(10_000), copies: 1 })
  return { backend, dag: memoryDag, takesBytes: true, removes: true, end: async () => {} }
})

describe('a server with an IPFS Cluster of three', () => {
  let server: PinServer
  let stopJobs: () => Promise<void>

  beforeAll(async () => {
    if (!cluster) return
    server = await startPinServer({
      PIN_BACKENDS: 'embedded,cluster',
      CLUSTER_URLS: cluster.peers.map(({ restUrl }) => restUrl).join(','),
      CLUSTER_USER: cluster.user,
      CLUSTER_PASSWORD: cluster.password,
      PIN_RETRY_MIN_MS: '500',
      PEER: 'off',
      AGGREGATE_PROFILE: 'off',
    })
    const { service } = server
    const worker = await startWorker({ database: service.database, handlers: jobHandlers(service), log: service.log })
    stopJobs = () => worker.stop()
  }, 60_000)
  afterAll(async () => {
    await stopJobs?.()
    await server?.[Symbol.asyncDispose]()
  }, 60_000)

  const test = (sentence: string, check: (running: IpfsCluster) => Promise<void>) =>
    it(
      sentence,
      async (context) => {
        if (!cluster) return context.skip('its programs are not there')
        await check(cluster)
      },
      3 * waitMs,
    )
  const isPinned = async (cid: string) => (await server.pinsOf(cid)).cluster?.status === 'pinned'

  test('has what is uploaded pinned by all three', async (running) => {
    const cid = await server.store(`three times ${'x'.repeat(300_000)}`)
    await until('the server says that it is pinned', () => isPinned(cid))
    await until('every peer says so', async () => (await statusesOf(running, cid)).join() === 'pinned,pinned,pinned')
    for (const { kubo } of running.peers) expect(await kubo.ipfs('pin', 'ls', '--type=recursive', cid)).toContain('recursive')
  })

  test('has everything pinned in the end when a peer is killed during uploads', async (running) => {
    const [victim, ...others] = running.peers
    const cids: string[] = []
    for (let index = 0; index < 40; index++) {
      if (index === 12) await victim?.kill()
      const startedAt = performance.now()
      cids.push(await server.store(`during the killing ${index} ${'y'.repeat(2_000)}`))
      expect(performance.now() - startedAt).toBeLessThan(5_000)
    }
    for (const cid of cids) await until(`${cid} is pinned`, () => isPinned(cid))
    for (const cid of cids) {
      await until(
        `both others have ${cid}`,
        async () => (await statusesOf(running, cid, 1)).filter((one) => one === 'pinned').length >= 2,
      )
    }
    for (const { kubo } of others) {
      const kept = await kubo.ipfs('pin', 'ls', '--type=recursive', '--quiet')
      expect(cids.filter((cid) => !kept.includes(cid))).toEqual([])
    }
    await victim?.start()
  })

  test('takes uploads while the whole cluster is away, and pins them when it is back', async (running) => {
    for (const peer of running.peers) await peer.kill()
    const cids: string[] = []
    for (let index = 0; index < 10; index++) {
      const startedAt = performance.now()
      cids.push(await server.store(`while all are away ${index}`))
      expect(performance.now() - startedAt).toBeLessThan(5_000)
    }
    for (const cid of cids)
      expect(await server.pinsOf(cid)).toMatchObject({ embedded: { status: 'pinned' }, cluster: { status: 'queued' } })
    for (const peer of running.peers) await peer.start()
    for (const cid of cids) await until(`${cid} is pinned`, () => isPinned(cid))
  })
})
