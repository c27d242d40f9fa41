import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { measureDags } from '../../src/blocks/measure-dags.ts'
import { auditPins } from '../../src/pins/audit-pins.ts'
import { registerBackends } from '../../src/pins/registered.ts'
import { claimUnpins, endUnpin } from '../../src/pins/store/unpins.ts'
import { unpinContents } from '../../src/pins/unpin-contents.ts'
import type { FakeCluster } from './fake-cluster.ts'
import { startFakeCluster } from './fake-cluster.ts'
import type { FakePinata } from './fake-pinata.ts'
import { startFakePinata } from './fake-pinata.ts'
import type { PinServer } from './pin-server.ts'
import { startPinServer } from './pin-server.ts'

let cluster: FakeCluster
let pinata: FakePinata
let server: PinServer

beforeAll(async () => {
  cluster = await startFakeCluster()
  pinata = await startFakePinata()
  server = await startPinServer({
    PIN_BACKENDS: 'embedded,cluster,pinata',
    CLUSTER_URLS: cluster.url,
    PINATA_JWT: 'jwt',
    PINATA_API: 'hash',
    PINATA_URL: pinata.url,
    PIN_ATTEMPTS: '3',
  })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await cluster?.[Symbol.asyncDispose]()
  await pinata?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  cluster.fault = undefined
  cluster.statusOfNew = 'pinned'
  pinata.next = 'retrieving'
  pinata.refuse = undefined
})

const minuteMs = 60_000
const statusOf = async (cid: string) => {
  const pins = await server.pinsOf(cid)
  return Object.fromEntries(Object.entries(pins).map(([backend, { status }]) => [backend, status]))
}
const attemptsOf = async (cid: string, backend: string) => {
  const { rows } = await sql<{ attempts: number }>`
    select attempts from pin join content on content.id = pin.content_id
    where content.cid = ${CID.parse(cid).bytes} and backend = ${backend}`.execute(server.service.database.kysely)
  return rows[0]?.attempts
}

describe('pinning in more than one place', () => {
  it('acknowledges an upload on the primary, and lets the others follow', async () => {
    const cid = await server.store('follow me')
    expect(await statusOf(cid)).toEqual({ embedded: 'pinned', cluster: 'queued', pinata: 'queued' })
    cluster.statusOfNew = 'pinning'
    await server.sweep()
    expect(await statusOf(cid)).toEqual({ embedded: 'pinned', cluster: 'pinning', pinata: 'queued' })
    Object.assign(cluster.pins.get(cid) ?? {}, { status: 'pinned' })
    await server.pass(minuteMs)
    await server.sweep()
    expect(await statusOf(cid)).toEqual({ embedded: 'pinned', cluster: 'pinned', pinata: 'pinning' })
    pinata.finishAll()
    await server.pass(minuteMs)
    await server.sweep()
    expect(await statusOf(cid)).toEqual({ embedded: 'pinned', cluster: 'pinned', pinata: 'pinned' })
  })

  it('says the same to the owner, in lists, and to everybody, the primary first', async () => {
    const cid = await server.store('the same everywhere')
    const headers = { authorization: `Bearer ${server.key}` }
    const [one, list, check] = [
      await server.call(`/${cid}`, { headers }),
      await server.call('/', { headers }),
      await server.call(`/check/${cid}`),
    ]
    const { pins } = one.json.value
    expect(pins.map(({ backend }: { backend: string }) => backend)).toEqual(['embedded', 'cluster', 'pinata'])
    expect(one.json.value.pin.status).toBe('pinned')
    expect(list.json.value.find((nft: { cid: string }) => nft.cid === cid).pins).toEqual(pins)
    expect(check.json.value.pins).toEqual(pins)
  })

  it('sends the cluster every block, and Pinata only the CID', async () => {
    const cid = await server.store(Array.from({ length: 100_000 }, (_, index) => String(index).padStart(6)).join(''))
    await server.sweep()
    expect(cluster.pins.get(cid)?.blocks).toBe(4)
    expect(pinata.jobs.find((job) => job.cid === cid)).toMatchObject({ name: cid })
  })

  it('gives nobody a content before it is complete', async () => {
    const cid = await server.store('y'.repeat(600_000))
    const { kysely } = server.service.database
    await sql`delete from pin`.execute(kysely)
    await sql`update content set complete_at = null where cid = ${CID.parse(cid).bytes}`.execute(kysely)
    await server.sweep()
    expect(await statusOf(cid)).toEqual({ embedded: 'pinning', cluster: 'queued', pinata: 'queued' })
    expect(cluster.pins.has(cid)).toBe(false)
    await sql`update content set complete_at = now() where cid = ${CID.parse(cid).bytes}`.execute(kysely)
    await server.sweep()
    expect(cluster.pins.has(cid)).toBe(true)
  })
})

