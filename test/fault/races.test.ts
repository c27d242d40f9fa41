import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'
import { type Api, type NftAnswer, type Outcome, send, sendCar, sendWhole } from './exchange.ts'
import { type OperatorDatabase, openOperatorDatabase } from './operator-database.ts'
import { readBack } from './read-back.ts'
import { carOf, chunksOf, type Dag, dagCborBlock, rawCid, type Sample, sampleOf } from './samples.ts'
import { seededBytes, seededRandom } from './seeded.ts'
import { shardFiles } from './shard-files.ts'

type Whole = Exclude<Sample, { kind: 'chunked' }>

/** Blocks too large to be answered from memory: what is read has to be on disk. */
const largeFile = (seed: string): Whole => ({ kind: 'file', bytes: seededBytes(seed, 700 * 1024) })

function acknowledged(outcome: Outcome): NftAnswer {
  if (outcome.kind !== 'acknowledged') throw new Error(`Not acknowledged: ${JSON.stringify(outcome)}`)
  return outcome.value
}

describe.skipIf(!startsServers)('uploads, deletes and the collector at the same time', () => {
  let server: Server
  let database: OperatorDatabase
  let ada: Api
  let bob: Api

  beforeAll(async () => {
    server = await startServer({ env: { LOG_LEVEL: 'warn', DELETE_GRACE_HOURS: '0' } })
    database = await openOperatorDatabase(server.dataDir)
    const [first, second] = await Promise.all([server.createKey(), server.createKey()])
    ada = { url: server.url, key: first }
    bob = { url: server.url, key: second }
  })
  afterAll(async () => {
    await database?.[Symbol.asyncDispose]()
    await server?.stop()
  })

  const upload = async (api: Api, sample: Whole) => acknowledged(await sendWhole(api, sample, 'race'))
  const remove = (api: Api, cid: string) => send(api, 'DELETE', `/${cid}`)

  /** Runs `work` while garbage is collected without a pause, and gives how often it was. */
  async function whileCollecting(work: () => Promise<void>): Promise<number> {
    let runs = 0
    let over = false
    const collecting = (async () => {
      while (!over) {
        await database.collectGarbage()
        runs++
      }
    })()
    try {
      await work()
    } finally {
      over = true
      await collecting
    }
    return runs
  }

  async function expectNothingLeft(): Promise<void> {
    // What was deleted in this very millisecond is not yet older than the grace time of zero.
    await sleep(5)
    await database.collectGarbage()
    expect(await shardFiles(server.dataDir)).toEqual([])
    for (const table of ['upload', 'content', 'content_shard', 'shard', 'block'])
      expect(await database.value(`select count(*)::int from ${table}`), table).toBe(0)
  }

  it.each([2, 16])(
    'keep what one user holds while %i uploads of the same bytes come and another user deletes',
    async (uploaders) => {
      const random = seededRandom(`race of ${uploaders}`)
      const runs = await whileCollecting(async () => {
        for (let round = 0; round < 15; round++) {
          // Every third round has the bytes of the one before: what was just deleted comes again.
          const seed = `shared ${uploaders} ${round - (round % 3 === 1 ? 1 : 0)}`
          const sample = round % 2 ? largeFile(seed) : ({ ...sampleOf('car', seed) } as Whole)
          const uploads = Array.from({ length: uploaders }, (_, index) => upload(index % 2 ? bob : ada, sample))
          const { cid } = await Promise.any(uploads)
          await sleep(random.between(0, 20))
          const deleting = remove(ada, cid)
          await Promise.all(uploads)
          await deleting
          // Bob has deleted nothing, so nothing that Ada or the collector do may take it from him.
          for (let reads = 0; reads < 3; reads++) await readBack(server.url, cid, sample)
          expect((await send(bob, 'GET', `/${cid}`)).kind).toBe('acknowledged')
          await remove(ada, cid)
          await readBack(server.url, cid, sample)
          expect((await remove(bob, cid)).kind).toBe('acknowledged')
        }
      })
      expect(runs).toBeGreaterThan(5)
      await expectNothingLeft()
    },
  )

  it('keep content through deletes and uploads of it again, one after the other', async () => {
    const sample = largeFile('again and again')
    let cid = ''
    await whileCollecting(async () => {
      for (let round = 0; round < 40; round++) {
        cid = (await upload(ada, sample)).cid
        await readBack(server.url, cid, sample)
        if (round < 39) expect((await remove(ada, cid)).kind).toBe('acknowledged')
      }
      await sleep(100)
    })
    await readBack(server.url, cid, sample)
    await remove(ada, cid)
    await expectNothingLeft()
  })

  it('keep content for its other holder after one deletes it', async () => {
    const sample = largeFile('of two users')
    const { cid } = await upload(ada, sample)
    await upload(bob, sample)
    await remove(ada, cid)
    await database.collectGarbage()
    expect(await send(ada, 'GET', `/${cid}`)).toMatchObject({ kind: 'refused', status: 404 })
    await readBack(server.url, cid, sample)
    await remove(bob, cid)
    await expectNothingLeft()
    const leaf = rawCid((sample as { bytes: Uint8Array }).bytes.subarray(0, 256 * 1024))
    expect((await fetch(`${server.url}/ipfs/${leaf}?format=raw`)).status).toBe(404)
  })

  it('keep a shard that other content needs, until that is deleted too', async () => {
    const whole = sampleOf('car', 'lender') as Extract<Sample, { dag: Dag }>
    const lender = await upload(ada, whole as Whole)
    // A root of its own over branches that only the first upload brought.
    const own = sampleOf('car', 'borrower') as Extract<Sample, { dag: Dag }>
    const root = dagCborBlock([...whole.dag.branches, own.dag.branches[0]!].map(([inner]) => inner!.cid))
    const borrowed: Dag = { root, branches: [...whole.dag.branches, own.dag.branches[0]!] }
    const borrower = acknowledged(await sendCar(bob, carOf(root, own.dag.branches[0]!), 'borrower'))
    await expectPinned(bob, borrower.cid)
    await remove(ada, lender.cid)
    await database.collectGarbage()
    expect(await shardFiles(server.dataDir)).toHaveLength(2)
    await readBack(server.url, borrower.cid, { kind: 'car', dag: borrowed })
    await remove(bob, borrower.cid)
    await expectNothingLeft()
  })

  it('pin every CAR whose parts arrive in the same moment', async () => {
    const count = 120
    let next = 0
    const cids: string[] = []
    const client = async () => {
      while (next < count) {
        const { dag } = sampleOf('chunked', `together ${next++}`) as { dag: Dag }
        const answers = await Promise.all(chunksOf(dag).map((car) => sendCar(ada, car, 'together')))
        cids.push(acknowledged(answers[0]!).cid)
      }
    }
    await Promise.all(Array.from({ length: 6 }, client))
    for (const cid of cids) await expectPinned(ada, cid)
    for (const cid of cids) await remove(ada, cid)
    await expectNothingLeft()
  })
})

async function expectPinned(api: Api, cid: string): Promise<void> {
  for (const end = Date.now() + 15_000; ; await sleep(20)) {
    const { pin } = acknowledged(await send(api, 'GET', `/${cid}`))
    if (pin.status === 'pinned') return
    if (Date.now() > end) throw new Error(`${cid} is ${JSON.stringify(pin)} though every block of it is here.`)
  }
}
