import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Caller } from '../../src/accounts/authenticate.ts'
import { createUser } from '../../src/accounts/users.ts'
import type { BlobStore } from '../../src/blobs/blobs.ts'
import { openLocalBlobs } from '../../src/blobs/local.ts'
import { openBlocks } from '../../src/blocks/blocks.ts'
import { facts } from '../../src/jobs/facts.ts'
import { migrateJobs } from '../../src/jobs/worker.ts'
import { pipeline } from '../../src/pipeline.ts'
import { receiveFile } from '../../src/uploads/receive-file.ts'
import type { Claim } from '../../src/uploads/record.ts'
import { uploadRecorder } from '../../src/uploads/record.ts'
import type { TestDatabase } from '../setup/database.ts'
import { createTestDatabase } from '../setup/database.ts'

let test: TestDatabase
let folder: string
let blobs: BlobStore
let callers: Caller[]

beforeAll(async () => {
  test = await createTestDatabase()
  await migrateJobs(test.database)
  folder = await mkdtemp(join(tmpdir(), 'keepsake-record-'))
  blobs = await openLocalBlobs({ directory: folder })
  callers = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const user = await createUser(test, { email: `${name}@example.com` })
      return { ...user, keyId: null, label: 'test', scope: 'all' as const }
    }),
  )
})
afterAll(async () => {
  await blobs?.close()
  await test?.drop()
  await rm(folder, { recursive: true, force: true })
})

async function claim(caller: Caller, text: string): Promise<Claim> {
  const body = async function* () {
    yield Buffer.from(text)
  }
  const staged = await blobs.stage()
  const received = await receiveFile(body(), { staged, signal: new AbortController().signal })
  return { caller, received, staged, mimeType: 'text/plain', name: text }
}

const record = () =>
  uploadRecorder({
    database: test.database,
    facts: facts(pipeline),
    blocks: openBlocks({ database: test.database, blobs }),
    findDeals: async () => new Map(),
  })

describe('recording uploads', () => {
  it('acknowledges many at once, each readable and under its own name', async () => {
    const claims = await Promise.all(Array.from({ length: 100 }, (_, index) => claim(callers[0]!, `many ${index}`)))
    const recordUpload = record()
    const nfts = await Promise.all(claims.map(recordUpload))
    const blocks = openBlocks({ database: test.database, blobs })
    for (const [index, nft] of nfts.entries()) {
      const { cid } = claims[index]!.received.content
      expect(nft).toMatchObject({ cid: cid.toString(), name: `many ${index}`, pin: { status: 'pinned' } })
      expect(Buffer.from(await blocks.get(cid)).toString()).toBe(`many ${index}`)
    }
  })

  it('shares transactions between them', async () => {
    const claims = await Promise.all(Array.from({ length: 64 }, (_, index) => claim(callers[0]!, `shared ${index}`)))
    const recordUpload = record()
    await Promise.all(claims.map(recordUpload))
    const { rows } = await sql<{ transactions: number }>`
      select count(distinct xmin::text) as transactions from upload where name like 'shared %'`.execute(test.database.kysely)
    expect(rows[0]?.transactions).toBeLessThan(16)
  })

  it('gives everybody a claim of their own on the same bytes', async () => {
    const claims = await Promise.all(Array.from({ length: 24 }, (_, index) => claim(callers[index % 2]!, 'the same')))
    const recordUpload = record()
    const nfts = await Promise.all(claims.map(recordUpload))
    expect(new Set(nfts.map(({ cid }) => cid)).size).toBe(1)
    const { rows } = await sql<{ uploads: number; contents: number }>`
      select count(*) as uploads, count(distinct content_id) as contents from upload where name = 'the same'`.execute(
      test.database.kysely,
    )
    expect(rows[0]).toEqual({ uploads: 2, contents: 1 })
  })

  it('lets one that cannot be recorded take no other with it', async () => {
    const nobody: Caller = { ...callers[0]!, userId: 999_999 }
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, index) => claim(index === 7 ? nobody : callers[0]!, `mixed ${index}`)),
    )
    const recordUpload = record()
    const results = await Promise.allSettled(claims.map(recordUpload))
    expect(results.map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, (_, index) => (index === 7 ? 'rejected' : 'fulfilled')),
    )
    const { rows } = await sql<{ count: number }>`select count(*) from upload where name like 'mixed %'`.execute(
      test.database.kysely,
    )
    expect(rows[0]?.count).toBe(19)
  })

  it('leaves nothing in scratch', async () => {
    const [scratch] = await readdir(join(folder, '.staging'))
    // The one that could not be recorded is thrown away by whoever staged it.
    expect((await readdir(join(folder, '.staging', scratch!))).length).toBeLessThanOrEqual(1)
  })
})
