import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openFiles } from '@keepsake/server/blobs/open-files.ts'
import { expect, it } from 'vitest'
import { scratchDirectory } from './scratch-directory.ts'

async function threeFiles() {
  const directory = await scratchDirectory()
  const paths = ['a', 'b', 'c'].map((name) => join(directory.path, name)) as [string, string, string]
  for (const path of paths) await writeFile(path, path)
  return { paths, [Symbol.asyncDispose]: async () => await directory[Symbol.asyncDispose]() }
}

it('does not close a file under a reader, whatever happens to its place meanwhile', async () => {
  await using files = await threeFiles()
  const [a, b, c] = files.paths
  const open = openFiles({ maxIdle: 1, maxAgeMs: 1000 })
  await open.use(a, async (handle) => {
    await open.use(b, async () => {})
    await open.use(c, async () => {})
    open.forget(a)
    await rm(a)
    await open.close()
    expect((await handle.readFile()).toString()).toBe(a)
  })
})

it('shares one handle among users at the same time, and closes the least recently used beyond its number', async () => {
  await using files = await threeFiles()
  const [a, b, c] = files.paths
  const open = openFiles({ maxIdle: 2, maxAgeMs: 60_000 })
  const handleOf = (path: string) => open.use(path, async (handle) => handle)
  const [first, second] = await Promise.all([handleOf(a), handleOf(a)])
  expect(second).toBe(first)
  const eldest = await handleOf(b)
  expect(await handleOf(a)).toBe(first)
  await handleOf(c)
  expect(await handleOf(a)).toBe(first)
  expect(await handleOf(b)).not.toBe(eldest)
  await sleep(20)
  expect(eldest.fd).toBe(-1)
  await open.close()
  expect(first.fd).toBe(-1)
})

it('notices within its time that another process deleted a file, and keeps no space of it', async () => {
  await using files = await threeFiles()
  const [a] = files.paths
  const open = openFiles({ maxIdle: 2, maxAgeMs: 50 })
  const handle = await open.use(a, async (opened) => opened)
  await rm(a)
  await sleep(150)
  expect(handle.fd).toBe(-1)
  await expect(open.use(a, async () => {})).rejects.toThrow(expect.objectContaining({ code: 'ENOENT' }))
  await writeFile(a, 'back')
  expect(await open.use(a, async (opened) => (await opened.readFile()).toString())).toBe('back')
  await open.close()
})
