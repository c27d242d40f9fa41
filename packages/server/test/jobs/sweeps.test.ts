import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { type FactTable, facts } from '../../src/jobs/facts.ts'
import { type JobHandlers, migrateJobs, startWorker } from '../../src/jobs/worker.ts'
import { pipeline } from '../../src/pipeline.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

let test: TestDatabase
let database: Database
beforeAll(async () => {
  test = await createTestDatabase()
  database = test.database
  await migrateJobs(database)
})
afterAll(() => test.drop())
beforeEach(async () => void (await sql`delete from graphile_worker._private_jobs`.execute(database.kysely)))

const sweep = 'tidy-up'
const { record, sweepAt } = facts({ ...pipeline, 'root:complete': [{ sweep }] } as FactTable)
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

async function listJobs() {
  const { rows } = await sql<{ key: string; runAt: Date }>`
    select key, run_at as "runAt" from graphile_worker._private_jobs where key = ${sweep}`.execute(database.kysely)
  return rows
}

/** Runs `handle` as the sweep until `until` resolves. */
async function work(handle: () => Promise<void>, until: () => Promise<unknown>) {
  const handlers = { [sweep]: handle } as unknown as JobHandlers
  const worker = await startWorker({ database, handlers, log: quiet })
  try {
    await until()
  } finally {
    await worker.stop()
  }
}

describe('a sweep', () => {
  it('waits once however often its fact is recorded', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, contentId) => record(database, 'root:complete', { contentId })))
    expect(await listJobs()).toHaveLength(1)
  })

  it('is not there when the transaction of its fact fails', async () => {
    const failing = database.kysely.transaction().execute(async (kysely) => {
      await record({ kysely }, 'root:complete', { contentId: 1 })
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await listJobs()).toEqual([])
  })

  it('begins after the transaction that asked for it, also where it waited before', async () => {
    await sql`create table seen (note text)`.execute(database.kysely)
    await record(database, 'root:complete', { contentId: 1 })
    const { promise: swept, resolve } = Promise.withResolvers<string[]>()
    const look = async () => {
      const { rows } = await sql<{ note: string }>`select note from seen`.execute(database.kysely)
      resolve(rows.map(({ note }) => note))
    }
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
    const slow = database.kysely.transaction().execute(async (kysely) => {
      await sql`insert into seen values ('written before')`.execute(kysely)
      await record({ kysely }, 'root:complete', { contentId: 2 })
      ask()
      // The worker would take the job now if it could.
      await sleep(1_000)
    })
    // A worker that is quicker than this would rightly run the sweep twice.
    await asked
    await work(look, async () => await Promise.all([slow, swept]))
    expect(await swept).toEqual(['written before'])
  })

  it('runs again for what happened while it ran', async () => {
    let runs = 0
    const { promise: twice, resolve } = Promise.withResolvers<void>()
    await record(database, 'root:complete', { contentId: 1 })
    await work(
      async () => {
        runs++
        if (runs === 1) await record(database, 'root:complete', { contentId: 2 })
        else resolve()
      },
      () => twice,
    )
    expect(runs).toBe(2)
  })

  it('runs at the time it asked for, or earlier when somebody asks for that', async () => {
    const later = new Date(Date.now() + 3_600_000)
    await sweepAt(database, sweep as never, later)
    expect((await listJobs())[0]!.runAt).toEqual(later)
    const sooner = new Date(Date.now() + 60_000)
    await sweepAt(database, sweep as never, sooner)
    await sweepAt(database, sweep as never, later)
    expect((await listJobs()).map(({ runAt }) => runAt)).toEqual([sooner])
    await record(database, 'root:complete', { contentId: 1 })
    expect((await listJobs())[0]!.runAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000)
  })
})

describe('the facts that every upload records', () => {
  it('make no two transactions wait for each other in a circle, whatever the sweeps do meanwhile', async () => {
    const { record: recordReal, sweepAt: ask } = facts(pipeline)
    const names = ['follow-roots', 'announce-roots', 'pin-contents', 'plan-aggregates'] as const
    const again = async (name: (typeof names)[number]) => await ask(database, name, new Date(Date.now() + 20))
    const handlers = Object.fromEntries(names.map((name) => [name, () => again(name)])) as unknown as JobHandlers
    const worker = await startWorker({ database, handlers, log: quiet })
    const failures: unknown[] = []
    const upload = async (contentId: number) => {
      await database.kysely
        .transaction()
        .execute(async (kysely) => {
          await recordReal({ kysely }, 'root:complete', { contentId })
          await sleep(5)
        })
        .catch((error: unknown) => failures.push(error))
    }
    let next = 0
    const lane = async () => {
      while (next < 600) await upload(next++)
    }
    await Promise.all(Array.from({ length: 6 }, lane))
    await worker.stop()
    expect(failures).toEqual([])
  })
})
