import { readFile, truncate } from 'node:fs/promises'
import type { Block } from '@keepsake/content/block.ts'
import { packDirectory } from '@keepsake/content/unixfs/directory.ts'
import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BadAggregateError } from '../../src/aggregates/bad-aggregate-error.ts'
import { withAggregateLock } from '../../src/aggregates/lock.ts'
import { collectGarbage } from '../../src/blocks/collect-garbage.ts'
import type { Database } from '../../src/database/database.ts'
import { checkContent } from '../../src/uploads/uploads.ts'
import type { Keeper } from './keeper.ts'
import { atOnce, carOf, damage, openKeeper, packAll, pathOf } from './keeper.ts'
import { bytesOf, fileBlocks } from './keeper-bytes.ts'

let keeper: Keeper
beforeAll(async () => {
  keeper = await openKeeper()
})
afterAll(() => keeper?.close())

const sizeOf = (blocks: readonly Block[]) => blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
const dealsOf = async (cid: CID) => (await checkContent(keeper, cid.toString())).deals
const everyAggregate = async (cid: CID) =>
  (
    await sql<{ id: number; state: string }>`
      select a.id, a.state from aggregate_entry e join aggregate a on a.id = e.aggregate_id where e.cid = ${cid.bytes}`.execute(
      keeper.database.kysely,
    )
  ).rows
const collect = () => collectGarbage({ ...keeper, graceMs: -1000 })
const closeOne = async () => {
  await keeper.plan()
  return (await keeper.rows(sql`state = 'building'`)).at(-1)!
}

/** The same database, in which the statement of that number fails, and its transaction with it: as if the process had died there. */
function dyingAt(statement: number) {
  let count = 0
  const kysely = keeper.database.kysely.withPlugin({
    transformQuery({ node }) {
      if (++count === statement) throw new Error('killed')
      return node
    },
    transformResult: async ({ result }) => result,
  })
  return { database: { ...keeper.database, kysely } satisfies Database, wasReached: () => count >= statement }
}

describe('a process that dies at any statement', () => {
  it('leaves every upload in one aggregate once the steps have run again', async () => {
    let died = 0
    const stored: CID[] = []
    // What the one before left undone moves the others along, so each is met.
    for (let at = 1; ; at += 2) {
      const { cid } = await keeper.storeFile(`killed at statement ${at}`)
      const dying = dyingAt(at)
      const jobs = keeper.jobs({ database: dying.database })
      const run = async () => {
        await jobs['plan-aggregates']({}, undefined)
        for (const { id } of await keeper.rows(sql`state = 'building'`))
          await jobs['build-aggregate']({ aggregateId: id }, undefined)
        for (const { id } of await keeper.rows(sql`state = 'validating'`))
          await jobs['validate-aggregate']({ aggregateId: id }, undefined)
      }
      await run().catch((error: Error) => {
        if (error.message !== 'killed') throw error
        died++
      })
      stored.push(cid)
      if (!dying.wasReached()) break
    }
    await packAll(keeper)
    for (const cid of stored) expect(await everyAggregate(cid)).toEqual([{ id: expect.any(Number), state: 'built' }])
    // Planning, building and validating have far more statements than this together.
    expect(died).toBeGreaterThan(12)
    expect((await keeper.rows()).every(({ state, reason }) => state === 'built' && reason === null)).toBe(true)
  }, 60_000)
})

