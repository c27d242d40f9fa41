import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { rawCid } from '@keepsake/content/hash/cid.ts'
import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { collectGarbage } from '../../src/blocks/collect-garbage.ts'
import { contentChannel, parseContentPayload } from '../../src/jobs/content-changes.ts'
import type { BlockNetwork } from '../../src/network/network.ts'
import { enterPeer } from '../../src/network/peer-instances.ts'
import type { FetcherOptions, RequestFetcher } from '../../src/pin-requests/fetcher.ts'
import { openRequestFetcher } from '../../src/pin-requests/fetcher.ts'
import type { TestServer } from '../accounts/server.ts'
import { startServer } from '../accounts/server.ts'
import type { BlockGateway } from './block-gateway.ts'
import { gatewayNetwork, startGateway } from './block-gateway.ts'
import type { Dag } from './dags.ts'
import { chainDag, diamondDag, fileDag, parentOf, tinyDag } from './dags.ts'

let server: TestServer
let gateway: BlockGateway
let key: string
let user: { userId: number }
let accounts = 0

beforeAll(async () => {
  server = await startServer({ PIN_BLOCK_TIMEOUT_MS: '1500' })
})
afterAll(() => server?.[Symbol.asyncDispose]())
beforeEach(async () => {
  gateway = await startGateway()
  // Fetchers of these tests live here, and say so as a peer does.
  const peer = { peerId: 'here', addresses: [], controlUrl: '', startedAt: new Date(), stats: {} }
  await enterPeer(server.service.database, peer)
  ;({ key, user } = await server.createUser(`fetch-${accounts++}@example.com`))
})
afterEach(async () => {
  await gateway[Symbol.asyncDispose]()
  // What is still to be tried again belongs to no other test.
  await sql`update pin_request set status = 'failed' where status in ('queued', 'pinning')`.execute(
    server.service.database.kysely,
  )
})

type Options = Partial<FetcherOptions['config']> & { adjust?: FetcherOptions['adjust']; network?: BlockNetwork }

/** What the peer's process runs, here and quick. */
function fetcher({ adjust, network, ...config }: Options = {}): RequestFetcher {
  return openRequestFetcher({
    ...server.service,
    network: network ?? gatewayNetwork(gateway),
    config: { ...server.service.config, ...config },
    adjust: { pollMs: 20, renewMs: 50, firstRetryMs: 50, maxDepth: 40, ...adjust },
  })
}

interface Status {
  requestid: string
  status: string
  info: Record<string, string>
}

