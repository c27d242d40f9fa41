import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToDag } from '@keepsake/content/aggregate/unixfs-2021/find-entry.ts'
import type { Block } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { batchCar, carOf, folderOf, packed, pattern, segmentsOf } from './setup/make-pieces.ts'
import { keepsake } from './setup/processes.ts'

// A content larger than a piece is split: each part begins with the way from the root to its first block.

const film = pattern(1_500_000)

let cwd: string
let root: CID
let selector: string
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'keepsake-extract-split-'))
  const { root: file, blocks } = await packed(film)
  const folder = await folderOf([['film.bin', file]])
  root = folder.cid
  const leaves = blocks.slice(0, -1)
  const way = [folder, blocks.at(-1)!]
  const parts: Block[][] = [leaves.slice(0, 2), leaves.slice(2, 4), leaves.slice(4)].map((own) => [...way, ...own])
  for (const [at, part] of parts.entries()) {
    const batch = await batchCar([root], part)
    selector = batch.selectorOf(root)
    await writeFile(join(cwd, `${at}.car`), batch.car)
    await writeFile(join(cwd, `${at}.data`), await segmentsOf([carOf(root, part), carOf(file, [])]))
  }
  const damaged = await readFile(join(cwd, '1.car'))
  damaged[damaged.indexOf(leaves[3]!.bytes)]! ^= 1
  await writeFile(join(cwd, 'damaged.car'), damaged)
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

const extract = (args: string[]) => keepsake(['extract', ...args], { cwd })

async function expectFilm(path: string): Promise<void> {
  expect((await readFile(join(cwd, path))).equals(film)).toBe(true)
}

describe.each([
  ['car', 'an aggregate with a directory'],
  ['data', 'an aggregate of data segments'],
])('a content that was split over several pieces (.%s: %s)', (ending) => {
  const [first, ...others] = [0, 1, 2].map((at) => `${at}.${ending}`) as [string, ...string[]]

  test('comes whole out of all of them, in whatever order they are given', async () => {
    expect(await extract([first, String(root), '-o', `whole-${ending}`, '--also', ...others])).toMatchObject({
      code: 0,
      stdout: '',
    })
    await expectFilm(`whole-${ending}/film.bin`)
    const turned = await extract([
      others[1]!,
      `${root}/film.bin`,
      '-o',
      `turned-${ending}`,
      '--also',
      first,
      '--also',
      others[0]!,
    ])
    expect(turned).toMatchObject({ code: 0 })
    await expectFilm(`turned-${ending}`)
  })

  test('does not come out of one, or out of some, which is said with the option to name the others', async () => {
    const alone = await extract([first, String(root), '-o', 'never'])
    expect(alone).toMatchObject({ code: 1, stdout: '' })
    expect(alone.stderr).toMatch(/0\.\w+: Block \w+ is not in this file\. Was the content split .+ --also\.\n$/)
    const some = await extract([first, String(root), '-o', 'never', '--also', others[0]!])
    expect(some).toMatchObject({ code: 1, stdout: '' })
    expect(some.stderr).toMatch(/Block \w+ is in none of 0\.\w+, 1\.\w+\. Was the content split .+ --also\.\n$/)
    expect(await readdir(cwd)).not.toContain('never')
  })

  test('keeps an index of each piece, which is whole and used the next time', async () => {
    const saved = await extract([first, String(root), '-o', `saved-${ending}`, '--also', ...others, '--save-index'])
    expect(saved).toMatchObject({ code: 0 })
    for (const path of [first, ...others]) expect(saved.stderr).toContain(`The index is kept in ${path}.carindex.`)
    const again = await extract([first, String(root), '-o', `again-${ending}`, '--also', ...others, '--save-index'])
    expect(again).toMatchObject({ code: 0, stderr: expect.not.stringContaining('The index is kept') })
    await expectFilm(`again-${ending}/film.bin`)
    for (const path of [first, ...others]) await rm(join(cwd, `${path}.carindex`))
  })
})

test('a path and a selector begin at the root of the first piece', async () => {
  const also = ['--also', '1.data', '2.car']
  expect(await extract(['0.car', `/${pathToDag(root)}/film.bin`, '-o', 'by-path', ...also])).toMatchObject({ code: 0 })
  await expectFilm('by-path')
  expect(await extract(['0.car', selector, '-o', 'by-selector', ...also])).toMatchObject({ code: 0 })
  await expectFilm('by-selector/film.bin')
})

test('what is no part of any content is not taken for one', async () => {
  const unknown = 'bafkreihm64a7oj6z4llxysvetldpxpgjs4tyvsqbbpo65olbyegpktkdli'
  const { code, stderr } = await extract(['0.car', unknown, '-o', 'never', '--also', '1.car'])
  expect(code).toBe(1)
  expect(stderr).toBe(`keepsake: Block ${unknown} is in none of 0.car, 1.car.\n`)
})

test('the piece that is damaged is the one that is named, and does no harm where another has a good copy', async () => {
  const { code, stderr } = await extract(['0.car', String(root), '-o', 'never', '--also', 'damaged.car', '2.car'])
  expect(code).toBe(1)
  expect(stderr).toContain('keepsake: damaged.car is damaged, nothing was kept')
  const healed = await extract(['0.car', String(root), '-o', 'healed', '--also', 'damaged.car', '1.car', '2.car'])
  expect(healed).toMatchObject({ code: 0 })
  await expectFilm('healed/film.bin')
})

test('another piece that is not there or is none is named', async () => {
  await writeFile(join(cwd, 'garbage'), pattern(5000))
  const absent = await extract(['0.car', String(root), '-o', 'never', '--also', '1.car', 'absent.car'])
  expect(absent).toMatchObject({ code: 1, stderr: 'keepsake: absent.car: there is no such file or directory.\n' })
  const garbage = await extract(['0.car', String(root), '-o', 'never', '--also', 'garbage', '2.car'])
  expect(garbage).toMatchObject({ code: 1, stderr: expect.stringMatching(/^keepsake: garbage: .+\.\n$/) })
})
