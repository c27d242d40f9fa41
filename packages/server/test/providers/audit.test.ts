import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { forgetRequests } from '../../src/providers/audit.ts'
import { providerJobs } from '../../src/providers/jobs.ts'
import { createTestDatabase } from '../setup/database.ts'

let test: Awaited<ReturnType<typeof createTestDatabase>>
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(async () => await test.drop())
beforeEach(() => sql`truncate portal_request`.execute(test.database.kysely))

/** So many requests, one a day, the newest now. */
async function ask(days: number): Promise<void> {
  await sql`insert into portal_request (id, at, place, call, status, took_ms)
    select gen_random_uuid(), clock_timestamp() - make_interval(days => n), 'here', 'status', 200, 1 from generate_series(0, ${days}::int - 1) n`.execute(
    test.database.kysely,
  )
}

async function count(): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from portal_request`.execute(test.database.kysely)
  return rows[0]!.count
}

it('requests are kept as long as PORTAL_LOG_DAYS says, and forgotten by the job then', async () => {
  await ask(20)
  const jobs = providerJobs({ database: test.database, config: parseConfig({ PORTAL_LOG_DAYS: '7' }) })
  await jobs['forget-portal-requests']({}, undefined)
  expect(await count()).toBe(7)
})

it('of too many the oldest are forgotten before their time', async () => {
  await ask(20)
  await forgetRequests(test.database, new Date(Date.now() - 365 * 86_400_000), { most: 5 })
  expect(await count()).toBe(5)
  const { rows } = await sql<{ oldest: boolean }>`
    select min(at) > clock_timestamp() - interval '5 days' as oldest from portal_request`.execute(test.database.kysely)
  expect(rows[0]!.oldest).toBe(true)
})