describe('a shard that is damaged on disk', () => {
  it('is named, and another copy of the block is packed', async () => {
    const { root, blocks } = await fileBlocks(bytesOf('two copies', 500_000))
    const first = await keeper.storeCar(carOf(root, blocks))
    await keeper.storeCar(carOf(root, [...blocks].reverse()))
    await damage(keeper, first.shard, 5_000)
    await packAll(keeper)
    expect(await dealsOf(root)).toHaveLength(1)
    expect(keeper.warnings).toContainEqual(
      expect.objectContaining({ shard: first.shard.toString(), reason: 'its bytes are damaged' }),
    )
  })

  it('holds up only the item whose only copy it is, until somebody stores that again', async () => {
    const good = await keeper.storeFile('undamaged')
    const bad = await keeper.storeFile('damaged')
    const aggregate = await closeOne()
    await damage(keeper, bad.shard)
    await keeper.build(aggregate.id)
    await keeper.validate(aggregate.id)
    expect([await dealsOf(good.cid), await dealsOf(bad.cid)]).toEqual([[expect.anything()], []])
    const { rows } = await sql<{ reason: string }>`select reason from aggregate_obstacle`.execute(keeper.database.kysely)
    expect(rows).toEqual([{ reason: `Block ${bad.cid} cannot be read: in shard ${bad.shard} its bytes are damaged.` }])
    expect(await packAll(keeper)).toHaveLength((await keeper.rows()).length)
    expect(await keeper.packingOf(bad.cid)).toBe('aside')
    await keeper.storeFile('damaged')
    await packAll(keeper)
    expect(await dealsOf(bad.cid)).toHaveLength(1)
    expect((await sql`select from aggregate_obstacle`.execute(keeper.database.kysely)).rows).toEqual([])
  })

  it('is found also after it was packed: the aggregate fails, and is whole again when the shard is', async () => {
    const { cid, shard } = await keeper.storeFile('damaged later')
    await packAll(keeper)
    const [entry] = await everyAggregate(cid)
    const [before] = await keeper.rows(sql`id = ${entry!.id}`)
    await damage(keeper, shard)
    await expect(keeper.validate(entry!.id, {}, { again: true })).rejects.toThrow(/hash/)
    await keeper.fail(entry!.id, new Error('as it was told'))
    expect(await dealsOf(cid)).toEqual([])
    // Nothing may be taken out of what has been built: the piece must stay the same.
    await keeper.retry(entry!.id)
    await expect(keeper.build(entry!.id)).rejects.toThrow(/cannot be read/)
    await keeper.storeFile('damaged later')
    await keeper.build(entry!.id)
    await keeper.validate(entry!.id)
    const [after] = await keeper.rows(sql`id = ${entry!.id}`)
    expect(after).toMatchObject({ state: 'built', pieceRoot: before!.pieceRoot })
  })

  it('says which shard is gone when a recipe needs it', async () => {
    const { cid, shard } = await keeper.storeFile('gone')
    await packAll(keeper)
    const [entry] = await everyAggregate(cid)
    await truncate(pathOf(keeper, shard))
    await expect(keeper.validate(entry!.id, {}, { again: true })).rejects.toThrow(`gone or too short: ${shard}`)
    await keeper.storeFile('gone')
  })
})

describe('a DAG that is split over several aggregates', () => {
  it('with a block that cannot be read fails each of them visibly, also those that do not hold the block', async () => {
    const files = await Promise.all(['a', 'b', 'c'].map((name) => fileBlocks(bytesOf(`split ${name}`, 700_000))))
    const entries = files.map(({ root, blocks }, index) => ({ name: `${index}`, cid: root, dagBytes: sizeOf(blocks) }))
    const blocks = files.flatMap((file) => file.blocks)
    let root = blocks[0]!.cid
    for await (const block of packDirectory(entries)) {
      blocks.push(block)
      root = block.cid
    }
    const { shard } = await keeper.storeCar(carOf(root, blocks))
    await packAll(keeper)
    const [first, ...others] = await everyAggregate(root)
    expect(others.length).toBeGreaterThan(0)
    const lastNode = Buffer.from(files[2]!.blocks.at(-1)!.bytes)
    const inFirst = (await keeper.bytesOf((await keeper.rows(sql`id = ${first!.id}`))[0]!)).includes(lastNode)
    expect(inFirst).toBe(false)
    await damage(keeper, shard, (await readFile(pathOf(keeper, shard))).indexOf(lastNode) + 20)
    const failure = await keeper.validate(first!.id, {}, { again: true }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BadAggregateError)
    expect(failure).toMatchObject({ message: expect.stringContaining('its bytes are damaged') })
    await keeper.storeCar(carOf(root, blocks))
    expect(await keeper.validate(first!.id, {}, { again: true })).toBe(true)
  })
})

