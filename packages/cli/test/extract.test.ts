import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { encodeIndex, indexEntries, indexRange } from '@keepsake/content/aggregate/segments/index-area.ts'
import { pathToDag } from '@keepsake/content/aggregate/unixfs-2021/find-entry.ts'
import { indexBuilder } from '@keepsake/content/car/build-index.ts'
import { openCarFile } from '@keepsake/content/car/car-file.ts'
import { readAtOf } from '@keepsake/content/car/read-at.ts'
import { cidOf, DAG_CBOR, rawCid } from '@keepsake/content/hash/cid.ts'
import { capacityBytes, heightFor } from '@keepsake/content/piece/piece.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedData } from '../../../test/setup/shared-data.ts'
import { listSegments } from '../src/extract/segments.ts'
import { batchCar, carOf, folderOf, packed, pattern, segmentsOf } from './setup/make-pieces.ts'
import { keepsake } from './setup/processes.ts'

let cwd: string
let sample: Awaited<ReturnType<typeof makeAggregate>>
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'keepsake-extract-'))
  sample = await makeAggregate()
  await writeFile(join(cwd, 'piece.car'), sample.car)
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

const extract = (args: string[]) => keepsake(['extract', ...args], { cwd })

/** An aggregate by the batching spec of 2021: a large file, a folder, a value, and a folder with a name that leads outside. */
async function makeAggregate() {
  const large = await packed(pattern(1_500_000))
  const small = { cid: await rawCid(pattern(50)), bytes: pattern(50) }
  const folder = await folderOf([['small.bin', small.cid]])
  const evil = await folderOf([['../evil', small.cid]])
  const valueBytes = dagCbor.encode({ name: 'value', image: small.cid })
  const value = { cid: await cidOf(DAG_CBOR, valueBytes), bytes: valueBytes }
  const items = [large.root, folder.cid, value.cid, evil.cid]
  const batch = await batchCar(items, [...large.blocks, small, folder, value, evil])
  return { ...batch, large, small, folder, value, evil }
}

const bytesIn = (name: string) => readFile(join(cwd, name))