describe('a backend that is away', () => {
  it('delays no upload, costs no attempt and loses nothing, however long it is away', async () => {
    await cluster.close()
    const cids: string[] = []
    for (let round = 0; round < 12; round++) {
      cids.push(await server.store(`while it is away ${round}`))
      await server.sweep()
      await server.pass(minuteMs)
    }
    const { cluster: pin } = await server.pinsOf(cids[0] as string)
    expect(pin).toMatchObject({ status: 'queued' })
    expect(await attemptsOf(cids[0] as string, 'cluster')).toBe(0)
    // The other one went on.
    expect(pinata.jobs.some((job) => job.cid === cids[0])).toBe(true)
    await cluster.open()
    await server.pass(minuteMs)
    await server.sweep()
    await server.pass(minuteMs)
    await server.sweep()
    for (const cid of cids) expect((await statusOf(cid)).cluster).toBe('pinned')
  })

  it('is left alone between attempts', async () => {
    await cluster.close()
    const cid = await server.store('left alone')
    await server.sweep()
    await cluster.open()
    const before = cluster.calls.length
    await server.sweep()
    expect(cluster.calls.length).toBe(before)
    await server.pass(minuteMs)
    await server.sweep()
    expect((await statusOf(cid)).cluster).toBe('pinned')
  })

  it('is asked again when it said, after a 429', async () => {
    const cid = await server.store('later, please')
    pinata.refuse = { status: 429, times: 1, headers: { 'retry-after': '90' } }
    await server.sweep()
    expect((await statusOf(cid)).pinata).toBe('queued')
    await server.pass(80_000)
    await server.sweep()
    expect(pinata.jobs.some((job) => job.cid === cid)).toBe(false)
    await server.pass(20_000)
    await server.sweep()
    expect(pinata.jobs.some((job) => job.cid === cid)).toBe(true)
  })

  it('does not mistake wrong credentials for a fault of the content', async () => {
    cluster.authorization = 'Bearer another'
    const cid = await server.store('who are you')
    await server.sweep()
    expect((await statusOf(cid)).cluster).toBe('queued')
    const { rows } = await sql<{ reason: string }>`select last_error as reason from pin_backend where name = 'cluster'`.execute(
      server.service.database.kysely,
    )
    expect(rows[0]?.reason).toMatch(/answered 401 \(check the credentials\): Unauthorized/)
    cluster.authorization = undefined
    await server.pass(minuteMs)
    await server.sweep()
    expect((await statusOf(cid)).cluster).toBe('pinned')
  })
})

