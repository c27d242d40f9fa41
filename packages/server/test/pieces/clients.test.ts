import { execFile } from 'node:child_process'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDownloads } from './download.ts'

const run = promisify(execFile)

let downloads: Awaited<ReturnType<typeof openDownloads>>
let url: string
beforeAll(async () => {
  downloads = await openDownloads()
  url = `${downloads.url}/piece/${pieceCidV1(downloads.piece)}`
})
afterAll(() => downloads?.close())

async function has(program: string): Promise<boolean> {
  const found = await run(program, ['--version']).then(
    () => true,
    () => false,
  )
  if (!found) process.stdout.write(`skipped: tests with ${program}, which is not installed\n`)
  return found
}

const [hasCurl, hasAria2] = await Promise.all([has('curl'), has('aria2c')])

const pathOf = (name: string) => join(downloads.folder, name)

describe.skipIf(!hasCurl)('curl', () => {
  test('downloads a piece under the name providers know it by', async () => {
    await run('curl', ['--fail', '--silent', '-OJ', url], { cwd: downloads.folder })
    expect((await readFile(pathOf(`${pieceCidV1(downloads.piece)}.car`))).equals(downloads.bytes)).toBe(true)
  })

  test('goes on where it was interrupted', async () => {
    await writeFile(pathOf('resumed'), downloads.bytes.subarray(0, 1_234_567))
    await run('curl', ['--fail', '--silent', '-C', '-', '-o', pathOf('resumed'), url])
    expect((await readFile(pathOf('resumed'))).equals(downloads.bytes)).toBe(true)
  })
})

describe.skipIf(!hasAria2)('aria2c', () => {
  const aria2c = (name: string, ...more: string[]) =>
    run('aria2c', ['--no-conf', '--quiet', '--dir', downloads.folder, '--out', name, '--allow-overwrite=true', ...more, url])

  test('downloads over eight connections at once', async () => {
    await aria2c('split', '--max-connection-per-server=8', '--split=8', '--min-split-size=1M')
    expect((await readFile(pathOf('split'))).equals(downloads.bytes)).toBe(true)
  })

  test('goes on where it was interrupted', async () => {
    const file = await open(pathOf('continued'), 'w')
    await file.write(downloads.bytes.subarray(0, 2_000_000))
    await file.close()
    await aria2c('continued', '--continue=true')
    expect((await readFile(pathOf('continued'))).equals(downloads.bytes)).toBe(true)
    await rm(pathOf('continued'))
  })
})
