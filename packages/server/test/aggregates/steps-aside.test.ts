import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { commPHasher } from '@keepsake/content/piece/commp.ts'
import { hashPairsPortable } from '@keepsake/content/piece/portable-pairs.ts'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BadAggregateError } from '../../src/aggregates/bad-aggregate-error.ts'
import type { AsideLimits } from '../../src/aggregates/steps-aside.ts'
import { stepsAside } from '../../src/aggregates/steps-aside.ts'
import type { Keeper } from './keeper.ts'
import { atOnce, damage, openKeeper } from './keeper.ts'
import { bytesOf } from './keeper-bytes.ts'

/** Everything is large enough for a thread. */
const heap = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 8 }

let keeper: Keeper
beforeAll(async () => {
  keeper = await openKeeper()
})
afterAll(() => keeper?.close())

const open = (limits: Partial<AsideLimits> = {}) =>
  stepsAside(
    { ...keeper, blobsAt: { kind: 'local', directory: keeper.folder } },
    { smallBlocks: -1, smallBytes: -1, smallContents: -1, heap, ...limits },
  )
/** An aggregate of some files that is to be built, and the file that was stored last. */
const closed = async (name: string) => {
  for (let index = 0; index < 30; index++) await keeper.storeFile(bytesOf(`${name} ${index}`, 20 + index * 700))
  const last = await keeper.storeFile(name)
  await keeper.plan()
  const { id } = (await keeper.rows(sql`state = 'building'`)).at(-1)!
  return { id, ...last }
}
const stateOf = async (id: number) => (await keeper.rows(sql`id = ${id}`))[0]

describe('steps that are done on a thread', () => {
  it('build and validate what others can read, and tell how far they are', async () => {
    const { id } = await closed('on a thread')
    const steps = open()
    const told: { building: number[]; validating: number[] } = { building: [], validating: [] }
    await steps.build({ aggregateId: id }, { onProgress: (bytes) => told.building.push(bytes) })
    expect(await stateOf(id)).toMatchObject({ state: 'validating', items: 31 })
    expect(await steps.validate({ aggregateId: id }, { onProgress: (bytes) => told.validating.push(bytes) })).toBe(true)
    const row = (await stateOf(id))!
    expect([row.state, told.building.at(-1), told.validating.at(-1)]).toEqual(['built', row.sizeBytes, row.sizeBytes])
    const hasher = commPHasher(hashPairsPortable)
    hasher.write(await keeper.bytesOf(row))
    expect(Buffer.from(hasher.digest().root).equals(row.pieceRoot!)).toBe(true)
    // Somebody else has just done it.
    expect(await steps.validate({ aggregateId: id })).toBe(false)
  })

  it('log what they find, and say what is wrong as they would here', async () => {
    const { id, cid, shard } = await closed('damaged on a thread')
    await damage(keeper, shard)
    const steps = open()
    await steps.build({ aggregateId: id })
    expect(keeper.warnings).toContainEqual(expect.objectContaining({ aggregateId: id, block: String(cid), shard: String(shard) }))
    expect(await stateOf(id)).toMatchObject({ state: 'validating', items: 30 })
    await sql`update aggregate_entry set path_indexes = array[9, 9, 9] where aggregate_id = ${id}`.execute(keeper.database.kysely)
    const failure = await steps.validate({ aggregateId: id }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BadAggregateError)
    expect(failure).toMatchObject({ message: expect.stringContaining('is not where it was noted') })
  })

  it('leave nothing behind when they are given up, and can be done again', async () => {
    const { id } = await closed('given up')
    const steps = open()
    await expect(steps.build({ aggregateId: id }, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    const stopping = new AbortController()
    const building = steps.build({ aggregateId: id }, { signal: stopping.signal })
    setTimeout(() => stopping.abort(new Error('enough')), 100)
    await building.catch(() => {})
    for (const folder of await readdir(join(keeper.folder, '.staging'))) {
      expect(await readdir(join(keeper.folder, '.staging', folder))).toEqual([])
    }
    await steps.build({ aggregateId: id })
    await steps.validate({ aggregateId: id })
    expect(await stateOf(id)).toMatchObject({ state: 'built', items: 31 })
  })

  it('that run out of memory fail by themselves, and hold no lock', async () => {
    const { id } = await closed('out of memory')
    const small = open({ heap: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 } })
    const failure = await small.build({ aggregateId: id }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BadAggregateError)
    expect(failure).toMatchObject({ message: expect.stringContaining('more memory than a thread may have') })
    expect(await stateOf(id)).toMatchObject({ state: 'building' })
    await open().build({ aggregateId: id })
    expect(await stateOf(id)).toMatchObject({ state: 'validating' })
  })

  it('plan all that waits, and close what is full', async () => {
    for (let index = 0; index < 30; index++) await keeper.storeFile(bytesOf(`planned ${index}`, 50_000))
    const known = new Set((await keeper.rows()).map(({ id }) => id))
    await open().plan({ ...atOnce, forceMs: 3_600_000 })
    const fresh = (await keeper.rows()).filter(({ id }) => !known.has(id))
    expect(fresh.map(({ state, items }) => ({ state, items }))).toEqual([
      { state: 'building', items: 19 },
      { state: 'collecting', items: 11 },
    ])
  })
})
