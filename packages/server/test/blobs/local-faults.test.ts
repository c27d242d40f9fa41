import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { openLocalBlobs } from '@keepsake/server/blobs/local.ts'
import { afterAll, describe, expect, it } from 'vitest'
import { contentOf, sizeOfName } from './content-of.ts'
import { all, collect, put } from './contract.ts'
import { scratchDirectory } from './scratch-directory.ts'

const run = promisify(execFile)

function startWriter(directory: string, prefix: string, ...mode: string[]): ChildProcess {
  const script = join(import.meta.dirname, 'writer-process.ts')
  return spawn(process.execPath, [script, directory, prefix, ...mode], { stdio: ['pipe', 'pipe', 'inherit'] })
}

describe('a process killed while it writes', () => {
  it('leaves every acknowledged blob whole, no blob in part, and scratch files that the next process removes', async () => {
    await using directory = await scratchDirectory()
    const acknowledged: string[] = []
    let sawScratch = 0
    for (let round = 0; round < 6; round++) {
      const writer = startWriter(directory.path, `r${round}`)
      const lines = createInterface({ input: writer.stdout! })
      const first = once(lines, 'line')
      lines.on('line', (line) => acknowledged.push(line))
      await first
      await sleep(20 + Math.random() * 150)
      const exited = once(writer, 'close')
      writer.kill('SIGKILL')
      await exited
      const staging = join(directory.path, '.staging')
      const scratch = await readdir(staging, { recursive: true })
      sawScratch += scratch.length

      const store = await openLocalBlobs({ directory: directory.path })
      expect(await readdir(staging)).toHaveLength(1)
      const listed = await all(store.list())
      for (const { key } of listed) {
        const bytes = await collect(store.stream(key))
        expect(bytes.equals(contentOf(key, sizeOfName(key))), `${key} is whole`).toBe(true)
      }
      const keys = new Set(listed.map(({ key }) => key))
      expect(acknowledged.filter((key) => !keys.has(key))).toEqual([])
      await store.close()
      expect(await readdir(staging)).toEqual([])
    }
    expect(acknowledged.length).toBeGreaterThan(50)
    expect(sawScratch).toBeGreaterThan(0)
  }, 60_000)

  it('does not cost another process that shares the directory its scratch files', async () => {
    await using directory = await scratchDirectory()
    const holder = startWriter(directory.path, 'h', 'hold')
    const exited = once(holder, 'exit')
    await once(createInterface({ input: holder.stdout! }), 'line')
    const store = await openLocalBlobs({ directory: directory.path })
    holder.stdin!.end()
    expect((await exited)[0]).toBe(0)
    expect((await collect(store.stream('hheld'))).toString()).toBe('held')
    await store.close()
  })
})

/** A file system of its own in memory; undefined where this process may not mount one. */
async function mountSmallDisk(sizeMiB: number) {
  const directory = await scratchDirectory()
  const path = join(directory.path, 'disk')
  await mkdir(path)
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', path])
  } catch {
    await directory[Symbol.asyncDispose]()
    return undefined
  }
  const end = async () => {
    // Lazily: a test that failed may still have files open on it.
    await run('umount', ['-l', path])
    await directory[Symbol.asyncDispose]()
  }
  return { path, end, remount: (mode: 'ro' | 'rw') => run('mount', ['-o', `remount,${mode}`, path]) }
}

const disk = await mountSmallDisk(8)
if (!disk) console.warn('skipped: a full and a read-only disk (needs the right to mount a tmpfs)')

describe.skipIf(!disk)('a small disk', () => {
  afterAll(() => disk?.end())

  it('that is full says so to the writer and to the health check, keeps nothing of it, and goes on when there is room', async () => {
    const store = await openLocalBlobs({ directory: join(disk!.path, 'blobs') })
    await put(store, 'before', contentOf('before', 1_000_000))
    const noSpace = expect.objectContaining({ code: 'ENOSPC' })
    {
      await using blob = await store.stage()
      const writing = async () => {
        for (let i = 0; i < 16; i++) await blob.write(contentOf('big', 1024 * 1024))
        await blob.sync()
      }
      await expect(writing()).rejects.toThrow(noSpace)
      await expect(blob.write(Buffer.from('more'))).rejects.toThrow(noSpace)
      await expect(blob.sync()).rejects.toThrow(noSpace)
      await expect(blob.commit('big')).rejects.toThrow(noSpace)
    }
    expect(await store.sizeOf('big')).toBeUndefined()
    expect((await readdir(join(disk!.path, 'blobs', '.staging'), { recursive: true })).length).toBe(1)

    const filler = join(disk!.path, 'filler')
    const { bavail, bsize } = await statfs(disk!.path)
    await writeFile(filler, Buffer.alloc(bavail * bsize))
    await expect(store.check()).rejects.toThrow(/Blobs cannot be kept in .*ENOSPC/)
    await expect(put(store, 'small', Buffer.from('small'))).rejects.toThrow(noSpace)
    await rm(filler)

    await store.check()
    await put(store, 'after', contentOf('after', 1_000_000))
    expect((await collect(store.stream('before'))).equals(contentOf('before', 1_000_000))).toBe(true)
    await store.close()
  })

  it('that became read-only fails its health check with the cause and still reads', async () => {
    const store = await openLocalBlobs({ directory: join(disk!.path, 'readonly') })
    await put(store, 'abc', Buffer.from('abc'))
    const blob = await store.stage()
    await blob.discard()
    await disk!.remount('ro')
    try {
      await expect(store.check()).rejects.toThrow(/Blobs cannot be kept in .*EROFS/)
      await expect(store.stage()).rejects.toThrow(expect.objectContaining({ code: 'EROFS' }))
      expect(Buffer.from(await store.read('abc', 0, 3)).toString()).toBe('abc')
    } finally {
      await disk!.remount('rw')
    }
    await store.check()
    await store.close()
  })
})