describe('a content that a backend does not take', () => {
  for (const [fault, reason] of [
    ['trailer', /disk full/],
    ['empty', /did not say that it added/],
    ['half-json', /not JSON/],
    ['cut', /broke/],
    ['error', /not enough candidates/],
    ['other-root', /did not say that it added/],
  ] as const) {
    it(`is not called pinned after ${fault}, and is tried again later`, async () => {
      const cid = await server.store(`refused with ${fault}`)
      cluster.fault = fault
      await server.sweep()
      const { cluster: pin } = await server.pinsOf(cid)
      expect(pin).toMatchObject({ status: 'failed', error: expect.stringMatching(reason), nextAttempt: expect.any(String) })
      cluster.fault = undefined
      await server.sweep()
      expect((await statusOf(cid)).cluster).toBe('failed')
      await server.pass(minuteMs)
      await server.sweep()
      expect((await statusOf(cid)).cluster).toBe('pinned')
    })
  }

  it('is not called pinned while the backend is silent', async () => {
    const cid = await server.store('silence')
    cluster.fault = 'silent'
    await server.sweep()
    expect(await server.pinsOf(cid)).toMatchObject({
      cluster: { status: 'failed', error: expect.stringMatching(/was silent for 2 s/) },
    })
  })

  it('is given up visibly after so many attempts, and can be asked for again', async () => {
    const { retryGivenUp } = await import('../../src/pins/operate.ts')
    const cid = await server.store('never')
    cluster.fault = 'error'
    for (let attempt = 0; attempt < 5; attempt++) {
      await server.sweep()
      await server.pass(60 * minuteMs)
    }
    const { cluster: pin } = await server.pinsOf(cid)
    expect(pin).toMatchObject({ status: 'failed', error: expect.stringMatching(/not enough candidates/) })
    expect(pin).not.toHaveProperty('nextAttempt')
    expect(await attemptsOf(cid, 'cluster')).toBe(3)
    cluster.fault = undefined
    expect(await retryGivenUp(server.service, { backend: 'cluster', cids: [cid] })).toBe(1)
    await server.sweep()
    expect((await statusOf(cid)).cluster).toBe('pinned')
  })

  it('is mended by the backend itself where it can', async () => {
    const cid = await server.store('mend yourself')
    cluster.statusOfNew = 'pin_error'
    await server.sweep()
    await server.pass(5_000)
    await server.sweep()
    expect((await statusOf(cid)).cluster).toBe('failed')
    cluster.statusOfNew = 'pinned'
    cluster.calls.length = 0
    await server.pass(minuteMs)
    await server.sweep()
    expect(cluster.calls).toContain(`POST /pins/${cid}/recover`)
    expect(cluster.calls).not.toContain('POST /add')
    await server.pass(minuteMs)
    await server.sweep()
    expect((await statusOf(cid)).cluster).toBe('pinned')
  })

  it('has failed when the service says that it never will', async () => {
    const cid = await server.store('too large for them')
    pinata.next = 'over_max_size'
    await server.sweep()
    for (let look = 0; look < 2; look++) {
      await server.pass(minuteMs)
      await server.sweep()
    }
    const { pinata: pin } = await server.pinsOf(cid)
    expect(pin).toMatchObject({ status: 'failed', error: 'it is larger than Pinata takes' })
    expect(pin).not.toHaveProperty('nextAttempt')
    pinata.jobs.length = 0
  })
})

describe('a backend that is added later', () => {
  it('gets what was there before, too', async () => {
    const { service } = server
    await registerBackends(service.database, ['embedded', 'pinata'])
    const cids = await Promise.all(Array.from({ length: 5 }, (_, index) => server.store(`before the cluster ${index}`)))
    expect(await statusOf(cids[0] as string)).toEqual({ embedded: 'pinned', pinata: 'queued' })
    await registerBackends(service.database, ['embedded', 'cluster', 'pinata'])
    await server.sweep()
    for (const cid of cids) expect(cluster.pins.has(cid)).toBe(true)
  })
})

describe('what nobody holds any more', () => {
  const pinned = async (text: string) => {
    const cid = await server.store(text)
    await server.sweep()
    await server.pass(minuteMs)
    await server.sweep()
    return cid
  }

  it('is unpinned after the grace time, and not before', async () => {
    const cid = await pinned('goodbye')
    await server.remove(cid)
    await unpinContents(server.service)
    expect(cluster.pins.has(cid)).toBe(true)
    await server.collect()
    await unpinContents(server.service)
    expect(cluster.pins.has(cid)).toBe(false)
  })

  it('is unpinned when the backend is back', async () => {
    const cid = await pinned('goodbye later')
    await server.remove(cid)
    await server.collect()
    await cluster.close()
    await unpinContents(server.service)
    await cluster.open()
    await server.pass(60 * minuteMs)
    await unpinContents(server.service)
    expect(cluster.pins.has(cid)).toBe(false)
  })

  it('is not unpinned when it was stored again', async () => {
    const cid = await pinned('back again')
    await server.remove(cid)
    await server.collect()
    await server.store('back again')
    await unpinContents(server.service)
    expect(cluster.pins.has(cid)).toBe(true)
    await server.sweep()
    expect((await statusOf(cid)).cluster).toBe('pinned')
  })

  it('is pinned again only when an unpin that has begun is over', async () => {
    const cid = await pinned('just in time')
    const root = CID.parse(cid)
    await server.remove(cid)
    await server.collect()
    expect(await claimUnpins(server.service.database, 'cluster', 10)).toHaveLength(1)
    await server.store('just in time')
    await server.sweep()
    expect((await statusOf(cid)).cluster).toBe('queued')
    cluster.pins.delete(cid)
    await endUnpin(server.service.database, 'cluster', root)
    await server.pass(minuteMs)
    await server.sweep()
    expect(cluster.pins.has(cid)).toBe(true)
  })

  it('is left where others had pinned it before we did', async () => {
    const first = await server.store('already there')
    cluster.pins.set(first, { status: 'pinned', error: '', blocks: 1 })
    await server.sweep()
    expect((await statusOf(first)).cluster).toBe('pinned')
    await server.remove(first)
    await server.collect()
    await unpinContents(server.service)
    expect(cluster.pins.has(first)).toBe(true)
  })

  it('is not handed to anybody while it waits to be forgotten', async () => {
    const cid = await server.store('do not show this')
    await server.remove(cid)
    await server.sweep()
    expect(cluster.pins.has(cid)).toBe(false)
  })
})

