import { execFile } from 'node:child_process'
import { mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { CID } from 'multiformats/cid'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'
import { type Api, listAll, type NftAnswer, type Outcome, send, sendCar, sendFile, sendWhole } from './exchange.ts'
import { readBack } from './read-back.ts'
import { carOf, type Dag, dagCborBlock, type Sample, sampleOf, wholeCarOf } from './samples.ts'
import { seededBytes } from './seeded.ts'
import { shardFiles } from './shard-files.ts'
import { mountSmallDisk, noSmallDisk, type SmallDisk } from './small-disk.ts'

type Whole = Exclude<Sample, { kind: 'chunked' }>
const MiB = 1024 * 1024

function acknowledged(outcome: Outcome): NftAnswer {
  if (outcome.kind !== 'acknowledged') throw new Error(`Not acknowledged: ${JSON.stringify(outcome)}`)
  return outcome.value
}

const file = (seed: string, sizeBytes: number): Whole => ({ kind: 'file', bytes: seededBytes(seed, sizeBytes) })

if (noSmallDisk) process.stdout.write(`  full disks are not tried: ${noSmallDisk}\n`)

describe.skipIf(!startsServers || noSmallDisk)('a server whose disk is full', () => {
  let dataDir: string
  let server: Server | undefined
  let disk: SmallDisk | undefined
  afterEach(async () => {
    try {
      await disk?.free()
      await server?.stop()
    } finally {
      await disk?.[Symbol.asyncDispose]()
      await rm(dataDir, { recursive: true, force: true })
      server = undefined
      disk = undefined
    }
  })

  async function start(folder: 'blobs' | 'postgres', sizeBytes: number) {
    dataDir = await mkdtemp(join(tmpdir(), 'keepsake-disk-'))
    if (folder === 'postgres') {
      // Made on the large disk, moved to the small one while nobody runs.
      await (await startServer({ dataDir, env: { LOG_LEVEL: 'silent' } })).stop()
      const [cluster, aside] = [join(dataDir, 'postgres'), join(dataDir, 'aside')]
      await rename(cluster, aside)
      disk = await mountSmallDisk(cluster, sizeBytes)
      await promisify(execFile)('cp', ['-a', `${aside}/.`, cluster])
    } else {
      disk = await mountSmallDisk(join(dataDir, folder), sizeBytes)
    }
    server = await startServer({ dataDir, env: { LOG_LEVEL: 'silent' } })
    return { disk, server, api: { url: server.url, key: await server.createKey() } }
  }

  it('refuses uploads with 507, shows nothing of them, and takes them again when there is room', async () => {
    const { disk, api, server } = await start('blobs', 24 * MiB)
    const before = file('before', 2 * MiB)
    const kept = acknowledged(await sendWhole(api, before, 'before'))
    await disk.fillTo(MiB)
    const refused: Whole[] = [file('too large', 8 * MiB), sampleOf('file', 'random') as Whole]
    for (const sample of refused) {
      const outcome = await sendWhole(api, sample, 'refused')
      expect(outcome).toMatchObject({ kind: 'refused', status: 507, code: 'ERROR_NO_SPACE' })
    }
    // Many at once fight for the last room: each is wholly kept or wholly refused.
    const small = Array.from({ length: 40 }, (_, index) => file(`small ${index}`, 60 * 1024))
    const outcomes = await Promise.all(small.map((sample) => sendWhole(api, sample, 'small')))
    const won = outcomes.flatMap((outcome, index) =>
      outcome.kind === 'acknowledged' ? [{ outcome, sample: small[index]! }] : [],
    )
    for (const outcome of outcomes)
      if (outcome.kind !== 'acknowledged') expect(outcome).toMatchObject({ kind: 'refused', status: 507 })
    expect(won.length).toBeGreaterThan(0)
    expect(won.length).toBeLessThan(small.length)
    const { uploads } = await listAll(api)
    expect(uploads.map(({ cid }) => cid).sort()).toEqual([kept.cid, ...won.map(({ outcome }) => outcome.value.cid)].sort())
    await readBack(api.url, kept.cid, before)
    for (const { outcome, sample } of won) await readBack(api.url, outcome.value.cid, sample)
    expect(await scratchFiles(dataDir)).toEqual([])

    await disk.free()
    const { cid } = acknowledged(await sendWhole(api, refused[0]!, 'again'))
    await readBack(api.url, cid, refused[0]!)
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
  })

  it('refuses uploads with 507 when only the database has no room, and loses none of the others', async () => {
    const { disk, api, server } = await start('postgres', 160 * MiB)
    const before = acknowledged(await sendWhole(api, file('before', MiB), 'before'))
    await disk.fillTo(0)
    const refusedCids: string[] = []
    const kept: string[] = [before.cid]
    // Room that the database has already taken lets some pass; metadata of many blocks soon needs more.
    for (let index = 0; index < 400 && refusedCids.length < 3; index++) {
      const { dag } = sampleOf('car', `no room ${index}`) as { dag: Dag }
      const outcome = await sendCar(api, wholeCarOf(dag), 'no room')
      if (outcome.kind === 'acknowledged') kept.push(outcome.value.cid)
      else {
        expect(outcome).toMatchObject({ kind: 'refused', status: expect.toSatisfy((status) => status === 507 || status === 503) })
        refusedCids.push(String(dag.root.cid))
      }
    }
    expect(refusedCids.length).toBeGreaterThan(0)
    await disk.free()
    await waitForHealth(server.url)
    const listed = (await listAll(api)).uploads.map(({ cid }) => cid)
    expect(listed.sort()).toEqual(kept.sort())
    const { cid } = acknowledged(await sendWhole(api, file('after', MiB), 'after'))
    await readBack(api.url, cid, file('after', MiB))
  })
})

async function waitForHealth(url: string): Promise<void> {
  for (const end = Date.now() + 30_000; ; await sleep(50)) {
    const response = await fetch(`${url}/health`).catch(() => undefined)
    if (response?.status === 200) return
    if (Date.now() > end) throw new Error(`/health is ${response?.status}: ${await response?.text()}`)
  }
}

async function scratchFiles(dataDir: string): Promise<string[]> {
  const staging = join(dataDir, 'blobs/.staging')
  const entries = await readdir(staging, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

describe.skipIf(!startsServers)('a server whose shards are damaged', () => {
  let server: Server
  let api: Api
  beforeAll(async () => {
    server = await startServer({ env: { LOG_LEVEL: 'silent' } })
    api = { url: server.url, key: await server.createKey() }
  })
  afterAll(() => server?.stop())

  /** Turns one bit of the shard that has these bytes, in their middle. */
  async function damage(bytes: Uint8Array, path: string): Promise<void> {
    const handle = await open(path, 'r+')
    try {
      const at = (await handle.readFile()).indexOf(Buffer.from(bytes))
      if (at < 0) throw new Error(`${path} does not hold the bytes.`)
      const place = at + (bytes.length >> 1)
      const { buffer } = await handle.read(new Uint8Array(1), 0, 1, place)
      await handle.write(new Uint8Array([buffer[0]! ^ 1]), 0, 1, place)
    } finally {
      await handle.close()
    }
  }

  /** Uploads and gives the path of the shard that came of it. */
  async function store(sendIt: () => Promise<Outcome>): Promise<{ cid: string; path: string }> {
    const before = new Set(await shardFiles(server.dataDir))
    const { cid } = acknowledged(await sendIt())
    const [path] = (await shardFiles(server.dataDir)).filter((name) => !before.has(name))
    return { cid, path: path! }
  }

  it('answers with an error and never with wrong bytes', async () => {
    const bytes = seededBytes('damaged', 100 * 1024)
    const { cid, path } = await store(() => sendFile(api, bytes, 'damaged'))
    await damage(bytes, path)
    for (const query of ['', '?format=raw', '?format=car']) {
      const response = await fetch(`${server.url}/ipfs/${cid}${query}`)
      expect(response.status, query).toBe(500)
      expect(Buffer.from(await response.arrayBuffer()).includes(Buffer.from(bytes.subarray(0, 1000))), query).toBe(false)
    }
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
  })

  it.each(['', '?format=car'])(
    'cuts the answer off where a large file%s is damaged, and sends nothing wrong before',
    async (query) => {
      const bytes = seededBytes(`large${query}`, 12 * MiB)
      const { cid, path } = await store(() => sendFile(api, bytes, 'large'))
      const healthy = Buffer.from(await (await fetch(`${server.url}/ipfs/${cid}${query}`)).arrayBuffer())
      const leaf = bytes.subarray(36 * 256 * 1024, 37 * 256 * 1024)
      await damage(leaf, path)
      const response = await fetch(`${server.url}/ipfs/${cid}${query}`)
      expect(response.status).toBe(200)
      const got: Uint8Array[] = []
      await expect(
        (async () => {
          for await (const chunk of response.body!) got.push(chunk)
        })(),
      ).rejects.toThrow('terminated')
      const received = Buffer.concat(got)
      expect(received.length).toBeLessThanOrEqual(healthy.indexOf(Buffer.from(leaf)))
      expect(received.equals(healthy.subarray(0, received.length))).toBe(true)
    },
  )

  it('reads a block from another shard where one copy is damaged or gone', async () => {
    const { dag } = sampleOf('car', 'two copies') as { dag: Dag }
    const leaf = seededBytes('in both', 200 * 1024)
    const single = await store(() => sendFile(api, leaf, 'alone'))
    const root = dagCborBlock({ leaf: true, links: [dag.branches[0]![0]!.cid] })
    const shared = [...dag.branches[0]!, { cid: CID.parse(single.cid), bytes: leaf }]
    const double = await store(() => sendCar(api, carOf(root, shared), 'with others'))
    await damage(leaf, single.path)
    const read = async () => Buffer.from(await (await fetch(`${server.url}/ipfs/${single.cid}?format=raw`)).arrayBuffer())
    expect((await read()).equals(leaf)).toBe(true)
    await rm(single.path)
    expect((await read()).equals(leaf)).toBe(true)
    await damage(leaf, double.path)
    expect((await fetch(`${server.url}/ipfs/${single.cid}?format=raw`)).status).toBe(500)
  })

  it('mends a damaged shard when the same bytes are uploaded again', async () => {
    const bytes = seededBytes('mended', 300 * 1024)
    const { cid, path } = await store(() => sendFile(api, bytes, 'mended'))
    await damage(bytes.subarray(0, 256 * 1024), path)
    expect((await fetch(`${server.url}/ipfs/${cid}`)).status).toBe(500)
    acknowledged(await sendFile(api, bytes, 'mended'))
    await readBack(server.url, cid, { kind: 'file', bytes })
    expect((await send(api, 'GET', `/${cid}`)).kind).toBe('acknowledged')
  })
})
