import { SLAB_DATA_BYTES } from '@keepsake/content/piece/slab.ts'
import { describe, expect, test } from 'vitest'
import { commPOfStream } from '../src/commp-of-stream.ts'
import { BATCH_DATA_BYTES } from '../src/slab-messages.ts'
import { everything, expected } from './known-pieces.ts'

const MiB = 1024 * 1024

/** Bytes that do not repeat, in chunks that have nothing to do with slabs. */
async function* bytesOf(length: number, chunkBytes = 1_000_003): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += chunkBytes) yield chunkAt(at, Math.min(chunkBytes, length - at))
}

function chunkAt(from: number, length: number): Uint8Array {
  return everything.subarray(from, from + length)
}

describe('the piece of a stream', () => {
  test.each([
    0,
    1,
    64,
    65,
    SLAB_DATA_BYTES,
    SLAB_DATA_BYTES + 1,
    BATCH_DATA_BYTES,
    2 * BATCH_DATA_BYTES,
    2 * BATCH_DATA_BYTES + 1,
    5 * BATCH_DATA_BYTES - 1,
    12 * BATCH_DATA_BYTES + SLAB_DATA_BYTES + 77,
  ])('of %i bytes is the same on threads, on this thread, and by the portable code', async (length) => {
    const known = expected(length, 11)
    expect(await commPOfStream(bytesOf(length), { keepLevel: 11, threads: 2 })).toEqual(known)
    expect(await commPOfStream(bytesOf(length), { keepLevel: 11, threads: 0 })).toEqual(known)
    expect(await commPOfStream(bytesOf(length), {})).toEqual({ piece: known.piece, level: undefined })
  })

  test('does not care how the stream is cut, empty chunks included', async () => {
    async function* unevenly() {
      let at = 0
      for (const length of [0, 1, 5, 0, 3 * MiB, 17, 4 * MiB, 0]) {
        yield chunkAt(at, length)
        at += length
      }
    }
    expect((await commPOfStream(unevenly(), { threads: 2 })).piece).toEqual(expected(7 * MiB + 23, 13).piece)
  })

  test('tells how far it is, up to the end', async () => {
    const seen: number[] = []
    await commPOfStream(bytesOf(9 * MiB), { threads: 1, onProgress: (bytes) => seen.push(bytes) })
    expect(seen.at(-1)).toBe(9 * MiB)
    expect(seen.length).toBeGreaterThan(3)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })

  test('ends when it is aborted, and lets go of the stream', async () => {
    let closed = false
    const controller = new AbortController()
    async function* endless() {
      try {
        for (let at = 0; ; at += MiB) {
          if (at === 20 * MiB) controller.abort(new Error('enough'))
          yield chunkAt(0, MiB)
        }
      } finally {
        closed = true
      }
    }
    await expect(commPOfStream(endless(), { threads: 2, signal: controller.signal })).rejects.toThrow('enough')
    expect(closed).toBe(true)
    await expect(commPOfStream(endless(), { signal: AbortSignal.abort(new Error('never begun')) })).rejects.toThrow('never begun')
  })

  test('fails as its stream fails, early and late', async () => {
    async function* failing(after: number) {
      yield* bytesOf(after)
      throw new Error('the disk is gone')
    }
    for (const after of [0, 1000, 9 * MiB])
      await expect(commPOfStream(failing(after), { threads: 2 })).rejects.toThrow('the disk is gone')
  })

  test.each([1, 14])('keeps no level %i', async (keepLevel) => {
    await expect(commPOfStream(bytesOf(10), { keepLevel })).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })
})
