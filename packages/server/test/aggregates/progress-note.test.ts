import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { listAggregates } from '../../src/aggregates/overview.ts'
import { progressNote } from '../../src/aggregates/progress-note.ts'
import type { Keeper } from './keeper.ts'
import { atOnce, openKeeper } from './keeper.ts'
import { bytesOf } from './keeper-bytes.ts'

let keeper: Keeper
beforeAll(async () => {
  keeper = await openKeeper()
})
afterAll(() => keeper?.close())

const shown = async () => (await listAggregates({ ...keeper, rules: atOnce }, { limit: 1 }))[0]!

it('is seen while an aggregate is built, and neither before nor after', async () => {
  await keeper.storeFile(bytesOf('in progress', 100_000))
  await keeper.plan()
  const { id, sizeBytes, progress } = await shown()
  expect(progress).toBeNull()
  const note = progressNote(keeper.database, { aggregateId: id, state: 'building' }, 0)
  note(Math.floor(sizeBytes / 4))
  await vi.waitFor(async () => expect((await shown()).progress).toBeCloseTo(0.25))
  await keeper.build(id)
  expect(await shown()).toMatchObject({ state: 'validating', progress: null })
  note(Math.floor(sizeBytes / 2))
  progressNote(keeper.database, { aggregateId: id, state: 'validating' }, 0)((await shown()).sizeBytes * 2)
  // More than there is would be more than true.
  await vi.waitFor(async () => expect((await shown()).progress).toBe(1))
  await keeper.validate(id)
  expect(await shown()).toMatchObject({ state: 'built', progress: null })
})

it('does not disturb the step where the database does not take it', async () => {
  const note = progressNote(keeper.database, { aggregateId: Number.NaN, state: 'building' }, 0)
  expect(() => note(1)).not.toThrow()
  await sql`select 1`.execute(keeper.database.kysely)
})
