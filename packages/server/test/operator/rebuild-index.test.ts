import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Block } from '@keepsake/content/block.ts'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { packFile } from '@keepsake/content/unixfs/file.ts'
import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as cars from '../../../../test/setup/cars.ts'
import { createKey } from '../../src/accounts/keys.ts'
import { createUser } from '../../src/accounts/users.ts'
import { createApp } from '../../src/app.ts'
import { collectGarbage } from '../../src/blocks/collect-garbage.ts'
import { completeDag } from '../../src/blocks/complete-dag.ts'
import { rebuildIndex } from '../../src/blocks/rebuild-index.ts'
import { parseConfig } from '../../src/config.ts'
import type { Service } from '../../src/service.ts'
import { openService } from '../../src/service.ts'
import type { TestDatabase } from '../setup/database.ts'
import { createTestDatabase } from '../setup/database.ts'

let db: TestDatabase
let dataDir: string
let service: Service
let app: FastifyInstance
let url: string
let key: string

beforeAll(async () => {
  db = await createTestDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'keepsake-rebuild-'))
  const config = parseConfig({ DATABASE_URL: db.url, DATA_DIR: dataDir, DATABASE_MAX_CONNECTIONS: '8' })
  service = await openService({ config, log: pino({ level: 'error' }), mode: 'server' })
  app = await createApp(service, { version: '0', commit: '0', branch: 'test' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const user = await createUser(service, { email: 'ada@example.com' })
  key = String((await createKey(service, user, { name: 'test' })).secret)
  await storeAllKinds()
})

afterAll(async () => {
  await app?.close()
  await service?.[Symbol.asyncDispose]()
  await db?.drop()
  await rm(dataDir, { recursive: true, force: true })
})

const roots = new Map<string, string>()

async function post(path: string, body: RequestInit['body'], contentType?: string): Promise<string> {
  const headers = { authorization: `Bearer ${key}`, ...(contentType && { 'content-type': contentType }) }
  const response = await fetch(`${url}/api${path}`, { method: 'POST', headers, body: body ?? null })
  const answer = (await response.json()) as { ok: boolean; value: { cid?: string; ipnft?: string } }
  expect(answer).toMatchObject({ ok: true })
  return String(answer.value.cid ?? answer.value.ipnft)
}

async function blocksOf(bytes: Uint8Array): Promise<{ root: CID; blocks: Block[] }> {
  const blocks: Block[] = []
  const packing = packFile(
    (async function* () {
      yield bytes
    })(),
  )
  for (;;) {
    const next = await packing.next()
    if (next.done) return { root: next.value.cid, blocks }
    blocks.push(next.value)
  }
}

function carOf(root: CID, blocks: readonly Block[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    Buffer.concat([
      encodeCarHeader([root]),
      ...blocks.flatMap(({ cid, bytes }) => [encodeSectionPrefix(cid, bytes.length), bytes]),
    ]),
  )
}

const carType = 'application/vnd.ipld.car'

async function storeAllKinds(): Promise<void> {
  roots.set('small file', await post('/upload', 'hello\n', 'text/plain'))
  const big = randomBytes(3_000_000)
  roots.set('big file', await post('/upload', big))
  const form = new FormData()
  for (let i = 0; i < 30; i++) form.append('file', new Blob([`${i}`]), `dir/${i}.txt`)
  roots.set('directory', await post('/upload', form))
  const token = new FormData()
  token.set('meta', JSON.stringify({ name: 'n', image: null }))
  token.set('image', new Blob([randomBytes(300_000)]), 'art.png')
  roots.set('token', await post('/store', token))
  const whole = await blocksOf(big)
  roots.set('the same blocks in another shard', await post('/upload', carOf(whole.root, [...whole.blocks].reverse()), carType))
  const parts = await blocksOf(randomBytes(2_000_000))
  const top = parts.blocks.at(-1) as Block
  await post('/upload', carOf(parts.root, [top, ...parts.blocks.slice(0, 3)]), carType)
  roots.set('two parts', await post('/upload', carOf(parts.root, [top, ...parts.blocks.slice(3, -1)]), carType))
  const partial = await blocksOf(randomBytes(2_000_000))
  roots.set(
    'incomplete',
    await post('/upload', carOf(partial.root, [partial.blocks.at(-1) as Block, ...partial.blocks.slice(0, 2)]), carType),
  )
  const removed = await post('/upload', 'removed\n')
  await fetch(`${url}/api/${removed}`, { method: 'DELETE', headers: { authorization: `Bearer ${key}` } })
  roots.set('removed', removed)
  const { rows } = await sql<{ id: number }>`select id from content where complete_at is null`.execute(service.database.kysely)
  for (const { id } of rows) await completeDag(service, { contentId: id })
}