describe('out of an aggregate', () => {
  test('a file comes by its CID, whole and verified', async () => {
    const { code, stdout, stderr } = await extract(['piece.car', String(sample.large.root), '-o', 'by-cid'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(/by-cid: 1 file, 1\.4 MiB, every block verified\.\n$/)
    expect((await bytesIn('by-cid')).equals(pattern(1_500_000))).toBe(true)
  })

  test('an item comes by its path from the root, by its selector, and by a path below its CID', async () => {
    const { cid } = sample.folder
    for (const [name, item] of [
      ['by-path', `/${pathToDag(cid)}/small.bin`],
      ['by-bare-path', `${pathToDag(cid)}/small.bin`],
      ['by-cid-path', `${cid}/small.bin`],
    ] as const) {
      expect(await extract(['piece.car', item, '-o', name])).toMatchObject({ code: 0 })
      expect((await bytesIn(name)).equals(pattern(50))).toBe(true)
    }
    expect(await extract(['piece.car', sample.selectorOf(cid), '-o', 'by-selector'])).toMatchObject({ code: 0 })
    expect(await readdir(join(cwd, 'by-selector'))).toEqual(['small.bin'])
  })

  test('the manifest comes by its name', async () => {
    const { stdout } = await extract(['piece.car', '/@AggregateManifest.ndjson', '-o', '-'])
    expect(stdout).toContain('"RecordType":"DagAggregateSummary"')
    expect(stdout).toContain(String(sample.large.root))
  })

  test('a value comes as a CAR, and says so when it is wanted as a file', async () => {
    const cid = String(sample.value.cid)
    const refused = await extract(['piece.car', cid, '-o', 'value'])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('take it out whole with --car')
    expect(await extract(['piece.car', cid, '--car', '-o', 'value.car'])).toMatchObject({ code: 0 })
    expect(await extract(['value.car', `${cid}/image`, '-o', 'image'])).toMatchObject({ code: 0 })
    expect((await bytesIn('image')).equals(pattern(50))).toBe(true)
  })

  test('nothing comes that would be written outside of its target', async () => {
    const before = await readdir(cwd)
    const { code, stderr } = await extract(['piece.car', String(sample.evil.cid), '-o', 'evil'])
    expect(code).toBe(1)
    expect(stderr).toContain('cannot be the name of a file or directory')
    expect(await readdir(cwd)).toEqual(before)
  })

  test.each([
    ['bafkreihm64a7oj6z4llxysvetldpxpgjs4tyvsqbbpo65olbyegpktkdli', 1, 'is not in this file'],
    ['/nothing/here', 1, 'nothing'],
    ['Links/99/Hash', 1, 'There is no Links/99'],
    ['Links/x', 1, 'is not a path of the form Links/N/Hash'],
    ['nonsense', 2, '"nonsense" is not a CID'],
    ['/a/../b', 2, 'have no place in it'],
  ])('%s ends with %i and a reason', async (item, expected, message) => {
    const { code, stdout, stderr } = await extract(['piece.car', item, '-o', 'never'])
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
    expect(stderr).toContain(message)
    expect(await readdir(cwd)).not.toContain('never')
  })

  test('a target that is there stays as it is without --force', async () => {
    await writeFile(join(cwd, 'mine'), 'mine')
    const { code, stderr } = await extract(['piece.car', String(sample.large.root), '-o', 'mine'])
    expect(code).toBe(1)
    expect(stderr).toContain('exists already')
    expect(await readFile(join(cwd, 'mine'), 'utf8')).toBe('mine')
  })
})

test('a target without a name is refused, and the directory it would be is left alone even with --force', async () => {
  const before = await readdir(cwd)
  const { code, stderr } = await extract(['piece.car', String(sample.small.cid), '-o', '', '--force'])
  expect({ code, stderr }).toEqual({ code: 2, stderr: 'keepsake: -o: expected a path, or - for standard output.\n' })
  expect(await readdir(cwd)).toEqual(before)
})

test('a pipe or a device in the place of a target is not replaced, even with --force', async () => {
  execFileSync('mkfifo', [join(cwd, 'target')])
  const { code, stderr } = await extract(['piece.car', String(sample.large.root), '-o', 'target', '--force'])
  expect(code).toBe(1)
  expect(stderr).toContain('target is a device or a pipe, which is not replaced; -o - writes to standard output.')
  expect((await stat(join(cwd, 'target'))).isFIFO()).toBe(true)
})

test('a name in the content cannot move the cursor of whoever reads what went wrong', async () => {
  const cid = sample.small.cid
  const folder = await folderOf([
    ['same\u001b[2J', cid],
    ['same\u001b[2J', cid],
  ])
  await writeFile(join(cwd, 'escape.car'), carOf(folder.cid, [folder, sample.small]))
  const { code, stderr } = await extract(['escape.car', String(folder.cid), '-o', 'never'])
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'keepsake: The content has two entries that would be same here.\n' })
})

describe('an index', () => {
  test('is kept where that is asked for, and found the next time: then the piece is read only where the item lies', async () => {
    await writeFile(join(cwd, 'indexed.car'), sample.car)
    const first = await extract(['indexed.car', String(sample.small.cid), '-o', 'first', '--save-index'])
    expect(first.stderr).toContain('indexed.car.carindex')
    // Whatever lies in front of the item is destroyed: only the index still knows where it is.
    const damaged = Buffer.from(sample.car)
    damaged.fill(0xff, 100, 200_000)
    await writeFile(join(cwd, 'indexed.car'), damaged)
    expect(await extract(['indexed.car', String(sample.small.cid), '-o', 'second'])).toMatchObject({ code: 0 })
    expect((await bytesIn('second')).equals(pattern(50))).toBe(true)
  })

  test('of another piece is told as such, and nothing is kept', async () => {
    await writeFile(join(cwd, 'other.car'), carOf(sample.small.cid, [sample.small]))
    await extract(['other.car', String(sample.small.cid), '-o', 'other', '--save-index'])
    const { code, stderr } = await extract([
      'piece.car',
      String(sample.small.cid),
      '-o',
      'never',
      '--index',
      'other.car.carindex',
    ])
    expect(code).toBe(1)
    expect(stderr).toContain('The index of this CAR is not its own')
    expect(await readdir(cwd)).not.toContain('never')
  })

  test('that is garbage is told as such', async () => {
    await writeFile(join(cwd, 'bad.carindex'), pattern(500))
    const { code, stderr } = await extract(['piece.car', String(sample.small.cid), '--index', 'bad.carindex', '-o', 'never'])
    expect(code).toBe(1)
    expect(stderr).toContain('bad.carindex: Invalid CAR index')
  })
})

