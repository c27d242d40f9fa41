import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CarBlockIterator, CarWriter } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../../../test/setup/shared-data.ts'
import type { Block } from '../../src/block.ts'
import { type DecodeCarOptions, decodeCar } from '../../src/car/decode.ts'
import { encodeCarHeader, encodeSectionPrefix } from '../../src/car/encode.ts'
import { ContentError } from '../../src/errors.ts'
import { rawCid } from '../../src/hash/cid.ts'
import { verifyBlock } from '../../src/hash/verify.ts'
import { inPieces, pattern, seeded } from '../oracle.ts'

const samples = sharedData('filecoin/carv2')

function sample(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(samples!, name)))
}

interface Decoded {
  version: number
  roots: string[]
  blocks: { cid: string; bytes: string; offset: number; length: number }[]
  payload: Buffer
}

async function decodeAll(file: Uint8Array, options: DecodeCarOptions = {}, pieceBytes = () => 1000): Promise<Decoded> {
  const payload: Uint8Array[] = []
  const car = await decodeCar(inPieces(file, pieceBytes), {
    ...options,
    onPayload: (chunk) => {
      payload.push(chunk)
    },
  })
  const blocks: Decoded['blocks'] = []
  for await (const { cid, bytes, offset, length } of car.blocks) {
    blocks.push({ cid: String(cid), bytes: Buffer.from(bytes).toString('hex'), offset, length })
  }
  return { version: car.version, roots: car.roots.map(String), blocks, payload: Buffer.concat(payload) }
}

async function errorOf(file: Uint8Array, options: DecodeCarOptions = {}): Promise<string> {
  try {
    await decodeAll(file, options)
  } catch (error) {
    if (error instanceof ContentError && error.code === 'INVALID_CAR') return error.message
    throw error
  }
  return 'no error'
}

function carOf(roots: CID[], blocks: Block[]): Uint8Array {
  const parts = blocks.flatMap(({ cid, bytes }) => [encodeSectionPrefix(cid, bytes.length), bytes])
  return new Uint8Array(Buffer.concat([encodeCarHeader(roots), ...parts]))
}

/** A CARv2 with these three numbers in its header, whatever is in it. */
function v2Of(
  payload: Uint8Array,
  offsets: { dataOffset?: number; dataBytes?: number; indexOffset?: number },
  rest: Uint8Array[] = [],
) {
  const header = Buffer.alloc(40)
  header.writeBigUInt64LE(BigInt(offsets.dataOffset ?? 51), 16)
  header.writeBigUInt64LE(BigInt(offsets.dataBytes ?? payload.length), 24)
  header.writeBigUInt64LE(BigInt(offsets.indexOffset ?? 0), 32)
  return new Uint8Array(Buffer.concat([Buffer.from('0aa16776657273696f6e02', 'hex'), header, payload, ...rest]))
}

async function someBlocks(count: number, below: (limit: number) => number): Promise<Block[]> {
  const blocks: Block[] = []
  for (let index = 0; index < count; index++) {
    const bytes = pattern(below(3000), index + 1)
    blocks.push({ cid: await rawCid(bytes), bytes })
  }
  return blocks
}

const hello = { cid: await rawCid(new TextEncoder().encode('hello world!')), bytes: new TextEncoder().encode('hello world!') }
const small = carOf([hello.cid], [hello])

