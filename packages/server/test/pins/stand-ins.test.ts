import { Cluster } from '@nftstorage/ipfs-cluster'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caller } from '../../src/pins/calls/call.ts'
import { callBudget } from '../../src/pins/calls/call-budget.ts'
import { pinataBackend } from '../../src/pins/pinata/pinata-backend.ts'
import { memoryDag } from './dags.ts'
import type { FakeCluster } from './fake-cluster.ts'
import { startFakeCluster } from './fake-cluster.ts'
import type { FakePinata } from './fake-pinata.ts'
import { startFakePinata } from './fake-pinata.ts'

// That the stand-ins are like what they stand in for: other people's clients work with them; and that their odd ways are met.

describe('the stand-in of IPFS Cluster', () => {
  let fake: FakeCluster
  beforeAll(async () => {
    fake = await startFakeCluster()
    fake.authorization = 'Basic YTpi'
  })
  afterAll(async () => await fake[Symbol.asyncDispose]())

  it('works with the client that nft.storage published', async () => {
    const client = new Cluster(fake.url, { headers: { authorization: 'Basic YTpi' } })
    const dag = await memoryDag('independent')
    const chunks: Uint8Array[] = []
    for await (const chunk of dag.car()) chunks.push(chunk)
    const cid = dag.root.toString()
    expect((await client.addCAR(new Blob(chunks as BlobPart[]), { name: 'independent' })).cid).toBe(cid)
    expect(fake.pins.get(cid)?.blocks).toBe(4)
    const { peerMap } = await client.status(cid)
    expect(Object.values(peerMap).map(({ status }) => status)).toEqual(['pinned'])
    await client.unpin(cid)
    expect(Object.values((await client.status(cid)).peerMap).map(({ status }) => status)).toEqual(['unpinned'])
    expect((await client.pin(cid)).cid).toBe(cid)
    expect(await client.version()).toBe('1.1.6')
  })

  it('refuses whoever has not the password', async () => {
    await expect(new Cluster(fake.url).version()).rejects.toThrow(/401/)
  })
})

describe('Pinata', () => {
  let fake: FakePinata
  const origins = async () => Array.from({ length: 7 }, (_, index) => `/ip4/127.0.0.1/tcp/${4001 + index}/p2p/12D3KooWExample`)
  beforeAll(async () => {
    fake = await startFakePinata()
  })
  afterAll(async () => await fake[Symbol.asyncDispose]())
  const open = (api: 'hash' | 'v3', perMinute = 1000) =>
    pinataBackend(api, {
      url: new URL(fake.url),
      call: caller({ idleTimeoutMs: 5_000, headers: { authorization: 'Bearer jwt' } }),
      budget: callBudget(perMinute),
      origins,
    })
  const since = new Date(Date.now() - 60_000)

  for (const api of ['hash', 'v3'] as const) {
    it(`follows a job of "${api}" over its stages, also when the finished job disappears`, async () => {
      await using backend = open(api)
      const { root } = await memoryDag(`stages ${api}`)
      const key = root.toString()
      const look = async () => (await backend.status([{ root, since }])).get(key)
      const dag = await memoryDag(`stages ${api}`)
      fake.next = 'retrieving'
      expect(await backend.add(dag)).toEqual({ status: 'queued' })
      expect(await look()).toEqual({ status: 'queued' })
      // `retrieving` in one API, `retreiving` in the other.
      expect(await look()).toEqual({ status: 'pinning' })
      fake.finishAll()
      expect(await look()).toEqual({ status: 'pinned' })
      fake.pins.length = 0
      expect(await look()).toEqual({ status: 'absent' })
    })

    it(`names at most five addresses of our peer in "${api}"`, async () => {
      await using backend = open(api)
      await backend.add(await memoryDag(`hosts ${api}`))
      expect(fake.jobs.at(-1)?.hostNodes).toHaveLength(5)
      fake.jobs.length = 0
    })

    it(`takes a stage it does not know for one on the way in "${api}"`, async () => {
      await using backend = open(api)
      const dag = await memoryDag(`unknown ${api}`)
      await backend.add(dag)
      fake.next = 'contemplating'
      await backend.status([{ root: dag.root, since }])
      expect((await backend.status([{ root: dag.root, since }])).get(dag.root.toString())).toMatchObject({ status: 'pinning' })
      fake.jobs.length = 0
    })

    it(`tells of hundreds in few calls of "${api}"`, async () => {
      await using backend = open(api)
      const dags = await Promise.all(Array.from({ length: 300 }, (_, index) => memoryDag(`many ${api} ${index}`, 1)))
      for (const dag of dags) await backend.add(dag)
      fake.finishAll()
      fake.calls.length = 0
      const states = await backend.status(dags.map(({ root }) => ({ root, since })))
      expect(dags.every(({ root }) => states.get(root.toString())?.status === 'pinned')).toBe(true)
      expect(fake.calls.length).toBeLessThan(10)
    })
  }

  it('says nothing of what it could not ask about, once the calls of the minute are used up', async () => {
    await using backend = open('hash', 4)
    const dags = await Promise.all(Array.from({ length: 8 }, (_, index) => memoryDag(`budget ${index}`, 1)))
    const states = await backend.status(dags.map(({ root }) => ({ root, since })))
    expect(states.size).toBe(1)
  })

  it('passes on a 5xx and a 429 as trouble of the service, with the time it asks for', async () => {
    await using backend = open('hash')
    fake.refuse = { status: 503, times: 1 }
    await expect(backend.add(await memoryDag('five'))).rejects.toMatchObject({ kind: 'unavailable', status: 503 })
    fake.refuse = { status: 429, times: 1, headers: { 'retry-after': '7' } }
    await expect(backend.add(await memoryDag('four'))).rejects.toMatchObject({
      kind: 'unavailable',
      status: 429,
      retryAfterMs: 7_000,
    })
  })
})
