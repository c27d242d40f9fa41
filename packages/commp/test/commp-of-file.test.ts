import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SLAB_DATA_BYTES } from '@keepsake/content/piece/slab.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commPOfFile } from '../src/commp-of-file.ts'
import { FILE_CHANGED } from '../src/file-changed.ts'
import { BATCH_DATA_BYTES } from '../src/slab-messages.ts'
import { everything, expected } from './known-pieces.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keepsake-commp-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function fileOf(length: number): Promise<string> {
  const path = join(folder, String(length))
  await writeFile(path, everything.subarray(0, length))
  return path
}

describe('the piece of a file', () => {
  test.each([
    0,
    1,
    SLAB_DATA_BYTES,
    2 * BATCH_DATA_BYTES,
    2 * BATCH_DATA_BYTES + 1,
    5 * BATCH_DATA_BYTES - 1,
    8 * BATCH_DATA_BYTES + SLAB_DATA_BYTES + 77,
  ])('of %i bytes is that of its bytes, on one thread and on several', async (length) => {
    const path = await fileOf(length)
    const known = expected(length, 11)
    expect(await commPOfFile(path, { keepLevel: 11, threads: 1 })).toEqual(known)
    expect(await commPOfFile(path, { keepLevel: 11, threads: 3 })).toEqual(known)
    expect(await commPOfFile(path)).toEqual({ piece: known.piece, level: undefined })
  })

  test('tells how far it is, up to the end', async () => {
    const length = 7 * BATCH_DATA_BYTES + 5
    const seen: number[] = []
    await commPOfFile(await fileOf(length), { threads: 2, onProgress: (bytes) => seen.push(bytes) })
    expect(seen).toEqual(Array.from({ length: 8 }, (_, index) => Math.min(length, (index + 1) * BATCH_DATA_BYTES)))
  })

  test('ends when it is aborted', async () => {
    const controller = new AbortController()
    const path = await fileOf(9 * BATCH_DATA_BYTES)
    const onProgress = () => controller.abort(new Error('enough'))
    await expect(commPOfFile(path, { threads: 2, signal: controller.signal, onProgress })).rejects.toThrow('enough')
    await expect(commPOfFile(path, { signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow('at once')
  })

  test('is not told of a file that is cut short or grows meanwhile', async () => {
    const path = await fileOf(9 * BATCH_DATA_BYTES - 3)
    const cut = (bytes: number) => {
      let done = false
      return () => {
        if (!done) void truncate(path, bytes)
        done = true
      }
    }
    await expect(commPOfFile(path, { threads: 1, onProgress: cut(10) })).rejects.toMatchObject({ code: FILE_CHANGED })
    await writeFile(path, everything)
    await expect(commPOfFile(path, { threads: 1, onProgress: cut(everything.length + 1) })).rejects.toMatchObject({
      code: FILE_CHANGED,
    })
  })

  test('fails as the file system does', async () => {
    await expect(commPOfFile(join(folder, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(commPOfFile(folder)).rejects.toThrow(/EISDIR|directory|changed/)
  })
})