/** The sample as a CARv2 with an index behind it. */
function versionTwo(index: Uint8Array): Buffer {
  const header = Buffer.alloc(51)
  Buffer.from('0aa16776657273696f6e02', 'hex').copy(header)
  header.writeBigUInt64LE(51n, 27)
  header.writeBigUInt64LE(BigInt(sample.car.length), 35)
  header.writeBigUInt64LE(BigInt(51 + sample.car.length), 43)
  return Buffer.concat([header, sample.car, index])
}

describe('the index inside a CARv2', () => {
  const wanted = () => String(sample.small.cid)

  test('that leads elsewhere is told as the fault, and can be done without', async () => {
    const lying = indexBuilder()
    lying.add(sample.small.cid.multihash, 100)
    await writeFile(join(cwd, 'lying.car'), versionTwo(lying.encode()))
    const refused = await extract(['lying.car', wanted(), '-o', 'never'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('lying.car is damaged, or the index inside lying.car is not its index, nothing was kept')
    expect(refused.stderr).toContain('With --no-index the file itself is looked through.')
    expect(await extract(['lying.car', wanted(), '-o', 'honest', '--no-index'])).toMatchObject({ code: 0 })
    expect((await bytesIn('honest')).equals(pattern(50))).toBe(true)
  })

  test('that leaves a block out is named as what was believed', async () => {
    await writeFile(join(cwd, 'silent.car'), versionTwo(indexBuilder().encode()))
    const refused = await extract(['silent.car', wanted(), '-o', 'never'])
    expect(refused.stderr).toMatch(
      /is not in this file\. .+the index inside silent\.car was believed \(--no-index does without it\)\.\n$/,
    )
    expect(await extract(['silent.car', wanted(), '-o', 'told', '--no-index'])).toMatchObject({ code: 0 })
  })

  test('that cannot be read, or was cut off with some of the blocks, is passed over', async () => {
    await writeFile(join(cwd, 'garbled.car'), versionTwo(pattern(40)))
    const garbled = await extract(['garbled.car', wanted(), '-o', 'garbled'])
    expect(garbled).toMatchObject({ code: 0, stderr: expect.stringContaining('The index inside garbled.car cannot be used') })
    await writeFile(join(cwd, 'cut-off.car'), versionTwo(new Uint8Array()).subarray(0, -10))
    expect(await extract(['cut-off.car', String(sample.large.root), '-o', 'cut-off'])).toMatchObject({ code: 0 })
    const gone = await extract(['cut-off.car', String(sample.evil.cid), '-o', 'never'])
    expect(gone).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('could not be read to its end: Unexpected end of data'),
    })
  })
})

describe('a piece that is not whole', () => {
  test('gives what is in front of the cut, and says that it is cut for the rest', async () => {
    await writeFile(join(cwd, 'cut.car'), sample.car)
    await truncate(join(cwd, 'cut.car'), (await stat(join(cwd, 'cut.car'))).size - 10)
    expect(await extract(['cut.car', String(sample.large.root), '-o', 'of-cut'])).toMatchObject({ code: 0 })
    const { code, stderr } = await extract(['cut.car', String(sample.evil.cid), '-o', 'never'])
    expect(code).toBe(1)
    expect(stderr).toContain('is not in this file. The file could not be read to its end: Unexpected end of data')
  })

  test('with a damaged block gives nothing of that item', async () => {
    const damaged = Buffer.from(sample.car)
    damaged[damaged.indexOf(Buffer.from(pattern(1_500_000).subarray(700_000, 700_050)))]! ^= 1
    await writeFile(join(cwd, 'damaged.car'), damaged)
    const { code, stderr } = await extract(['damaged.car', String(sample.large.root), '-o', 'never'])
    expect(code).toBe(1)
    expect(stderr).toContain('damaged.car is damaged, nothing was kept')
    expect(await readdir(cwd)).not.toContain('never')
  })

  test('and is a pipe is refused at once', async () => {
    execFileSync('mkfifo', [join(cwd, 'pipe')])
    const { code, stderr } = await extract(['pipe', String(sample.small.cid), '-o', 'never'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'keepsake: pipe is not a file; it has to be read at many places.\n' })
  })

  test.each([
    ['an empty file', new Uint8Array()],
    ['garbage', pattern(5000)],
    ['a header that says it is huge', new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])],
  ])('and is %s is no piece', async (_, bytes) => {
    await writeFile(join(cwd, 'none'), bytes)
    const { code, stderr } = await extract(['none', String(sample.small.cid), '-o', 'never'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^keepsake: none: .+\.\n$/)
  })
})