describe('decodeCar', () => {
  test('reads what was written, however it is cut, and hands the payload on as it was', async () => {
    const below = seeded(1)
    for (let round = 0; round < 40; round++) {
      const blocks = await someBlocks(below(30), below)
      const roots = blocks.slice(0, 1 + below(3)).map((block) => block.cid)
      const file = carOf(roots, blocks)
      const longest = [1, 3, 40, 5000][round % 4]!
      const decoded = await decodeAll(file, {}, () => below(longest + 1))
      expect(decoded.roots).toEqual(roots.map(String))
      expect(decoded.blocks.map(({ cid }) => cid)).toEqual(blocks.map(({ cid }) => String(cid)))
      expect(decoded.payload.equals(file)).toBe(true)
      for (const { bytes, offset, length } of decoded.blocks) {
        expect(Buffer.from(file.subarray(offset, offset + length)).toString('hex')).toBe(bytes)
      }
    }
  })

  test('reads what another writer wrote', async () => {
    const blocks = await someBlocks(20, seeded(2))
    const { writer, out } = CarWriter.create([blocks[0]!.cid])
    const written = (async () => {
      for (const block of blocks) await writer.put(block)
      await writer.close()
    })()
    const parts: Uint8Array[] = []
    for await (const part of out) parts.push(part)
    await written
    const file = new Uint8Array(Buffer.concat(parts))
    expect(Buffer.from(carOf([blocks[0]!.cid], blocks)).equals(file)).toBe(true)
    expect((await decodeAll(file)).blocks).toHaveLength(20)
  })

  test('reads only the inner CAR of a CARv2, after padding and before an index', async () => {
    const padding = new Uint8Array(13)
    const file = v2Of(
      Buffer.concat([padding, small]),
      { dataOffset: 64, dataBytes: small.length, indexOffset: 64 + small.length + 5 },
      [new Uint8Array(300).fill(0xff)],
    )
    for (const pieceBytes of [1, 7, 64, 10_000]) {
      const decoded = await decodeAll(file, {}, () => pieceBytes)
      expect(decoded).toMatchObject({ version: 2, roots: [String(hello.cid)] })
      expect(decoded.payload.equals(small)).toBe(true)
      expect(decoded.blocks).toEqual((await decodeAll(small)).blocks)
    }
  })

  test('reads a CAR without blocks and one with an empty block', async () => {
    expect((await decodeAll(carOf([], []))).blocks).toEqual([])
    const empty = { cid: await rawCid(new Uint8Array()), bytes: new Uint8Array() }
    expect((await decodeAll(carOf([empty.cid], [empty]))).blocks).toMatchObject([{ length: 0 }])
  })

  test('takes a block of 2 MiB and refuses one of a byte more, before reading it', async () => {
    const limit = 2 * 1024 * 1024
    const largest = carOf([hello.cid], [{ cid: hello.cid, bytes: new Uint8Array(limit) }])
    expect((await decodeAll(largest, {}, () => 65_536)).blocks).toMatchObject([{ length: limit }])
    for (const claimed of [limit + 1, limit + 500, 2 ** 50]) {
      const head = Buffer.concat([encodeCarHeader([hello.cid]), encodeSectionPrefix(hello.cid, claimed), new Uint8Array(200)])
      const message = await errorOf(head)
      expect(message).toBe(claimed === limit + 1 ? 'Unexpected end of data' : `block too big: ${claimed} > ${limit}`)
    }
    const over = carOf([hello.cid], [{ cid: hello.cid, bytes: new Uint8Array(limit + 1) }])
    expect(await errorOf(over)).toBe(`block too big: ${limit + 1} > ${limit}`)
    expect(await errorOf(small, { maxBlockBytes: 11 })).toBe('block too big: 12 > 11')
  })

  test('lets go of the source when left early, when it fails, and when disposed of', async () => {
    let closed = 0
    async function* watched(file: Uint8Array) {
      try {
        yield* inPieces(file, () => 10)
      } finally {
        closed++
      }
    }
    const left = await decodeCar(watched(small))
    for await (const _ of left.blocks) break
    await expect(decodeCar(watched(new Uint8Array(100).fill(0xff)))).rejects.toThrow()
    {
      await using _unread = await decodeCar(watched(small))
    }
    expect(closed).toBe(3)
  })

  test('stops when told to', async () => {
    const abort = new AbortController()
    const { blocks } = await decodeCar(
      inPieces(small, () => 10),
      { signal: abort.signal },
    )
    abort.abort(new Error('enough'))
    await expect(blocks.next()).rejects.toThrow('enough')
  })
})

