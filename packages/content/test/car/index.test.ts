import { readFileSync } from 'node:fs'
import { CarIndexer } from '@ipld/car'
import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../../../test/setup/shared-data.ts'
import { indexBuilder } from '../../src/car/build-index.ts'
import { carBlocks } from '../../src/car/car-blocks.ts'
import { type CarFile, openCarFile } from '../../src/car/car-file.ts'
import { encodeCarHeader, encodeSectionPrefix } from '../../src/car/encode.ts'
import { type CarIndex, openCarIndex } from '../../src/car/multihash-index.ts'
import { readAtFrom, readAtOf } from '../../src/car/read-at.ts'
import { type ScannedSection, scanSections } from '../../src/car/scan-sections.ts'
import { rawCid } from '../../src/hash/cid.ts'
import { pattern, seeded } from '../oracle.ts'

async function sectionsOf(bytes: Uint8Array, car?: CarFile): Promise<ScannedSection[]> {
  const sections: ScannedSection[] = []
  for await (const section of scanSections(readAtOf(bytes), car ?? (await openCarFile(readAtOf(bytes), bytes.length))))
    sections.push(section)
  return sections
}

function indexOf(sections: readonly ScannedSection[]): Uint8Array {
  const builder = indexBuilder()
  for (const { cid, offset } of sections) builder.add(cid.multihash, offset)
  return builder.encode()
}

const opened = (bytes: Uint8Array): Promise<CarIndex> => openCarIndex(readAtOf(bytes), bytes.length)

/** A CAR of so many raw blocks of uneven length. */
async function sampleCar(count: number): Promise<{ bytes: Uint8Array; cids: CID[]; blocks: Uint8Array[] }> {
  const next = seeded(count)
  const blocks = Array.from({ length: count }, (_, at) => pattern(at % 7 === 3 ? 20_000 + next(40_000) : next(300), at + 1))
  const cids = await Promise.all(blocks.map((block) => rawCid(block)))
  const chunks = [
    encodeCarHeader([cids[0]!]),
    ...blocks.flatMap((block, at) => [encodeSectionPrefix(cids[at]!, block.length), block]),
  ]
  return { bytes: new Uint8Array(Buffer.concat(chunks)), cids, blocks }
}

