import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pino from 'pino'
import { carCid, encodeCarHeader, encodeSectionPrefix } from '../packages/content/src/car/encode.ts'
import { rawCid } from '../packages/content/src/hash/cid.ts'
import { packFile } from '../packages/content/src/unixfs/file.ts'
import { createUser } from '../packages/server/src/accounts/users.ts'
import { shardWriter } from '../packages/server/src/blocks/shard-writer.ts'
import { insertContents, type NewContent } from '../packages/server/src/blocks/store.ts'
import { parseConfig } from '../packages/server/src/config.ts'
import type { Service } from '../packages/server/src/service.ts'
import { openService } from '../packages/server/src/service.ts'
import { watchMemory } from './memory.ts'
import { mib, ratio, report } from './report.ts'

const MiB = 1024 * 1024
const goalMs = 30_000
const goalBytes = 300 * MiB

interface Steps {
  planMs: number
  buildMs: number
  validateMs: number
  aggregates: number
  items: number
  bytes: number
}

/** An aggregate of many small uploads, and one of a few large ones: planned, built and validated by a process of its own. */
export async function benchAggregates(args: string[]): Promise<void> {
  const numberOf = (name: string, otherwise: number) => (args.includes(name) ? Number(args[args.indexOf(name) + 1]) : otherwise)
  const items = numberOf('--items', 100_000)
  const gibibytes = numberOf('--gib', 4)
  if (items > 0) await measure(`${items} uploads of 1 KiB`, (service) => fillSmall(service, items))
  if (gibibytes > 0) await measure(`${gibibytes} GiB in files of 256 MiB`, (service) => fillLarge(service, gibibytes * 4))
}

async function measure(what: string, fill: (service: Service) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-bench-'))
  const env = {
    DATA_DIR: dataDir,
    LOG_LEVEL: 'error',
    AGGREGATE_SETTLE_SECONDS: '0',
    AGGREGATE_FORCE_SECONDS: '0',
    AGGREGATE_TARGET_BYTES: String(32 * 1024 * MiB),
  }
  try {
    await using service = await openService({ config: parseConfig(env), log: pino({ level: 'error' }), mode: 'server' })
    await createUser(service, { email: 'bench@example.com' })
    await fill(service)
    await service.database.pool.query('vacuum analyze')
    const readMs = await readAll(join(dataDir, 'blobs'))
    const { steps, planning, building } = await runSteps(env)
    const speed = mib(steps.bytes / ((steps.buildMs + steps.validateMs) / 1000))
    const text = `${steps.aggregates} aggregate of ${steps.items} items, ${mib(steps.bytes)}, ${speed}/s`
    report(`${what}: reading the files once`, `${seconds(readMs)}`)
    report(`${what}: planning`, seconds(steps.planMs))
    report(`${what}: building`, seconds(steps.buildMs), `${ratio(steps.buildMs / readMs)} of reading`)
    report(`${what}: validating`, seconds(steps.validateMs), `${ratio(steps.validateMs / readMs)} of reading`)
    const overMs = steps.buildMs + steps.validateMs - 2 * readMs
    report(`${what}: over reading twice`, seconds(overMs), text, { text: 'under 30 s', met: overMs < goalMs })
    const above = ({ idleBytes, peakBytes }: Memory) => peakBytes - idleBytes
    report(`${what}: memory of planning, above idle`, mib(above(planning)), `${mib(planning.peakBytes)} in all`)
    report(`${what}: of building and validating, above that`, mib(above(building)), `${mib(building.peakBytes)} in all`, {
      text: '300 MiB',
      met: above(building) < goalBytes,
    })
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

interface Memory {
  idleBytes: number
  peakBytes: number
}

async function runSteps(env: Record<string, string>): Promise<{ steps: Steps; planning: Memory; building: Memory }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'aggregates-steps.ts')], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const exited = once(child, 'exit')
  await lines.next()
  const whilePlanning = await watchMemory(child.pid as number)
  await lines.next()
  const planning = whilePlanning.stop()
  const whileBuilding = await watchMemory(child.pid as number)
  const { value } = await lines.next()
  const building = whileBuilding.stop()
  await exited
  if (typeof value !== 'string') throw new Error('The steps ended without a result.')
  return { steps: JSON.parse(value) as Steps, planning, building }
}

async function readAll(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.name.endsWith('.car'))
  const startedAt = performance.now()
  const lane = async () => {
    for (let file = files.pop(); file; file = files.pop())
      for await (const _ of createReadStream(join(file.parentPath, file.name), { highWaterMark: MiB }));
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  return performance.now() - startedAt
}

const pathOf = (service: Service, key: string) => join(service.config.DATA_DIR, 'blobs', key.slice(-3, -1))

/** One shard for each, written without waiting for the disk; rows as uploads would have made them. */
async function fillSmall(service: Service, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1000) {
    const contents = await Promise.all(Array.from({ length: Math.min(1000, count - at) }, () => writeSmall(service)))
    await enter(service, contents)
  }
}

async function writeSmall(service: Service): Promise<NewContent> {
  const bytes = randomBytes(1024)
  const cid = await rawCid(bytes)
  const header = encodeCarHeader([cid])
  const prefix = encodeSectionPrefix(cid, bytes.length)
  const car = Buffer.concat([header, prefix, bytes])
  const shard = carCid(createHash('sha256').update(car).digest())
  const folder = pathOf(service, shard.toString())
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${shard}.car`), car)
  const entries = [{ multihash: cid.multihash.bytes, offset: header.length + prefix.length, length: bytes.length }]
  return { cid, dagBytes: bytes.length, complete: true, shard: { cid: shard, sizeBytes: car.length, entries } }
}

async function fillLarge(service: Service, files: number): Promise<void> {
  for (let index = 0; index < files; index++) {
    const staged = await service.blobs.stage()
    const writer = shardWriter(staged, [])
    const packing = packFile(randomFile(256 * MiB))
    for (;;) {
      const next = await packing.next()
      if (next.done) {
        const shard = await writer.finish()
        await staged.commit(shard.cid.toString())
        await enter(service, [{ cid: next.value.cid, dagBytes: next.value.dagBytes, complete: true, shard }])
        break
      }
      await writer.add(next.value)
    }
  }
}

async function* randomFile(bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= MiB) yield randomBytes(Math.min(MiB, left))
}

async function enter({ database }: Service, contents: readonly NewContent[]): Promise<void> {
  await insertContents(database, contents)
  await database.pool.query(
    `insert into upload (user_id, content_id, source_cid, type, mime_type, name, scope)
     select (select id from "user" limit 1), id, encode(cid, 'hex'), 'Blob', '', 'bench', 'bench' from content where cid = any($1::bytea[])`,
    [contents.map(({ cid }) => cid.bytes)],
  )
}