describe('decodeCar refuses', () => {
  const header = (value: unknown) => {
    const bytes = dagCbor.encode(value)
    return new Uint8Array([bytes.length, ...bytes])
  }
  const afterHeader = (...bytes: number[]) => new Uint8Array([...encodeCarHeader([hello.cid]), ...bytes])

  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'Unexpected end of data'],
    ['a header of no bytes', new Uint8Array([0]), 'Invalid CAR header (zero length)'],
    [
      'a header that claims more than 1 MiB',
      new Uint8Array([0x80, 0x80, 0x80, 0x80, 0x10]),
      'CAR header too big: 4294967296 > 1048576',
    ],
    ['text', new TextEncoder().encode('hello'), 'Unexpected end of data'],
    ['a header that is not CBOR', new Uint8Array([2, 0xff, 0xff]), 'CBOR decode error: '],
    [
      'a header of arrays in arrays',
      new Uint8Array([0xa0, 0x8d, 6, ...new Uint8Array(100_000).fill(0x81)]),
      'CBOR decode error:',
    ],
    ['a header that is a list', header([1]), 'Invalid CAR header format'],
    ['a header without version', header({ roots: [] }), 'Invalid CAR header format'],
    ['version 3', header({ version: 3, roots: [] }), 'Invalid CAR version: 3'],
    ['roots that are missing', header({ version: 1 }), 'Invalid CAR header format'],
    ['roots that are not CIDs', header({ version: 1, roots: ['x'] }), 'Invalid CAR header format'],
    ['a header with more than there should be', header({ version: 1, roots: [], more: 1 }), 'Invalid CAR header format'],
    ['a section of no bytes', afterHeader(0), 'Invalid CAR section (zero length)'],
    ['a length that does not end', afterHeader(0x80), 'Unexpected end of data'],
    [
      'a length of more than 2^53',
      afterHeader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
      'Invalid varint: more than 2^53 - 1',
    ],
    [
      'a length of nine bytes',
      afterHeader(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1),
      'Invalid varint: more than 2^53 - 1',
    ],
    ['a length written longer than needed', afterHeader(0x81, 0x00), 'Invalid varint: not minimally encoded'],
    [
      'a section shorter than its CID',
      afterHeader(4, 1, 0x55, 0x12, 0x20),
      'Invalid CAR section: CID is longer than its section',
    ],
    ['a CID of version 2', afterHeader(4, 2, 0x55, 0x12, 0x00), 'Invalid CAR section: Invalid CID version 2'],
    ['a block that is cut short', small.subarray(0, -1), 'Unexpected end of data'],
    ['a CARv2 without header', v2Of(small, {}).subarray(0, 30), 'Unexpected end of data'],
    ['a CARv2 whose data starts in its header', v2Of(small, { dataOffset: 50 }), 'Invalid CARv2 data offset: 50'],
    ['a CARv2 whose data starts past the file', v2Of(small, { dataOffset: 5000 }), 'Unexpected end of data'],
    ['a CARv2 without data', v2Of(small, { dataBytes: 0 }), 'Invalid CARv2 data size: 0'],
    ['a CARv2 whose data ends past the file', v2Of(small, { dataBytes: small.length + 1 }), 'Unexpected end of data'],
    ['a CARv2 whose data ends inside a block', v2Of(small, { dataBytes: small.length - 1 }), 'Unexpected end of data'],
    ['a CARv2 whose index starts in its data', v2Of(small, { indexOffset: 60 }), 'Invalid CARv2 index offset: 60'],
    ['a CARv2 whose index starts past the file', v2Of(small, { indexOffset: 51 + small.length }), 'Unexpected end of data'],
    ['a CARv2 whose offset is no exact integer', v2Of(small, { dataOffset: 2 ** 60 }), `Invalid CARv2 offset: ${2n ** 60n}`],
    ['a CARv2 in a CARv2', v2Of(v2Of(small, {}), {}), 'Invalid CAR version: 2 (expected 1)'],
  ])('%s', async (_, file, message) => {
    expect(await errorOf(file)).toContain(message)
  })

  test('damage and cuts as an error, never anything else, and without reading more than there is', async () => {
    const below = seeded(3)
    const blocks = await someBlocks(6, below)
    const good = carOf([blocks[0]!.cid], blocks)
    const originals = [good, v2Of(good, { indexOffset: 51 + good.length }, [new Uint8Array(20)])]
    let refused = 0
    for (let round = 0; round < 1500; round++) {
      const file = originals[round % 2]!.slice()
      // Half of the damage goes to the headers, where it matters most.
      for (let flips = 1 + below(3); flips > 0; flips--) file[below(round % 4 < 2 ? 180 : file.length)]! ^= 1 << below(8)
      const cut = below(3) === 0 ? file.subarray(0, below(file.length)) : file
      if ((await errorOf(cut)) !== 'no error') refused++
    }
    expect(refused).toBeGreaterThan(500)
  })

  test('every cut of a CAR except those between sections', async () => {
    const blocks = await someBlocks(3, () => 30)
    const file = carOf([blocks[0]!.cid], blocks)
    const ends = new Set((await decodeAll(file)).blocks.map(({ offset, length }) => offset + length))
    ends.add(encodeCarHeader([blocks[0]!.cid]).length)
    for (let length = 0; length < file.length; length++) {
      expect(await errorOf(file.subarray(0, length))).toBe(ends.has(length) ? 'no error' : 'Unexpected end of data')
    }
  })
})