async function call(method: string, path: string, body?: object, token = key): Promise<Status> {
  const response = await fetch(`${server.api}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return text === '' ? ({} as Status) : (JSON.parse(text) as Status)
}
const pin = (cid: CID, more: object = {}, token = key) => call('POST', '/pins', { cid: cid.toString(), ...more }, token)
const statusOf = ({ requestid }: Status, token = key) => call('GET', `/pins/${requestid}`, undefined, token)

async function until(request: Status, status: string, token = key): Promise<Status> {
  for (const end = Date.now() + 20_000; ; await sleep(20)) {
    const now = await statusOf(request, token)
    if (now.status === status) return now
    if (Date.now() > end || now.status === 'failed') throw new Error(`It is not ${status}: ${JSON.stringify(now)}`)
  }
}

function serve({ blocks }: Dag): void {
  for (const { cid, bytes } of blocks) gateway.blocks.set(cid.toString(), bytes)
}

async function expectWhole({ blocks }: Dag): Promise<void> {
  for (const { cid, bytes } of blocks) expect(Buffer.compare(await server.service.blocks.get(cid), bytes)).toBe(0)
}

async function rows<T>(query: ReturnType<typeof sql<T>>): Promise<T[]> {
  return (await query.execute(server.service.database.kysely)).rows
}
const shardsOf = (root: CID) =>
  rows(sql<{ id: number; bytes: number }>`
    select shard.id, size_bytes as bytes from shard join content_shard on shard_id = shard.id join content on content.id = content_id
    where content.cid = ${root.toV1().bytes}`)
const useOf = async (userId: number) => (await rows(sql<{ used: number }>`select storage_use(${userId}) as used`))[0]?.used

describe('fetching', () => {
  it('brings a DAG here, whole and verified, and counts it to the account', async () => {
    await using _running = fetcher()
    const dag = await fileDag(3_000_000)
    serve(dag)
    const request = await pin(dag.root, { name: 'file' })
    const { info } = await until(request, 'pinned')
    expect(info).toMatchObject({ status_details: 'Every block of it is here.', blocks: String(dag.blocks.length) })
    await expectWhole(dag)
    expect(await useOf(user.userId)).toBe(dag.bytes)
    const check = (await call('GET', `/check/${dag.root}`)) as unknown as { value: { pin: { status: string } } }
    expect(check.value.pin.status).toBe('pinned')
    const answer = await fetch(`http://localhost:${server.port}/ipfs/${dag.root}?format=car`)
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(dag.bytes)
  })

  it('asks for each block once, however often it is linked', async () => {
    await using _running = fetcher()
    const dag = await diamondDag(30)
    serve(dag)
    await until(await pin(dag.root), 'pinned')
    expect(gateway.asked.length).toBe(31)
  })

  it.each(['first', 'last'])('follows the links of a node whose bytes are linked as raw ones too, %s', async (place) => {
    await using _running = fetcher()
    const chain = await chainDag(3)
    const node = chain.blocks.at(-1) as Dag['blocks'][0]
    const asRaw = await rawCid(node.bytes)
    const parent = await parentOf(place === 'first' ? [asRaw, node.cid] : [node.cid, asRaw])
    serve({ ...chain, blocks: [...chain.blocks, { cid: asRaw, bytes: node.bytes }, parent] })
    await until(await pin(parent.cid), 'pinned')
    await expectWhole(chain)
  })

  it('fetches only what is not here, and keeps the shards of the rest', async () => {
    await using _running = fetcher()
    const dag = await fileDag(1_500_000)
    const leaf = dag.blocks.find(({ bytes }) => bytes.length === 262_144) as Dag['blocks'][0]
    const other = await server.createUser(`part-${accounts++}@example.com`)
    await fetch(`${server.api}/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${other.key}` },
      body: Buffer.from(leaf.bytes),
    })
    serve(dag)
    await until(await pin(dag.root), 'pinned')
    expect(gateway.asked).not.toContain(leaf.cid.toString())
    expect(gateway.asked.length).toBe(dag.blocks.length - 1)
    await fetch(`${server.api}/${leaf.cid}`, { method: 'DELETE', headers: { authorization: `Bearer ${other.key}` } })
    await collectGarbage({ ...server.service, graceMs: -1000 })
    await expectWhole(dag)
  })

  it('takes a DAG in dag-cbor, and CIDv0', async () => {
    await using _running = fetcher()
    const chain = await chainDag(30)
    serve(chain)
    await until(await pin(chain.root), 'pinned')
    const { root, blocks } = await diamondDag(2)
    const v0 = root.toV0()
    gateway.blocks.set(v0.toString(), blocks.at(-1)!.bytes)
    serve({ root, blocks, bytes: 0 })
    expect((await until(await pin(v0), 'pinned')).status).toBe('pinned')
  })

  it('says how far it is', async () => {
    await using _running = fetcher()
    gateway.delayMs = 60
    const dag = await tinyDag(100)
    serve(dag)
    const request = await pin(dag.root)
    for (;;) {
      const { status, info } = await statusOf(request)
      if (Number(info.blocks) > 1 && status === 'pinning') {
        expect(info.status_details).toMatch(/^Fetching: \d+ blocks, \d+ bytes are here\.$/)
        break
      }
      expect(['queued', 'pinning']).toContain(status)
      await sleep(10)
    }
    await until(request, 'pinned')
  })
})

