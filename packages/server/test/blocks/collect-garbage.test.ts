import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Caller } from '../../src/accounts/authenticate.ts'
import { createUser } from '../../src/accounts/users.ts'
import type { BlobStore } from '../../src/blobs/blobs.ts'
import { openLocalBlobs } from '../../src/blobs/local.ts'
import { openBlocks } from '../../src/blocks/blocks.ts'
import { collectGarbage } from '../../src/blocks/collect-garbage.ts'
import { sweepBlobs } from '../../src/blocks/sweep-blobs.ts'
import { facts } from '../../src/jobs/facts.ts'
import { migrateJobs } from '../../src/jobs/worker.ts'
import { pipeline } from '../../src/pipeline.ts'
import { receiveFile } from '../../src/uploads/receive-file.ts'
import { uploadRecorder } from '../../src/uploads/record.ts'
import { deleteUpload } from '../../src/uploads/uploads.ts'
import type { TestDatabase } from '../setup/database.ts'
import { createTestDatabase } from '../setup/database.ts'

let test: TestDatabase
let folder: string
let blobs: BlobStore
let caller: Caller

beforeAll(async () => {
  test = await createTestDatabase()
  await migrateJobs(test.database)
  folder = await mkdtemp(join(tmpdir(), 'keepsake-collect-'))
  blobs = await openLocalBlobs({ directory: folder })
  const user = await createUser(test, { email: 'a@example.com' })
  caller = { ...user, keyId: null, label: 'test', scope: 'all' }
})
afterAll(async () => {
  await blobs?.close()
  await test?.drop()
  await rm(folder, { recursive: true, force: true })
})

async function store(text: string): Promise<{ cid: CID; shard: CID }> {
  const body = async function* () {
    yield Buffer.from(text)
  }
  const staged = await blobs.stage()
  const received = await receiveFile(body(), { staged, signal: new AbortController().signal })
  const blocks = openBlocks({ database: test.database, blobs })
  await uploadRecorder({ database: test.database, facts: facts(pipeline), blocks, findDeals: async () => new Map() })({
    caller,
    received,
    staged,
    mimeType: '',
    name: text,
  })
  return { cid: received.content.cid, shard: received.content.shard.cid }
}

/** Also what happened in this very millisecond is long enough ago. */
const noGrace = -1000
const isThere = async (shard: CID) => (await blobs.sizeOf(shard.toString())) !== undefined
const remove = (cid: CID) => deleteUpload(test, caller.userId, cid.toString())
const collect = (graceMs: number, store: BlobStore = blobs) => collectGarbage({ database: test.database, blobs: store, graceMs })
const rowsOf = async (shard: CID) =>
  (await sql`select from shard where cid = ${shard.bytes}`.execute(test.database.kysely)).rows.length

describe('the collector', () => {
  it('deletes what nobody holds, row, index and file, and keeps what somebody does', async () => {
    const [gone, kept] = [await store('gone'), await store('kept')]
    await remove(gone.cid)
    expect(await collect(noGrace)).toEqual({ contents: 1, shards: 1 })
    expect([await isThere(gone.shard), await isThere(kept.shard)]).toEqual([false, true])
    const { rows } = await sql`select from block where multihash = ${gone.cid.multihash.bytes}`.execute(test.database.kysely)
    expect([rows.length, await rowsOf(gone.shard), await rowsOf(kept.shard)]).toEqual([0, 0, 1])
  })

  it('waits for the grace time, in which storing the same bytes brings them back', async () => {
    const { cid, shard } = await store('spared')
    await remove(cid)
    expect(await collect(60_000)).toEqual({ contents: 0, shards: 0 })
    await store('spared')
    await collect(noGrace)
    expect(await isThere(shard)).toBe(true)
  })

  it('never leaves the index naming bytes that are gone, also when it dies in the middle', async () => {
    const { cid, shard } = await store('unlucky')
    await remove(cid)
    const failing: BlobStore = Object.create(blobs, { delete: { value: () => Promise.reject(new Error('killed')) } })
    await expect(collect(noGrace, failing)).rejects.toThrow('killed')
    expect([await rowsOf(shard), await isThere(shard)]).toEqual([0, true])
    // The sweep finds the file that has no row, once it is old enough.
    const sweep = (graceMs: number) => sweepBlobs({ database: test.database, blobs, graceMs })
    expect([await sweep(60_000), await isThere(shard)]).toEqual([0, true])
    expect([await sweep(-60_000), await isThere(shard)]).toEqual([1, false])
    const again = await store('unlucky')
    expect([await rowsOf(again.shard), await isThere(again.shard)]).toEqual([1, true])
  })
})
