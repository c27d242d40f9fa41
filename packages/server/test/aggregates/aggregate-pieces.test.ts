import { aggregatePieces } from '@keepsake/server/aggregates/aggregate-pieces.ts'
import { SUMMED_BYTES } from '@keepsake/server/aggregates/sums.ts'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { collect } from '../blobs/contract.ts'
import type { Keeper } from './keeper.ts'
import { damage, openKeeper, packAll } from './keeper.ts'
import { bytesOf } from './keeper-bytes.ts'

let keeper: Keeper
beforeAll(async () => {
  keeper = await openKeeper()
})
afterAll(() => keeper?.close())

it('finds a validated aggregate by the root of its piece, and gives its bytes from anywhere', async () => {
  await keeper.storeFile(bytesOf('one', 700_000))
  await keeper.storeFile('two')
  const [row] = await packAll(keeper)
  const pieces = aggregatePieces(keeper)
  const found = (await pieces.findByRoot(row!.pieceRoot!))!
  expect(found).toMatchObject({ format: 'car', piece: { payloadBytes: row!.sizeBytes } })
  const bytes = await keeper.bytesOf(row!)
  for (const [offset, length] of [
    [0, bytes.length],
    [1, 100],
    [300_000, 400_000],
    [bytes.length - 1, 1],
    [5, 0],
  ] as const)
    expect((await collect(found.stream(offset, length))).equals(bytes.subarray(offset, offset + length))).toBe(true)
  expect(await pieces.findByRoot(new Uint8Array(32))).toBeUndefined()
})

it('gives the same bytes to ranges that follow each other, and other ones once the recipe is another', async () => {
  await keeper.storeFile('seen before')
  const row = (await packAll(keeper)).at(-1)!
  const pieces = aggregatePieces(keeper)
  const bytes = await keeper.bytesOf(row)
  const read = async (from: number) => {
    const found = (await pieces.findByRoot(row.pieceRoot!))!
    return await collect(found.stream(from, bytes.length - from))
  }
  for (const from of [0, 0, 5, bytes.length - 1, 3]) expect((await read(from)).equals(bytes.subarray(from))).toBe(true)
  await sql`delete from aggregate_recipe where aggregate_id = ${row.id}`.execute(keeper.database.kysely)
  // Rows that were read are good for as long as nothing was done to the aggregate.
  expect((await read(1)).equals(bytes.subarray(1))).toBe(true)
  await sql`update aggregate set changed_at = clock_timestamp() where id = ${row.id}`.execute(keeper.database.kysely)
  await expect(read(1)).rejects.toThrow('ends before its bytes do')
})

it('gives no byte of a shard that was damaged since, and all the others', async () => {
  await keeper.storeFile(bytesOf('in front', 600_000))
  const { shard } = await keeper.storeFile(bytesOf('damaged later', 400_000))
  await keeper.storeFile(bytesOf('behind', 700_000))
  const row = (await packAll(keeper, { targetBytes: 4_000_000 })).at(-1)!
  const found = (await aggregatePieces(keeper).findByRoot(row.pieceRoot!))!
  const bytes = await keeper.bytesOf(row)
  await damage(keeper, shard)
  const at = (await keeper.bytesOf(row)).findIndex((byte, index) => byte !== bytes[index])
  const summedAt = Math.floor(at / SUMMED_BYTES) * SUMMED_BYTES
  expect(at).toBeGreaterThan(0)
  const read = (offset: number, length: number) => collect(found.stream(offset, length))
  const isDamaged = {
    code: 'ERROR_CONTENT_DAMAGED',
    message: expect.stringContaining(`A shard of aggregate ${row.id} is damaged, at byte ${summedAt}`),
  }
  await expect(read(0, bytes.length)).rejects.toMatchObject(isDamaged)
  await expect(read(at, 1)).rejects.toMatchObject(isDamaged)
  const refused: number[] = []
  for (let offset = 0; offset < bytes.length; offset += SUMMED_BYTES) {
    const length = Math.min(SUMMED_BYTES, bytes.length - offset)
    const given = await read(offset, length).catch(() => undefined)
    if (given) expect(given.equals(bytes.subarray(offset, offset + length))).toBe(true)
    else refused.push(offset)
  }
  expect(refused).toEqual([summedAt])
  let came = Buffer.alloc(0)
  const reading = (async () => {
    for await (const chunk of found.stream(7, bytes.length - 7)) came = Buffer.concat([came, chunk])
  })()
  await expect(reading).rejects.toMatchObject(isDamaged)
  // What came before the damage was right, whether it was given or not.
  expect(came.equals(bytes.subarray(7, 7 + came.length))).toBe(true)
  expect(came.length).toBeLessThanOrEqual(summedAt - 7)
  await damage(keeper, shard)
  expect((await read(0, bytes.length)).equals(bytes)).toBe(true)
})

it('gives ranges of every kind out as they are, compared or not', async () => {
  const row = (await keeper.rows()).at(-1)!
  const bytes = await keeper.bytesOf(row)
  const ranges = [
    [0, 1],
    [bytes.length - 1, 1],
    [SUMMED_BYTES - 1, 2],
    [SUMMED_BYTES, SUMMED_BYTES],
    [1_000_000, 600_000],
    [3, bytes.length - 3],
    [17, 0],
  ] as const
  const check = async () => {
    const found = (await aggregatePieces(keeper).findByRoot(row.pieceRoot!))!
    for (const [offset, length] of ranges)
      expect((await collect(found.stream(offset, length))).equals(bytes.subarray(offset, offset + length))).toBe(true)
  }
  await check()
  // As an older version left it.
  await sql`update aggregate_tree set sums = null where aggregate_id = ${row.id}`.execute(keeper.database.kysely)
  await check()
  await keeper.validate(row.id, {}, { again: true })
  await check()
})

it('does not give an aggregate out that is being checked again', async () => {
  const [row] = await keeper.rows()
  await sql`update aggregate set state = 'validating' where id = ${row!.id}`.execute(keeper.database.kysely)
  expect(await aggregatePieces(keeper).findByRoot(row!.pieceRoot!)).toBeUndefined()
})
