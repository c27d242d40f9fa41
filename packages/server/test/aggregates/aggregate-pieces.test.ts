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

it('does not give an aggregate out that is being checked again', async () => {
  const [row] = await keeper.rows()
  await sql`update aggregate set state = 'validating' where id = ${row!.id}`.execute(keeper.database.kysely)
  expect(await aggregatePieces(keeper).findByRoot(row!.pieceRoot!)).toBeUndefined()
})