/** Everything the index says, without the ids, which nobody outside sees. */
async function indexState() {
  const { kysely } = service.database
  const query = async (text: ReturnType<typeof sql>) => (await text.execute(kysely)).rows
  return {
    shards: await query(sql`select encode(cid, 'hex') as cid, size_bytes from shard order by cid`),
    blocks: await query(sql`select encode(multihash, 'hex') as hash, encode(cid, 'hex') as cid, byte_offset, byte_length
      from block join shard on shard.id = shard_id order by multihash, cid`),
    contents: await query(sql`select encode(cid, 'hex') as cid, dag_bytes, complete_at, obstacle from content order by cid`),
    references: await query(sql`select encode(content.cid, 'hex') as content, encode(shard.cid, 'hex') as shard from content_shard
      join content on content.id = content_id join shard on shard.id = shard_id order by 1, 2`),
    missing: await query(sql`select encode(content.cid, 'hex') as content, encode(m.cid, 'hex') as cid from missing_block m
      join content on content.id = content_id order by 1, 2`),
  }
}

async function loseIndex(): Promise<void> {
  const { kysely } = service.database
  for (const table of ['block', 'content_shard', 'shard', 'missing_block'] as const) await kysely.deleteFrom(table).execute()
}

async function statuses(): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const [what, cid] of roots) {
    const response = await fetch(`${url}/api/check/${cid}`)
    const { value } = (await response.json()) as { value?: { pin: { status: string; missing?: { blocks: number } } } }
    found.set(what, value ? `${value.pin.status} ${value.pin.missing?.blocks ?? 0}` : 'forgotten')
  }
  return found
}

async function pathOfShard(cid: string): Promise<string> {
  return join(dataDir, 'blobs', cid.slice(-3, -1), `${cid}.car`)
}

/** The shard in which a root's own block lies first. */
async function shardOf(root: string): Promise<{ id: number; cid: string; offset: number; length: number }> {
  const multihash = CID.parse(root).multihash.bytes
  const { rows } = await sql<{ id: number; cid: Uint8Array; offset: number; length: number }>`
    select shard.id, shard.cid, byte_offset as "offset", byte_length as length from block join shard on shard.id = shard_id
    where multihash = ${multihash} order by shard.id limit 1`.execute(service.database.kysely)
  const row = rows[0]!
  return { ...row, cid: CID.decode(row.cid).toString() }
}

const nothingToDo = {
  unknownShards: 0,
  missing: 0,
  misplaced: 0,
  stray: 0,
  changedContents: 0,
  damagedShards: [],
  absentShards: [],
}

test('finds nothing to do in an index that is right', async () => {
  const before = await indexState()
  expect(await rebuildIndex(service)).toMatchObject({ ...nothingToDo, contents: before.contents.length })
  expect(await indexState()).toEqual(before)
})

test('rebuilds everything from the shards alone, exactly as it was', async () => {
  const before = await indexState()
  const statusBefore = await statuses()
  expect(statusBefore.get('incomplete')).toBe('pinning 6')
  expect(statusBefore.get('two parts')).toBe('pinned 0')
  await loseIndex()
  const report = await rebuildIndex(service)
  expect(report).toMatchObject({
    unknownShards: before.shards.length,
    missing: before.blocks.length,
    damagedShards: [],
    absentShards: [],
  })
  expect(await indexState()).toEqual(before)
  expect(await statuses()).toEqual(statusBefore)
  const again = await openService({ config: service.config, log: service.log, mode: 'beside' })
  for (const { hash, cid } of before.blocks as { hash: string; cid: string }[]) {
    const wanted = CID.createV1(0x55, (await import('multiformats/hashes/digest')).decode(Buffer.from(hash, 'hex')))
    expect((await again.blocks.get(wanted)).length, cid).toBeGreaterThan(0)
  }
  await again[Symbol.asyncDispose]()
  expect(await rebuildIndex(service)).toMatchObject(nothingToDo)
})

test('only tells what is wrong when it is asked to check', async () => {
  await sql`delete from block where ctid in (select ctid from block limit 3)`.execute(service.database.kysely)
  await sql`update block set byte_offset = byte_offset + 1 where ctid in (select ctid from block limit 2)`.execute(
    service.database.kysely,
  )
  const { id } = await shardOf(String(roots.get('small file')))
  await sql`insert into block values (${Buffer.from('1220'.padEnd(68, 'a'), 'hex')}, ${id}, 1, 1)`.execute(
    service.database.kysely,
  )
  const broken = await indexState()
  expect(await rebuildIndex(service, { checkOnly: true })).toMatchObject({ missing: 3, misplaced: 2, stray: 1 })
  expect(await indexState()).toEqual(broken)
  expect(await rebuildIndex(service)).toMatchObject({ missing: 3, misplaced: 2, stray: 1, damagedShards: [] })
  expect(await rebuildIndex(service)).toMatchObject(nothingToDo)
})

test('keeps the collector from what is being entered', async () => {
  const before = await indexState()
  await loseIndex()
  let collected: Promise<{ shards: number }> | undefined
  await rebuildIndex(service, {
    onProgress: (progress) => {
      // Every shard has its row by now, and hardly any is named by a content.
      if (progress.phase === 'contents') collected ??= collectGarbage({ ...service, graceMs: 0 })
    },
  })
  expect((await collected)?.shards).toBe(0)
  const { rows } = await sql`select from shard where stored_at = 'infinity'`.execute(service.database.kysely)
  expect(rows).toHaveLength(0)
  // The collector was right to forget what was removed; all else is as before.
  expect((await indexState()).shards).toEqual(before.shards)
})