describe('an item that is deleted', () => {
  it('before its aggregate is closed is not packed, and comes back when it is stored again', async () => {
    const { cid } = await keeper.storeFile('deleted early')
    await keeper.plan({ forceMs: 60_000 })
    await keeper.remove(cid)
    await packAll(keeper)
    expect(await everyAggregate(cid)).toEqual([])
    expect(await keeper.packingOf(cid)).toBe('aside')
    await keeper.storeFile('deleted early')
    await packAll(keeper)
    expect(await dealsOf(cid)).toHaveLength(1)
  })

  it('while it is being packed stays in the aggregate, and its shard is kept for that', async () => {
    const { cid, shard } = await keeper.storeFile('deleted late')
    const other = await keeper.storeFile('stays with it')
    const aggregate = await closeOne()
    await keeper.remove(cid)
    await collect()
    await keeper.build(aggregate.id)
    await collect()
    await keeper.validate(aggregate.id)
    await collect()
    expect(await keeper.blobs.sizeOf(shard.toString())).toBeGreaterThan(0)
    const [row] = await keeper.rows(sql`id = ${aggregate.id}`)
    expect(row).toMatchObject({ state: 'built', items: 2 })
    expect((await keeper.bytesOf(row!)).includes('deleted late')).toBe(true)
    // Stored again, it is in there already.
    await keeper.storeFile('deleted late')
    await packAll(keeper)
    expect(await everyAggregate(cid)).toEqual([{ id: aggregate.id, state: 'built' }])
    expect([await dealsOf(cid), await dealsOf(other.cid)]).toEqual([[expect.anything()], [expect.anything()]])
  })

  it('with everything else of its aggregate sets the shards free', async () => {
    const { cid, shard } = await keeper.storeFile('the last of its kind')
    await packAll(keeper)
    const [entry] = await everyAggregate(cid)
    await keeper.remove(cid)
    await collect()
    expect(await keeper.blobs.sizeOf(shard.toString())).toBeGreaterThan(0)
    await keeper.plan()
    expect(await keeper.rows(sql`id = ${entry!.id}`)).toEqual([])
    await collect()
    expect(await keeper.blobs.sizeOf(shard.toString())).toBeUndefined()
  })
})

describe('two workers', () => {
  it('that do everything at once pack each upload once', async () => {
    const stored: { cid: CID }[] = []
    for (let index = 0; index < 60; index++) stored.push(await keeper.storeFile(bytesOf(`two workers ${index}`, 30_000)))
    await Promise.all([keeper.plan(), keeper.plan(), keeper.plan({ ...atOnce })])
    const building = await keeper.rows(sql`state = 'building'`)
    await Promise.all(building.flatMap(({ id }) => [keeper.build(id), keeper.build(id)]))
    await Promise.all(building.flatMap(({ id }) => [keeper.validate(id), keeper.validate(id)]))
    for (const { cid } of stored) expect(await everyAggregate(cid)).toEqual([{ id: expect.any(Number), state: 'built' }])
  })
})

describe('an aggregate that was just built', () => {
  it('is validated also where that is begun before building lets go of it', async () => {
    const { cid } = await keeper.storeFile('validated at once')
    const { id } = await closeOne()
    await keeper.build(id)
    const taken = Promise.withResolvers<void>()
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
    const building = withAggregateLock(keeper.database, id, async () => {
      taken.resolve()
      await held
    })
    await taken.promise
    const validating = keeper.validate(id)
    setTimeout(letGo, 200)
    await Promise.all([building, validating])
    expect(await everyAggregate(cid)).toEqual([{ id, state: 'built' }])
  })
})

describe('the layout of segments', () => {
  it('has a CAR for each item, found by the index, validated and the same each time', async () => {
    const files = [await fileBlocks(bytesOf('segment a', 700_000)), await fileBlocks(Buffer.from('segment b'))]
    for (const { root, blocks } of files) await keeper.storeCar(carOf(root, blocks as Block[]))
    const rules = { layout: 'segments', targetBytes: 4_000_000 } as const
    await packAll(keeper, rules)
    const [entry] = await everyAggregate(files[0]!.root)
    const [row] = await keeper.rows(sql`id = ${entry!.id}`)
    expect(row).toMatchObject({ state: 'built', items: 2, root: null })
    expect(await dealsOf(files[1]!.root)).toEqual([
      { status: 'queued', lastChanged: expect.any(String), pieceCid: expect.any(String) },
    ])
    const before = await keeper.bytesOf(row!)
    await sql`update aggregate set state = 'building' where id = ${row!.id}`.execute(keeper.database.kysely)
    await keeper.build(row!.id)
    expect((await keeper.bytesOf(row!)).equals(before)).toBe(true)
    await keeper.validate(row!.id)
  })
})