describe('limits', () => {
  it.each([
    [
      'bytes',
      { PIN_MAX_BYTES: 100_000 },
      () => fileDag(300_000),
      'The DAG has more than 100000 bytes, the most that a pin may have.',
    ],
    ['blocks', { PIN_MAX_BLOCKS: 50 }, () => tinyDag(60), 'The DAG has more than 50 blocks, the most that a pin may have.'],
    ['the size of a block', { MAX_BLOCK_BYTES: 200_000 }, () => fileDag(300_000), 'bytes; a block may have 200000.'],
    ['depth', {}, () => chainDag(45), 'The DAG is more than 40 levels deep, the most that a pin may be.'],
  ])('on %s are told when they are passed, and nothing counts to the account', async (_what, config, make, reason) => {
    await using _running = fetcher(config)
    const dag = await make()
    serve(dag)
    const { info } = await until(await pin(dag.root), 'failed')
    expect(info.status_details).toContain(reason)
    expect(await useOf(user.userId)).toBe(0)
  })

  it('of the account end a fetch in its middle', async () => {
    await sql`update "user" set storage_limit_bytes = 1000000 where id = ${user.userId}`.execute(server.service.database.kysely)
    await using _running = fetcher({ adjust: { steps: { bytes: 500_000, blocks: 1000, intervalMs: 60_000 } } })
    const dag = await fileDag(20_000_000)
    serve(dag)
    const { info } = await until(await pin(dag.root), 'failed')
    expect(info.status_details).toContain('This account may keep 1000000 bytes')
    expect(info.status_details).toContain('that includes what was fetched for this pin')
    expect(await useOf(user.userId)).toBe(0)
    expect(gateway.asked.length).toBeLessThan(dag.blocks.length / 2)
  })

  it('on fetches at the same time hold for an account and for all', async () => {
    gateway.delayMs = 150
    await using _running = fetcher({ PIN_FETCHES: 3, PIN_FETCHES_PER_USER: 2 })
    const other = await server.createUser(`other-${accounts++}@example.com`)
    const own = await Promise.all(Array.from({ length: 5 }, async () => await oneBlock()))
    const others = await Promise.all(Array.from({ length: 2 }, async () => await oneBlock()))
    const requests = [
      ...(await Promise.all(own.map((cid) => pin(cid)))),
      ...(await Promise.all(others.map((cid) => pin(cid, {}, other.key)))),
    ]
    let most = 0
    let mostOwn = 0
    for (let look = 0; look < 20; look++) {
      const [leased] = await rows(sql<{ own: number; all: number }>`
        select count(*) as all, count(*) filter (where user_id = ${user.userId}) as own from pin_request where leased_until > now()`)
      most = Math.max(most, leased?.all ?? 0)
      mostOwn = Math.max(mostOwn, leased?.own ?? 0)
      await sleep(15)
    }
    expect([most, mostOwn]).toEqual([3, 2])
    for (const [at, request] of requests.entries()) await until(request, 'pinned', at < own.length ? key : other.key)
  })
})

/** A block that the gateway has, alone. */
async function oneBlock(text: string = randomUUID()): Promise<CID> {
  const cid = await rawCid(Buffer.from(text))
  gateway.blocks.set(cid.toString(), Buffer.from(text))
  return cid
}