test('may be broken off and run again', async () => {
  const before = await indexState()
  await loseIndex()
  const interrupted = new AbortController()
  const onProgress = ({ phase }: { phase: string }) => phase === 'contents' && interrupted.abort(new Error('enough'))
  await expect(rebuildIndex(service, { signal: interrupted.signal, onProgress })).rejects.toThrow('enough')
  await rebuildIndex(service)
  expect(await indexState()).toEqual(before)
})

test('names damaged shards, goes on, and keeps what is good in them; storing them again mends all', async () => {
  const { cid, offset, length } = await shardOf(String(roots.get('directory')))
  const other = await shardOf(String(roots.get('token')))
  const paths = [await pathOfShard(cid), await pathOfShard(other.cid)] as const
  const [first, second] = [await readFile(paths[0]), await readFile(paths[1])]
  const before = await indexState()
  const damaged = Buffer.from(first)
  damaged[offset + Math.floor(length / 2)]! ^= 1
  await writeFile(paths[0], damaged)
  await truncate(paths[1], second.length - 100)
  await loseIndex()
  const troubles: string[] = []
  const report = await rebuildIndex(service, { onTrouble: (line) => troubles.push(line) })
  expect(report.damagedShards.sort()).toEqual([cid, other.cid].sort())
  expect(report.unknownShards).toBe(before.shards.length)
  expect(troubles.join('\n')).toContain(`Shard ${cid} is damaged: a block is damaged, for example ${roots.get('directory')}`)
  expect(troubles.join('\n')).toContain(`Shard ${other.cid} is damaged: it cannot be read to its end`)
  expect((await statuses()).get('directory')).toBe('pinning 1')
  expect((await statuses()).get('small file')).toBe('pinned 0')
  await writeFile(paths[0], first)
  await writeFile(paths[1], second)
  await rebuildIndex(service)
  const after = await indexState()
  expect({ ...after, contents: [] }).toEqual({ ...before, contents: [] })
  expect((await statuses()).get('directory')).toBe('pinned 0')
})

test('names shards that are gone, and leaves their rows', async () => {
  const { cid } = await shardOf(String(roots.get('small file')))
  const path = await pathOfShard(cid)
  const bytes = await readFile(path)
  await rm(path)
  const before = await indexState()
  expect((await rebuildIndex(service)).absentShards).toEqual([cid])
  expect(await indexState()).toEqual(before)
  await writeFile(path, bytes)
})

test('does not overrule an upload that comes in meanwhile', async () => {
  const [leaf, rest] = [await cars.raw(randomBytes(100)), await cars.raw(randomBytes(100))]
  const inner = await cars.directory([{ name: 'leaf', cid: leaf.cid, sizeBytes: 100 }])
  const late = await cars.directory([
    { name: 'inner', cid: inner.cid, sizeBytes: 200 },
    { name: 'rest', cid: rest.cid, sizeBytes: 100 },
  ])
  await post('/upload', cars.car([late.cid], [late, inner, leaf]), carType)
  await loseIndex()
  // The rest comes when the walk has found it missing and has not noted that yet.
  const getMany: Service['blocks']['getMany'] = async function* (cids, options) {
    if (cids.some((cid) => cid.equals(inner.cid))) await post('/upload', cars.car([late.cid], [late, inner, leaf, rest]), carType)
    yield* service.blocks.getMany(cids, options)
  }
  await rebuildIndex({ ...service, blocks: { ...service.blocks, getMany } })
  const response = await fetch(`${url}/api/check/${late.cid}`)
  expect(await response.json()).toMatchObject({ value: { pin: { status: 'pinned' } } })
  expect(await rebuildIndex(service, { checkOnly: true })).toMatchObject({ changedContents: 0, missing: 0 })
})

test('is a command that works beside the server and tells by its exit code what it found', async () => {
  const operator = join(import.meta.dirname, '../../src/operator.ts')
  const run = async (...args: string[]) => {
    const env = { PATH: process.env.PATH, DATABASE_URL: db.url, DATA_DIR: dataDir }
    try {
      return {
        code: 0,
        ...(await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', operator, ...args], { env })),
      }
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string }
    }
  }
  expect(await run('index', 'rebuild', '--check')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('The index is right.'),
    stderr: '',
  })
  await loseIndex()
  const check = await run('index', 'rebuild', '--check')
  expect(check).toMatchObject({ code: 1, stdout: expect.stringMatching(/shards to be added/) })
  expect(check.stderr.trim().split('\n').at(-1)).toBe(
    'keepsake: The index is not what the shards say. Mend it with: keepsake index rebuild',
  )
  expect(await run('index', 'rebuild')).toMatchObject({ code: 0, stdout: expect.stringMatching(/shards added/) })
  expect(await run('index', 'rebuild', '--check')).toMatchObject({ code: 0 })
}, 60_000)
