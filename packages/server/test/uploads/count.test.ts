import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createUser } from '../../src/accounts/users.ts'
import { compactTallies, countUploads } from '../../src/uploads/store.ts'
import type { TestDatabase } from '../setup/database.ts'
import { createTestDatabase } from '../setup/database.ts'

let test: TestDatabase
let userId: number
let contentId: number

beforeAll(async () => {
  test = await createTestDatabase()
  userId = (await createUser(test, { email: 'count@example.com' })).userId
  const { rows } = await sql<{ id: number }>`insert into content (cid) values ('\\x00'::bytea) returning id`.execute(
    test.database.kysely,
  )
  contentId = rows[0]!.id
})
afterAll(() => test?.drop())

/** Uploads at seeded moments of ten days, some of them in the same hour. */
async function insertUploads(count: number, from: number): Promise<void> {
  await sql`
    insert into upload (user_id, content_id, source_cid, type, name, scope, created_at)
    select ${userId}, ${contentId}, 'cid' || i, 'Blob', 'n', 's', timestamptz '2026-03-01T00:00:00Z' + (i * 7919 % 864000) * interval '1 second'
    from generate_series(${from}::int, ${from + count - 1}::int) i`.execute(test.database.kysely)
}

async function expectExactCounts(): Promise<void> {
  const moments = [
    undefined,
    '2026-02-01T00:00:00Z',
    '2026-03-01T00:00:00Z',
    '2026-03-04T11:30:00.500Z',
    '2026-03-04T12:00:00Z',
    '2026-03-05T00:00:00Z',
    '2026-03-10T23:59:59Z',
    '2030-01-01T00:00:00Z',
  ]
  for (const moment of moments) {
    const before = moment === undefined ? undefined : new Date(moment)
    const { rows } = await sql<{ count: number }>`
      select count(*) from upload where user_id = ${userId} and deleted_at is null and created_at <= ${before ?? new Date('9999-01-01')}`.execute(
      test.database.kysely,
    )
    expect([moment, await countUploads(test.database, { userId, before })]).toEqual([moment, rows[0]?.count])
  }
}

describe('counting uploads', () => {
  it('is exact at every moment, over inserts in one statement and in many', async () => {
    await insertUploads(3000, 1)
    await Promise.all(Array.from({ length: 20 }, (_, index) => insertUploads(5, 10_000 + index * 5)))
    await expectExactCounts()
  })

  it('stays exact when uploads are deleted, brought back, and gone for good', async () => {
    await sql`update upload set deleted_at = now() where id % 3 = 0`.execute(test.database.kysely)
    await expectExactCounts()
    await sql`update upload set deleted_at = null where id % 6 = 0`.execute(test.database.kysely)
    await sql`delete from upload where id % 5 = 0`.execute(test.database.kysely)
    await expectExactCounts()
  })

  it('stays exact when tallies are compacted, and then needs few rows', async () => {
    await compactTallies(test.database)
    await sql`update upload set deleted_at = now() where id % 7 = 0`.execute(test.database.kysely)
    await compactTallies(test.database)
    await expectExactCounts()
    const { rows } = await sql<{ rows: number }>`select count(*) as rows from upload_tally where span = 'day'`.execute(
      test.database.kysely,
    )
    expect(rows[0]?.rows).toBe(10)
  })
})
