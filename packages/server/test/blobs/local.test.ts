import { execFile } from 'node:child_process'
import { mkdir, readdir, readlink, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openBlobs } from '@keepsake/server/blobs/open.ts'
import { expect, it } from 'vitest'
import { contentOf } from './content-of.ts'
import { blobStoreContract, collect, keysOf, put } from './contract.ts'
import { scratchDirectory } from './scratch-directory.ts'

blobStoreContract('a local directory', async () => {
  const directory = await scratchDirectory()
  return {
    store: await openBlobs({ kind: 'local', directory: join(directory.path, 'made', 'here') }),
    scratchDirectory: join(directory.path, 'made', 'here', '.staging'),
    end: async () => await directory[Symbol.asyncDispose](),
  }
})

it('files a blob under the two characters before the last of its key', async () => {
  await using directory = await scratchDirectory()
  const store = await openBlobs({ kind: 'local', directory: directory.path })
  for (const key of ['bagbaierabc', 'xy', 'z']) await put(store, key, Buffer.from(key))
  await store.close()
  const files = await readdir(directory.path, { recursive: true })
  expect(files.filter((file) => file.endsWith('.car')).sort()).toEqual(['__/z.car', '_x/xy.car', 'ab/bagbaierabc.car'])
  expect(await readdir(join(directory.path, '.staging'))).toEqual([])
})

it('passes over files that are no blobs', async () => {
  await using directory = await scratchDirectory()
  const store = await openBlobs({ kind: 'local', directory: directory.path })
  await put(store, 'abc', Buffer.from('abc'))
  await writeFile(join(directory.path, 'lost+found'), '')
  await writeFile(join(directory.path, 'ab', 'README.car.bak'), '')
  await writeFile(join(directory.path, 'ab', 'NOT.car'), '')
  await mkdir(join(directory.path, 'ab', 'folder.car'))
  expect(await keysOf(store)).toEqual(['abc'])
  await store.close()
})

it('replaces a damaged blob when it is committed again, also for those who have it open', async () => {
  await using directory = await scratchDirectory()
  const store = await openBlobs({ kind: 'local', directory: directory.path })
  await put(store, 'abc', Buffer.from('right'))
  await writeFile(join(directory.path, 'ab', 'abc.car'), 'wrong')
  expect(Buffer.from(await store.read('abc', 0, 5)).toString()).toBe('wrong')
  await put(store, 'abc', Buffer.from('right'))
  expect(Buffer.from(await store.read('abc', 0, 5)).toString()).toBe('right')
  await store.close()
})

it('reads more blobs at once than it keeps open, and closes what it opened', async () => {
  await using directory = await scratchDirectory()
  const store = await openBlobs({ kind: 'local', directory: directory.path })
  const keys = Array.from({ length: 600 }, (_, i) => `key${i}`)
  await Promise.all(keys.map((key) => put(store, key, contentOf(key, 100))))
  for (let round = 0; round < 3; round++) {
    const reads = await Promise.all(keys.map((key) => store.read(key, 0, 100)))
    expect(reads.every((read, i) => contentOf(keys[i]!, 100).equals(read))).toBe(true)
  }
  await store.close()
  if (process.platform === 'linux') {
    const open = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
    expect(open.filter((path) => path.startsWith(directory.path))).toEqual([])
  }
})

it('ends a stream with an error when its file is shorter than it was', async () => {
  await using directory = await scratchDirectory()
  const store = await openBlobs({ kind: 'local', directory: directory.path })
  await put(store, 'abc', contentOf('abc', 5_000_000))
  const reading = async () => {
    for await (const _ of store.stream('abc')) await truncate(join(directory.path, 'ab', 'abc.car'), 2_500_000)
  }
  await expect(reading()).rejects.toThrow(expect.objectContaining({ name: 'BlobRangeError' }))
  await store.close()
})

it('removes scratch files of processes that nobody has heard of for long, and no others', async () => {
  await using directory = await scratchDirectory()
  const staging = join(directory.path, '.staging')
  const elsewhere = ['otherhost-12-345-silent', 'otherhost-12-345-lively']
  for (const name of elsewhere) await mkdir(join(staging, name), { recursive: true })
  await writeFile(join(staging, elsewhere[0]!, '1'), 'left behind')
  const longAgo = new Date(Date.now() - 3_600_000)
  await utimes(join(staging, elsewhere[0]!), longAgo, longAgo)
  const first = await openBlobs({ kind: 'local', directory: directory.path })
  await using staged = await first.stage()
  await staged.write(Buffer.from('of this process'))
  const second = await openBlobs({ kind: 'local', directory: directory.path })
  const left = await readdir(staging)
  expect(left).toContain(elsewhere[1])
  expect(left).not.toContain(elsewhere[0])
  expect(left).toHaveLength(3)
  await staged.commit('abc')
  expect((await collect(second.stream('abc'))).toString()).toBe('of this process')
  await first.close()
  await second.close()
  expect((await stat(join(directory.path, 'ab', 'abc.car'))).size).toBe(15)
})

it('says why it could not read one of many blobs, and reads others after', async () => {
  await using directory = await scratchDirectory()
  const store = await openBlobs({ kind: 'local', directory: directory.path })
  await put(store, 'good', Buffer.from('good'))
  await mkdir(join(directory.path, 'oo', 'rooom.car'), { recursive: true })
  const good = { key: 'good', offset: 0, length: 4 }
  await expect(store.readMany([good, { key: 'rooom', offset: 0, length: 1 }])).rejects.toMatchObject({ code: 'EISDIR' })
  const asked = Array.from({ length: 20 }, () => store.readMany([good, good]))
  for (const bytes of await Promise.all(asked)) expect(Buffer.from(bytes).toString()).toBe('goodgood')
  await store.close()
})

it('reads many blobs also where nothing else keeps the process from ending, and then lets it end', async () => {
  await using directory = await scratchDirectory()
  const store = await openBlobs({ kind: 'local', directory: directory.path })
  await put(store, 'good', Buffer.from('good'))
  await store.close()
  const script = `
    const { openBlobs } = await import(${JSON.stringify(import.meta.resolve('@keepsake/server/blobs/open.ts'))})
    const store = await openBlobs({ kind: 'local', directory: process.argv[2] })
    const place = { key: 'good', offset: 0, length: 4 }
    process.stdout.write(Buffer.from(await store.readMany([place, place])))`
  const file = join(directory.path, 'reads.mjs')
  await writeFile(file, script)
  const { stdout } = await promisify(execFile)(process.execPath, [file, directory.path])
  expect(stdout).toBe('goodgood')
})