describe('out of data segments (FRC-0058)', () => {
  test('an item comes by its CID, found by the index at the end of the file', async () => {
    const cars = [carOf(sample.large.root, sample.large.blocks), carOf(sample.folder.cid, [sample.folder, sample.small])]
    await writeFile(join(cwd, 'segments.data'), await segmentsOf(cars))
    expect(await extract(['segments.data', String(sample.large.root), '-o', 'from-segment'])).toMatchObject({ code: 0 })
    expect((await bytesIn('from-segment')).equals(pattern(1_500_000))).toBe(true)
    expect(await extract(['segments.data', `${sample.folder.cid}/small.bin`, '-o', 'from-other'])).toMatchObject({ code: 0 })
    expect((await bytesIn('from-other')).equals(pattern(50))).toBe(true)
    // A block that is no root is looked for in all of them.
    expect(await extract(['segments.data', String(sample.small.cid), '-o', 'from-any'])).toMatchObject({ code: 0 })
    const { code, stderr } = await extract(['segments.data', 'Links/0/Hash', '-o', 'never'])
    expect(code).toBe(2)
    expect(stderr).toContain('it has no directory')
  })

  test('a damaged entry of the index is told where an item is not found, and no index is kept', async () => {
    const piece = await segmentsOf([
      carOf(sample.large.root, sample.large.blocks),
      carOf(sample.folder.cid, [sample.folder, sample.small]),
    ])
    const { offset } = indexRange(heightFor(piece.length))
    // Behind the first entry: the offset of the second.
    piece[offset + 100]! ^= 1
    await writeFile(join(cwd, 'damaged.data'), piece)
    expect(await extract(['damaged.data', String(sample.large.root), '-o', 'undamaged'])).toMatchObject({ code: 0 })
    const { code, stderr } = await extract(['damaged.data', String(sample.folder.cid), '-o', 'never', '--save-index'])
    expect(code).toBe(1)
    expect(stderr).toContain('No index is kept, since the file has 1 entry in its index that cannot be read.')
    expect(stderr).toContain('is not in this file. The file has 1 entry in its index that cannot be read.')
  })

  test('an index that names one place over and over has it read once', async () => {
    const car = carOf(sample.folder.cid, [sample.folder, sample.small])
    const height = 15
    const piece = new Uint8Array(capacityBytes(height))
    piece.set(car)
    const entry = { root: new Uint8Array(32), height: 14, offset: 0 }
    piece.set(encodeIndex(Array(indexEntries(height)).fill(entry)), indexRange(height).offset)
    const listed = await listSegments(readAtOf(piece), piece.length)
    expect(listed).toEqual({ places: [{ offset: 0, length: capacityBytes(14) }], invalid: 0 })
  })

  const deal = sharedData('filecoin/datasegment/deal.data')
  const cat = sharedData('filecoin/datasegment/cat.png.car')
  test.skipIf(deal === undefined || cat === undefined)(
    'a picture comes out of the sample of the Go reference implementation',
    async () => {
      const bytes = readFileSync(cat!)
      const { roots } = await openCarFile(readAtOf(bytes), bytes.length)
      const both = await Promise.all([
        extract([deal!, String(roots[0]), '-o', 'cat']),
        extract([cat!, String(roots[0]), '-o', 'cat-too']),
      ])
      expect(both.map(({ code: ended }) => ended)).toEqual([0, 0])
      expect(await readOf('cat')).toEqual(await readOf('cat-too'))
    },
  )

  /** A file, or the only file of a folder. */
  async function readOf(name: string): Promise<Buffer> {
    const path = join(cwd, name)
    return (await stat(path)).isFile() ? await readFile(path) : await readFile(join(path, (await readdir(path))[0]!))
  }
})
