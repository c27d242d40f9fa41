import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { directorySync } from '@keepsake/server/blobs/directory-sync.ts'
import { type OpenFiles, openFiles } from '@keepsake/server/blobs/open-files.ts'
import { expect, it } from 'vitest'
import { scratchDirectory } from './scratch-directory.ts'

/** Real fsyncs, made slow enough to be overtaken, with the moments at which they began. */
function slowFiles(files: OpenFiles, began: number[]): Pick<OpenFiles, 'use'> {
  return {
    use: (path, action) =>
      files.use(path, async (handle) => {
        began.push(performance.now())
        await sleep(20)
        return await action(handle)
      }),
  }
}

it('shares an fsync among those who wait, but never one that began before they asked', async () => {
  await using directory = await scratchDirectory()
  const files = openFiles({ maxIdle: 4, maxAgeMs: 1000 })
  const began: number[] = []
  const sync = directorySync(slowFiles(files, began))
  const covered: boolean[] = []
  await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      await sleep(i * 3)
      const asked = performance.now()
      await sync(directory.path)
      const ended = performance.now()
      covered.push(began.some((moment) => moment >= asked && moment < ended))
    }),
  )
  expect(covered).toEqual(Array(40).fill(true))
  expect(began.length).toBeLessThan(12)
  await files.close()
})

it('tells everyone who waited when an fsync fails, and tries anew for the next', async () => {
  await using directory = await scratchDirectory()
  const files = openFiles({ maxIdle: 4, maxAgeMs: 1000 })
  const sync = directorySync(files)
  const missing = `${directory.path}/missing`
  const outcomes = await Promise.allSettled([sync(missing), sync(missing), sync(missing)])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  await mkdir(missing)
  await sync(missing)
  await files.close()
})