describe('what cannot be fetched', () => {
  it('is tried again, less and less often, and then has failed with the reason', async () => {
    await using _running = fetcher()
    const cid = await rawCid(Buffer.from(randomUUID()))
    const request = await pin(cid)
    const waiting = await untilDetails(request, /Nobody has block .* Tried again at/)
    expect(waiting.status).toBe('pinning')
    expect(waiting.info).toHaveProperty('next_attempt')
    await sql`update pin_request set give_up_at = now() where id = ${request.requestid}`.execute(server.service.database.kysely)
    const { info } = await until(request, 'failed')
    expect(info.status_details).toMatch(/^Nobody has block bafk.* It was tried \d+ times\.$/)
    const asked = gateway.asked.length
    await sleep(300)
    expect(gateway.asked.length).toBe(asked)
  })

  it('comes when somebody has it', async () => {
    await using _running = fetcher()
    const text = randomUUID()
    const request = await pin(await rawCid(Buffer.from(text)))
    await untilDetails(request, /Tried again/)
    await oneBlock(text)
    expect((await until(request, 'pinned')).info.attempts).toBeTruthy()
  })

  it.each([
    ['stalls', 'stall', /Nobody gave block \w+ within 1\.5 seconds\. (Tried again|So far)/],
    ['trickles', 'trickle', /Nobody gave block \w+ within 1\.5 seconds/],
    ['lies', 'wrong', /failed hash verification/],
  ] as const)('because its provider %s is bounded, and the rest is kept', async (_what, fault, reason) => {
    await using _running = fetcher()
    const dag = await tinyDag(30)
    serve(dag)
    const bad = dag.blocks[7]?.cid as CID
    gateway.faults.set(bad.toString(), fault)
    const request = await pin(dag.root)
    await untilDetails(request, reason)
    expect((await shardsOf(dag.root)).length).toBeGreaterThan(0)
    gateway.faults.clear()
    const before = gateway.asked.length
    await until(request, 'pinned')
    await expectWhole(dag)
    expect(gateway.asked.slice(before + 16).filter((cid) => cid !== bad.toString())).toEqual([])
  })

  it('because it comes too slowly ends when its time is over, though blocks come all the time', async () => {
    gateway.delayMs = 200
    const dag = await chainDag(35)
    serve(dag)
    const request = await pin(dag.root)
    // Before it is begun: an attempt knows its end from its beginning on.
    await sql`update pin_request set give_up_at = now() where id = ${request.requestid}`.execute(server.service.database.kysely)
    await using _running = fetcher({ adjust: { slowAfterMs: 1000 } })
    const { info } = await until(request, 'failed')
    expect(info.status_details).toMatch(/^It came too slowly: [1-9]\d* bytes in \d+ seconds\.$/)
  })

  it('does not come in because nobody checked it on the way', async () => {
    await using _running = fetcher({ network: gatewayNetwork(gateway, { isChecked: false }) })
    const cid = await oneBlock()
    gateway.faults.set(cid.toString(), 'wrong')
    await untilDetails(await pin(cid), /failed hash verification/)
    await expect(server.service.blocks.get(cid)).rejects.toThrow()
  })

  async function untilDetails(request: Status, pattern: RegExp): Promise<Status> {
    for (const end = Date.now() + 10_000; ; await sleep(10)) {
      const now = await statusOf(request)
      if (pattern.test(now.info.status_details ?? '')) return now
      if (Date.now() > end) throw new Error(`It does not say ${pattern}: ${JSON.stringify(now)}`)
    }
  }
})

