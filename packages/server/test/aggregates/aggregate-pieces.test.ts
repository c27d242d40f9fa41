import { aggregatePieces } from '@keepsake/server/aggregates/aggregate-pieces.ts'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { collect } from '../blobs/contract.ts'
import type { Keeper } from './keeper.ts'
import { openKeeper, packAll } from './keeper.ts'
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

it('does not give an aggregate out that is being checked again', async () => {
  const [row] = await keeper.rows()
  await sql`update aggregate set state = 'validating' where id = ${row!.id}`.execute(keeper.database.kysely)
  expect(await aggregatePieces(keeper).findByRoot(row!.pieceRoot!)).toBeUndefined()
})