describe.skipIf(samples === undefined)('decodeCar on files made by other implementations', () => {
  test.each(['carv1-basic.car', 'sample-v1.car'])('reads %s as @ipld/car does', async (name) => {
    const file = sample(name)
    const expected: { cid: string; bytes: string }[] = []
    const reader = await CarBlockIterator.fromBytes(file)
    for await (const { cid, bytes } of reader) expected.push({ cid: String(cid), bytes: Buffer.from(bytes).toString('hex') })
    const decoded = await decodeAll(file)
    expect(decoded.blocks.map(({ cid, bytes }) => ({ cid, bytes }))).toEqual(expected)
    expect(decoded.roots).toEqual((await reader.getRoots()).map(String))
  })

  test('finds the blocks of the specification fixture where it says they are', async () => {
    const expected = JSON.parse(readFileSync(join(samples!, 'carv1-basic.json'), 'utf8'))
    const decoded = await decodeAll(sample('carv1-basic.car'))
    expect(decoded.roots).toEqual(expected.header.roots.map((root: { '/': string }) => root['/']))
    expect(decoded.blocks.map(({ cid, offset, length }) => [cid, offset, length])).toEqual(
      expected.blocks.map((block: { cid: { '/': string }; blockOffset: number; blockLength: number }) => [
        block.cid['/'],
        block.blockOffset,
        block.blockLength,
      ]),
    )
  })

  test('finds the same CARv1 in the CARv2 made of it', async () => {
    const v1 = sample('sample-v1.car')
    const wrapped = await decodeAll(sample('sample-wrapped-v2.car'), {}, () => 65_536)
    expect(wrapped.version).toBe(2)
    expect(wrapped.payload.equals(v1)).toBe(true)
    expect(wrapped.blocks).toHaveLength(1049)
    expect((await decodeAll(sample('sample-unixfs-v2.car'))).blocks.length).toBeGreaterThan(1)
  })

  test.each(['sample-v1.car', 'sample-unixfs-v2.car', 'carv1-basic.car'])('verifies every block of %s', async (name) => {
    const car = await decodeCar(inPieces(sample(name), () => 4096))
    let count = 0
    for await (const { cid, bytes } of car.blocks) {
      // Filecoin's state has identity CIDs, which are refused as blocks: there is nothing to verify.
      if (cid.multihash.code === 0) continue
      await verifyBlock(cid, bytes)
      count++
    }
    expect(count).toBeGreaterThan(0)
  })

  test('refuses the file with a corrupt pragma, the one with an empty section, and indexes', async () => {
    expect(await errorOf(sample('sample-corrupt-pragma.car'))).not.toBe('no error')
    expect(await errorOf(sample('sample-v1-with-zero-len-section2.car'))).toBe('Invalid CAR section (zero length)')
    for (const name of ['sample-index.carindex', 'sample-multihash-index-sorted.carindex']) {
      expect(await errorOf(sample(name))).not.toBe('no error')
    }
  })
})

test('a CID read from a CAR does not keep the chunk it came in', async () => {
  const car = await decodeCar(inPieces(small, () => 10_000))
  for await (const { cid } of car.blocks) expect(cid.multihash.bytes.buffer.byteLength).toBe(36)
})