describe('a fetch under way', () => {
  it.each(['delete', 'replace'] as const)('ends when its request is gone: %s', async (how) => {
    await using _running = fetcher()
    const dag = await tinyDag(2000)
    serve(dag)
    gateway.delayMs = 30
    const request = await pin(dag.root)
    while (gateway.asked.length < 20) await sleep(10)
    if (how === 'delete') await call('DELETE', `/pins/${request.requestid}`)
    else await call('POST', `/pins/${request.requestid}`, { cid: (await oneBlock()).toString() })
    await sleep(500)
    const asked = gateway.asked.length
    await sleep(300)
    expect([gateway.asked.length, gateway.underWay]).toEqual([asked, 0])
    expect(asked).toBeLessThan(1000)
  })

  it('is gone on with by another process, from where the first one was', async () => {
    const adjust = { steps: { bytes: 1_000_000, blocks: 1000, intervalMs: 60_000 } }
    const dag = await fileDag(6_000_000)
    serve(dag)
    gateway.delayMs = 20
    const request = await pin(dag.root)
    {
      await using _first = fetcher({ adjust })
      while (gateway.asked.length < 20) await sleep(5)
    }
    const before = [...gateway.asked]
    expect((await statusOf(request)).status).toBe('pinning')
    await using _second = fetcher({ adjust })
    await until(request, 'pinned')
    await expectWhole(dag)
    // Stopped in order, nothing that had come was lost; only what was under way is asked for again.
    expect(gateway.asked.length).toBeLessThanOrEqual(dag.blocks.length + 16)
    expect(gateway.asked.slice(before.length).filter((cid) => before.slice(0, -16).includes(cid))).toEqual([])
  })

  it('is not done twice for two who ask for the same, and both are pinned', async () => {
    const other = await server.createUser(`same-${accounts++}@example.com`)
    const dag = await fileDag(2_000_000)
    serve(dag)
    gateway.delayMs = 20
    await using _running = fetcher()
    const [first, second] = [await pin(dag.root), await pin(dag.root, {}, other.key)]
    await until(first, 'pinned')
    await until(second, 'pinned', other.key)
    expect(gateway.asked.length).toBe(dag.blocks.length)
    expect(await useOf(other.user.userId)).toBe(await useOf(user.userId))
  })

  it('tells everybody that its root is complete', async () => {
    await using _running = fetcher()
    const told: (number | undefined)[] = []
    const client = await server.service.database.pool.connect()
    await client.query(`listen ${contentChannel}`)
    client.on('notification', ({ payload }) => told.push(...(parseContentPayload(payload ?? '') ?? [])))
    const cid = await oneBlock()
    await until(await pin(cid), 'pinned')
    await sleep(100)
    client.release(true)
    const [content] = await rows(sql<{ id: number }>`select id from content where cid = ${cid.bytes}`)
    expect(told).toContain(content?.id)
  })
})

describe('the collector', () => {
  const collect = () => collectGarbage({ ...server.service, graceMs: -1000 })
  const isThere = async (dag: Dag) => (await server.service.blocks.has([dag.root]))[0]

  it('keeps what a pin holds, and takes what none does any more', async () => {
    await using _running = fetcher()
    const dag = await fileDag(500_000)
    serve(dag)
    const request = await pin(dag.root)
    await until(request, 'pinned')
    await collect()
    await expectWhole(dag)
    await call('DELETE', `/pins/${request.requestid}`)
    expect((await collect()).shards).toBeGreaterThan(0)
    expect(await isThere(dag)).toBe(false)
  })

  it('keeps what an upload holds when the pin goes, and the reverse', async () => {
    await using _running = fetcher()
    const text = `kept ${randomUUID()}`
    const cid = await oneBlock(text)
    const request = await pin(cid)
    await until(request, 'pinned')
    const upload = () =>
      fetch(`${server.api}/upload`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: text })
    await upload()
    await call('DELETE', `/pins/${request.requestid}`)
    await collect()
    expect(Buffer.from(await server.service.blocks.get(cid)).toString()).toBe(text)
    const again = await pin(cid)
    await call('DELETE', `/${cid}`)
    await collect()
    expect(Buffer.from(await server.service.blocks.get(cid)).toString()).toBe(text)
    await call('DELETE', `/pins/${again.requestid}`)
    await collect()
    expect((await server.service.blocks.has([cid]))[0]).toBe(false)
  })

  it('takes what came of a pin that failed, and leaves the word why', async () => {
    await using _running = fetcher({ PIN_MAX_BYTES: 400_000, adjust: { steps: { bytes: 1, blocks: 1, intervalMs: 1 } } })
    const dag = await fileDag(1_000_000)
    serve(dag)
    const request = await pin(dag.root)
    await until(request, 'failed')
    expect((await shardsOf(dag.root)).length).toBeGreaterThan(0)
    expect((await collect()).contents).toBe(1)
    expect(await isThere(dag)).toBe(false)
    expect((await statusOf(request)).info.status_details).toContain('more than 400000 bytes')
  })
})
