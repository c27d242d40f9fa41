import { partBytes, type Recipe, type RecipePart } from '@keepsake/content/aggregate/recipe.ts'
import { carCid } from '@keepsake/content/car/encode.ts'
import {
  type PlacedParts,
  type RecipeSource,
  recipeInMemory,
  recipeReader,
  type ShardReads,
} from '@keepsake/server/aggregates/recipe-reader.ts'
import type { BlobStore } from '@keepsake/server/blobs/blobs.ts'
import { openLocalBlobs } from '@keepsake/server/blobs/local.ts'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf } from '../blobs/content-of.ts'
import { collect, put } from '../blobs/contract.ts'
import { scratchDirectory } from '../blobs/scratch-directory.ts'

const MiB = 1024 * 1024

let scratch: Awaited<ReturnType<typeof scratchDirectory>>
let blobs: BlobStore
beforeAll(async () => {
  scratch = await scratchDirectory()
  blobs = await openLocalBlobs({ directory: scratch.path })
})
afterAll(async () => {
  await blobs?.close()
  await scratch?.[Symbol.asyncDispose]()
})

async function shardOf(name: string, sizeBytes: number): Promise<{ cid: CID; bytes: Buffer }> {
  const bytes = contentOf(name, sizeBytes)
  const cid = carCid(contentOf(`digest of ${name}`, 32))
  await put(blobs, String(cid), bytes)
  return { cid, bytes }
}

/** A recipe of all kinds of parts, and the bytes it stands for. */
async function sample(): Promise<{ recipe: Recipe; bytes: Buffer }> {
  const [small, large] = [await shardOf('small', 5000), await shardOf('large', 3 * MiB + 17)]
  const parts: RecipePart[] = [
    { kind: 'bytes', bytes: contentOf('header', 59) },
    { kind: 'shard', shard: small.cid, offset: 100, length: 1 },
    { kind: 'zeros', length: 300 },
    { kind: 'shard', shard: large.cid, offset: 5, length: 3 * MiB },
    { kind: 'bytes', bytes: contentOf('middle', 2 * MiB) },
    { kind: 'zeros', length: 2 * MiB + 1 },
    { kind: 'shard', shard: small.cid, offset: 0, length: 5000 },
  ]
  const bytes = Buffer.concat([
    contentOf('header', 59),
    small.bytes.subarray(100, 101),
    Buffer.alloc(300),
    large.bytes.subarray(5, 5 + 3 * MiB),
    contentOf('middle', 2 * MiB),
    Buffer.alloc(2 * MiB + 1),
    small.bytes,
  ])
  return { recipe: { layout: 'segments', sizeBytes: bytes.length, parts }, bytes }
}

/** Gives a recipe in rows of two parts, from the one that holds the offset, as a database does. */
function inRows(recipe: Recipe): RecipeSource {
  const rows: PlacedParts[] = []
  let offset = 0
  for (let at = 0; at < recipe.parts.length; at += 2) {
    const parts = recipe.parts.slice(at, at + 2)
    rows.push({ offset, parts })
    offset += parts.reduce((sum, part) => sum + partBytes(part), 0)
  }
  return {
    sizeBytes: recipe.sizeBytes,
    async *partsFrom(from) {
      yield* rows.slice(rows.findLastIndex((row) => row.offset <= from))
    },
  }
}

describe('a recipe', () => {
  test('is read whole, in chunks of no more than a mebibyte', async () => {
    const { recipe, bytes } = await sample()
    for (const source of [recipeInMemory(recipe), inRows(recipe)]) {
      const chunks: Uint8Array[] = []
      for await (const chunk of recipeReader(blobs, source).stream(0, bytes.length)) chunks.push(chunk)
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
      expect(Math.max(...chunks.map(({ length }) => length))).toBe(MiB)
    }
  })

  test('is read from anywhere to anywhere', async () => {
    const { recipe, bytes } = await sample()
    const edges = [0, 1]
    for (let at = 0, sum = 0; at < recipe.parts.length; at++) {
      sum += partBytes(recipe.parts[at]!)
      edges.push(sum - 1, sum, sum + 1)
    }
    const inside = edges.filter((edge) => edge <= bytes.length)
    for (const source of [recipeInMemory(recipe), inRows(recipe)]) {
      const reader = recipeReader(blobs, source)
      for (const from of inside) {
        for (const to of inside.filter((edge) => edge >= from)) {
          const read = await collect(reader.stream(from, to - from))
          expect(read.equals(bytes.subarray(from, to)), `${from} to ${to}`).toBe(true)
        }
      }
    }
  })

  test('has no bytes outside', async () => {
    const { recipe } = await sample()
    const reader = recipeReader(blobs, recipeInMemory(recipe))
    for (const [offset, length] of [
      [-1, 1],
      [0, recipe.sizeBytes + 1],
      [recipe.sizeBytes, 1],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      expect(() => reader.stream(offset, length)).toThrow(RangeError)
    }
  })

  test('whose shard is gone is damaged, and says which one it is', async () => {
    const { cid } = await shardOf('to be lost', 1000)
    const recipe: Recipe = {
      layout: 'segments',
      sizeBytes: 1000,
      parts: [{ kind: 'shard', shard: cid, offset: 0, length: 1000 }],
    }
    await blobs.delete(String(cid))
    await expect(collect(recipeReader(blobs, recipeInMemory(recipe)).stream(0, 1000))).rejects.toMatchObject({
      code: 'ERROR_CONTENT_DAMAGED',
      message: `A shard this aggregate is made of is gone or too short: ${cid}.`,
    })
  })

  test('whose shard is too short is damaged', async () => {
    const { cid } = await shardOf('short', 1000)
    const recipe: Recipe = {
      layout: 'segments',
      sizeBytes: 1001,
      parts: [{ kind: 'shard', shard: cid, offset: 0, length: 1001 }],
    }
    await expect(collect(recipeReader(blobs, recipeInMemory(recipe)).stream(0, 1001))).rejects.toMatchObject({
      code: 'ERROR_CONTENT_DAMAGED',
    })
  })

  test('that ends before its bytes do is damaged', async () => {
    const source = recipeInMemory({ layout: 'segments', sizeBytes: 100, parts: [{ kind: 'zeros', length: 99 }] })
    await expect(collect(recipeReader(blobs, source).stream(0, 100))).rejects.toMatchObject({ code: 'ERROR_CONTENT_DAMAGED' })
  })

  test('is not read on when the reader leaves, or aborts', async () => {
    const { cid } = await shardOf('left', MiB)
    let begun = 0
    const counting: ShardReads = {
      read: async (...args) => {
        begun += 1
        return await blobs.read(...args)
      },
      readMany: async (places, options) => {
        begun += places.length
        return await blobs.readMany(places, options)
      },
    }
    const repeated: Recipe = {
      layout: 'segments',
      sizeBytes: 100 * MiB,
      parts: Array.from({ length: 100 }, () => ({ kind: 'shard', shard: cid, offset: 0, length: MiB })),
    }
    const reader = recipeReader(counting, recipeInMemory(repeated))
    for await (const _ of reader.stream(0, repeated.sizeBytes)) break
    expect(begun).toBe(4)
    const controller = new AbortController()
    const reading = reader.stream(0, repeated.sizeBytes, { signal: controller.signal })
    await reading.next()
    controller.abort(new Error('enough'))
    await expect(collect(reading)).rejects.toThrow('enough')
  })
})