describe('a CAR in a file', () => {
  test('is scanned for its sections, which lie where @ipld/car finds them', async () => {
    const { bytes } = await sampleCar(500)
    const expected = []
    for await (const { cid, offset } of await CarIndexer.fromBytes(bytes)) expected.push({ cid: String(cid), offset })
    expect((await sectionsOf(bytes)).map(({ cid, offset }) => ({ cid: String(cid), offset }))).toEqual(expected)
  })

  test('gives every block by an index that was made of it', async () => {
    const { bytes, cids, blocks } = await sampleCar(3000)
    const car = await openCarFile(readAtOf(bytes), bytes.length)
    const index = await opened(indexOf(await sectionsOf(bytes)))
    expect(index.entries).toBe(3000)
    const source = carBlocks(readAtOf(bytes), car, index)
    for (const [at, cid] of cids.entries()) expect(Buffer.compare(await source.get(cid), blocks[at]!)).toBe(0)
    await expect(source.get(await rawCid(pattern(5, 99)))).rejects.toMatchObject({ code: 'BLOCK_NOT_FOUND' })
  })

  test('ends where zeros fill it up', async () => {
    const { bytes } = await sampleCar(20)
    const filled = new Uint8Array(bytes.length + 5000)
    filled.set(bytes)
    expect((await sectionsOf(filled)).length).toBe(20)
  })

  test('that is cut short says where, after the sections that are whole', async () => {
    const { bytes } = await sampleCar(20)
    const seen: ScannedSection[] = []
    const cut = bytes.subarray(0, bytes.length - 1)
    const car = await openCarFile(readAtOf(cut), cut.length)
    await expect(
      (async () => {
        for await (const section of scanSections(readAtOf(cut), car)) seen.push(section)
      })(),
    ).rejects.toThrow(/Unexpected end of data: the section at \d+ has \d+ bytes, \d+ are left/)
    expect(seen.length).toBe(19)
  })

  test('of version 2 that is cut short is read as far as it goes, and says so even between two sections', async () => {
    const { bytes } = await sampleCar(20)
    const header = Buffer.alloc(51)
    Buffer.from('0aa16776657273696f6e02', 'hex').copy(header)
    header.writeBigUInt64LE(51n, 27)
    header.writeBigUInt64LE(BigInt(bytes.length), 35)
    header.writeBigUInt64LE(BigInt(51 + bytes.length), 43)
    const last = (await sectionsOf(bytes)).at(-1)!.offset
    const cut = Buffer.concat([header, bytes.subarray(0, last)])
    const car = await openCarFile(readAtOf(cut), cut.length)
    expect(car).toMatchObject({ version: 2, payloadBytes: last, missingBytes: bytes.length - last, indexOffset: undefined })
    const seen: ScannedSection[] = []
    await expect(
      (async () => {
        for await (const section of scanSections(readAtOf(cut), car)) seen.push(section)
      })(),
    ).rejects.toThrow(`Unexpected end of data: ${bytes.length - last} bytes are missing`)
    expect(seen.length).toBe(19)
  })

  test.each([
    ['nothing', []],
    ['a header without end', [0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a header larger than any', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xa2]],
    ['garbage', [...pattern(300, 5)]],
  ])('that is %s is refused', async (_, bytes) => {
    await expect(openCarFile(readAtOf(new Uint8Array(bytes)), bytes.length)).rejects.toMatchObject({ code: 'INVALID_CAR' })
  })

  test.each([
    ['longer than 2^53', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['longer than the file', [0xff, 0xff, 0xff, 0x7f, 1, 0x55, 0x12, 0x20, ...new Array(32).fill(1)]],
    ['shorter than its CID', [5, 1, 0x55, 0x12, 0x20, ...new Array(32).fill(1)]],
    ['without a CID', [40, ...new Array(40).fill(0xff)]],
  ])('with a section %s is refused there', async (_, section) => {
    const bytes = new Uint8Array(Buffer.concat([encodeCarHeader([await rawCid(pattern(1))]), new Uint8Array(section)]))
    await expect(sectionsOf(bytes)).rejects.toMatchObject({ code: 'INVALID_CAR' })
  })
})

describe('an index that is not to be trusted', () => {
  test('leads to nothing wrong: outside, into the middle of a block, to another block', async () => {
    const { bytes, cids } = await sampleCar(30)
    const car = await openCarFile(readAtOf(bytes), bytes.length)
    const sections = await sectionsOf(bytes)
    for (const wrong of [bytes.length, bytes.length + 5, 2 ** 52, sections[7]!.offset + 3, sections[8]!.offset]) {
      const builder = indexBuilder()
      builder.add(cids[7]!.multihash, wrong)
      const source = carBlocks(readAtOf(bytes), car, await opened(builder.encode()))
      await expect(source.get(cids[7]!)).rejects.toMatchObject({ code: expect.stringMatching(/INVALID_CAR|HASH_MISMATCH/) })
    }
  })

  test('is passed over where another entry leads to a good copy', async () => {
    const { bytes, cids } = await sampleCar(30)
    const builder = indexBuilder()
    builder.add(cids[7]!.multihash, 3)
    builder.add(cids[7]!.multihash, (await sectionsOf(bytes))[7]!.offset)
    const source = carBlocks(readAtOf(bytes), await openCarFile(readAtOf(bytes), bytes.length), await opened(builder.encode()))
    expect(await rawCid(await source.get(cids[7]!))).toEqual(cids[7])
  })

  test('does not hide that a block is damaged', async () => {
    const { bytes, cids } = await sampleCar(30)
    const index = await opened(indexOf(await sectionsOf(bytes)))
    const car = await openCarFile(readAtOf(bytes), bytes.length)
    const damaged = bytes.slice()
    damaged[(await sectionsOf(bytes))[8]!.offset - 1]! ^= 1
    await expect(carBlocks(readAtOf(damaged), car, index).get(cids[7]!)).rejects.toMatchObject({ code: 'HASH_MISMATCH' })
  })

  test('is refused when it is cut short anywhere, or says that it is larger than it is', async () => {
    const { bytes } = await sampleCar(10)
    const index = indexOf(await sectionsOf(bytes))
    for (let length = 0; length < index.length; length++)
      await expect(opened(index.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({ code: 'INVALID_CAR' })
    for (const [at, value] of [
      [2, 0xffffffff],
      [14, 0xffffffff],
      [18, 0xffffffff],
      [22, 7],
      [22, 0xffffffff],
    ] as const) {
      const lying = index.slice()
      new DataView(lying.buffer).setUint32(at, value, true)
      await expect(opened(lying), `at ${at}`).rejects.toMatchObject({ code: 'INVALID_CAR' })
    }
    await expect(opened(new Uint8Array([0x55, 1, 2, 3]))).rejects.toThrow('unknown format 0x55')
  })

  test('of a million times the same hash gives few offsets', async () => {
    const digest = pattern(32)
    const builder = indexBuilder()
    for (let at = 0; at < 10_000; at++) builder.add({ code: 0x12, digest }, at)
    expect((await (await opened(builder.encode())).find({ code: 0x12, digest })).length).toBe(64)
  })
})

describe('files of other implementations', () => {
  const v1 = sharedData('filecoin/carv2/sample-v1.car')
  const sorted = sharedData('filecoin/carv2/sample-index.carindex')
  const multihashSorted = sharedData('filecoin/carv2/sample-multihash-index-sorted.carindex')
  const wrapped = sharedData('filecoin/carv2/sample-wrapped-v2.car')
  const unixfs = sharedData('filecoin/carv2/sample-unixfs-v2.car')
  const real = sharedData('filecoin/carv2/real-piece-baga6ea4seaqnfhocd544oidrgsss2ahoaomvxuaqxfmlsizljtzsuivjl5hamka.full.idx')
  const zeroSection = sharedData('filecoin/carv2/sample-v1-with-zero-len-section2.car')
  const corrupt = sharedData('filecoin/carv2/sample-corrupt-pragma.car')
  const basic = sharedData('filecoin/carv2/carv1-basic.car')
  const basicJson = sharedData('filecoin/carv2/carv1-basic.json')

  test.skipIf(v1 === undefined || sorted === undefined || multihashSorted === undefined)(
    'the indexes of go-car lead to every block',
    async () => {
      const bytes = new Uint8Array(readFileSync(v1!))
      const sections = await sectionsOf(bytes)
      expect(sections.length).toBeGreaterThan(1000)
      const car = await openCarFile(readAtOf(bytes), bytes.length)
      for (const path of [sorted!, multihashSorted!]) {
        const index = await opened(new Uint8Array(readFileSync(path)))
        const source = carBlocks(readAtOf(bytes), car, index)
        let found = 0
        for (const { cid, offset } of sections) {
          if (cid.multihash.code === 0) continue
          expect(await index.find(cid.multihash)).toContain(offset)
          await source.get(cid)
          found++
        }
        expect(found).toBe(1043)
      }
    },
  )

  test.skipIf(v1 === undefined || multihashSorted === undefined)(
    'the index we make is the one go-car makes, byte for byte',
    async () => {
      const ours = indexOf(await sectionsOf(new Uint8Array(readFileSync(v1!))))
      expect(Buffer.compare(ours, readFileSync(multihashSorted!))).toBe(0)
    },
  )

  test.skipIf(wrapped === undefined || unixfs === undefined)('a CARv2 is read by the index inside it', async () => {
    for (const path of [wrapped!, unixfs!]) {
      const bytes = new Uint8Array(readFileSync(path))
      const car = await openCarFile(readAtOf(bytes), bytes.length)
      expect(car.version).toBe(2)
      const index = await openCarIndex(readAtFrom(readAtOf(bytes), car.indexOffset!), bytes.length - car.indexOffset!)
      const source = carBlocks(readAtOf(bytes), car, index)
      for (const { cid } of await sectionsOf(bytes, car)) await source.get(cid)
    }
  })

  test.skipIf(real === undefined)('the index of a real piece has 4,268 entries', async () => {
    const bytes = new Uint8Array(readFileSync(real!))
    expect((await opened(bytes)).entries).toBe(4268)
  })

  test.skipIf(zeroSection === undefined)('a section of length 0 ends a CAR', async () => {
    expect((await sectionsOf(new Uint8Array(readFileSync(zeroSection!)))).length).toBeGreaterThan(0)
  })

  test.skipIf(corrupt === undefined)('a damaged pragma is no CAR', async () => {
    const bytes = new Uint8Array(readFileSync(corrupt!))
    await expect(openCarFile(readAtOf(bytes), bytes.length)).rejects.toMatchObject({ code: 'INVALID_CAR' })
  })

  test.skipIf(basic === undefined || basicJson === undefined)('the example of the CARv1 specification', async () => {
    const bytes = new Uint8Array(readFileSync(basic!))
    const { blocks } = JSON.parse(readFileSync(basicJson!, 'utf8')) as { blocks: { cid: { '/': string }; offset: number }[] }
    const sections = await sectionsOf(bytes)
    expect(sections.map(({ cid, offset }) => ({ cid: String(cid), offset }))).toEqual(
      blocks.map(({ cid, offset }) => ({ cid: cid['/'], offset })),
    )
  })
})