describe('an audit', () => {
  it('finds what is said to be pinned and is not, and has it pinned again', async () => {
    const cid = await server.store('lost behind our back')
    await server.sweep()
    await server.pass(minuteMs)
    await server.sweep()
    cluster.pins.delete(cid)
    await auditUntilFound(cid, 'cluster')
    expect(await server.pinsOf(cid)).toMatchObject({ cluster: { status: 'failed', error: expect.stringMatching(/audit/) } })
    await server.sweep()
    expect(cluster.pins.has(cid)).toBe(true)
  })

  it('finds damaged bytes in our own shards, and says so until they are mended', async () => {
    const text = 'damaged behind our back'
    const cid = await server.store(text)
    const { rows } = await sql<{ cid: Uint8Array }>`
      select shard.cid from shard join block on block.shard_id = shard.id where multihash = ${CID.parse(cid).multihash.bytes}`.execute(
      server.service.database.kysely,
    )
    await server.service.blobs.delete(CID.decode(rows[0]!.cid).toString())
    await auditUntilFound(cid, 'embedded')
    const { json } = await server.call(`/check/${cid}`)
    expect(json.value.pin.status).toBe('failed')
    expect(json.value.pins[0]).toMatchObject({
      backend: 'embedded',
      status: 'failed',
      error: expect.stringMatching(/damaged or gone/),
    })
    await server.sweep()
    expect((await statusOf(cid)).embedded).toBe('failed')
    await server.store(text)
    await server.pass(60 * minuteMs)
    await server.sweep()
    expect((await statusOf(cid)).embedded).toBe('pinned')
  })

  /** A sample is taken at random: enough of them see everything. */
  async function auditUntilFound(cid: string, backend: string): Promise<void> {
    for (let round = 0; round < 50; round++) {
      await auditPins(server.service)
      if ((await statusOf(cid))[backend] === 'failed') return
    }
  }
})

describe('another primary', () => {
  it('is what `pin` tells of, and no upload waits for it', async () => {
    await registerBackends(server.service.database, ['cluster', 'embedded', 'pinata'])
    try {
      await cluster.close()
      const cid = await server.store('the cluster comes first')
      const read = async () => (await server.call(`/check/${cid}`)).json.value
      expect(await read()).toMatchObject({
        pin: { status: 'queued' },
        pins: [{ backend: 'cluster' }, { backend: 'embedded', status: 'pinned' }, {}],
      })
      await cluster.open()
      await server.pass(minuteMs)
      await server.sweep()
      expect(await read()).toMatchObject({ pin: { status: 'pinned' } })
    } finally {
      await registerBackends(server.service.database, ['embedded', 'cluster', 'pinata'])
    }
  })
})

describe('sizes', () => {
  it('are found where the root does not tell them, from every block once', async () => {
    const form = new FormData()
    form.set('meta', JSON.stringify({ name: 'measured', image: null }))
    form.set('image', new Blob(['x'.repeat(1000)]), 'x.png')
    const headers = { authorization: `Bearer ${server.key}` }
    const { json } = await server.call('/store', { method: 'POST', headers, body: form })
    const { kysely } = server.service.database
    const root = CID.parse(json.value.ipnft).bytes
    const sizeOf = async () =>
      (await sql<{ size: number | null }>`select dag_bytes as size from content where cid = ${root}`.execute(kysely)).rows[0]
        ?.size
    const told = await sizeOf()
    await sql`update content set dag_bytes = null where cid = ${root}`.execute(kysely)
    expect(await measureDags(server.service)).toBe(1)
    expect(await sizeOf()).toBe(told)
  })
})
