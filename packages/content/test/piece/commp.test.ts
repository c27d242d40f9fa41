import { readFileSync } from 'node:fs'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../../../test/setup/shared-data.ts'
import { commPHasher } from '../../src/piece/commp.ts'
import { hashFewPairs } from '../../src/piece/hash-pairs.ts'
import { type Piece, paddedBytes, padPieceTo, zeroNodes } from '../../src/piece/piece.ts'
import { parsePieceCid, pieceCidV1, pieceCidV2 } from '../../src/piece/piece-cid.ts'
import { hashPairsPortable } from '../../src/piece/portable-pairs.ts'
import { SLAB_DATA_BYTES } from '../../src/piece/slab.ts'
import { pattern, seeded } from '../oracle.ts'
import { naivePad, naiveRoot, naiveTree } from './naive.ts'

function pieceOf(...chunks: Uint8Array[]): Piece {
  const hasher = commPHasher(hashPairsPortable)
  for (const chunk of chunks) hasher.write(chunk)
  return hasher.digest()
}

function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte)
}

/** 127 bytes of 0, 127 of 1, of 2 and of 3. */
const zeroToThree = new Uint8Array(508).map((_, at) => Math.floor(at / 127))

describe('known answers of FRC-0069', () => {
  test('127 bytes each of 0, 1, 2 and 3', () => {
    const piece = pieceOf(zeroToThree)
    expect(String(pieceCidV1(piece))).toBe('baga6ea4seaqes3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi')
    expect(String(pieceCidV2(piece))).toBe('bafkzcibcaaces3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi')
    expect(piece).toMatchObject({ height: 4, payloadBytes: 508 })
  })

  test.each([
    [0, 'bafkzcibcp4bdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy'],
    [127, 'bafkzcibcaabdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy'],
    [128, 'bafkzcibcpybwiktap34inmaex4wbs6cghlq5i2j2yd2bb2zndn5ep7ralzphkdy'],
  ])('%i zeros', (length, cid) => {
    expect(String(pieceCidV2(pieceOf(new Uint8Array(length))))).toBe(cid)
  })

  test.each([
    [
      508,
      'baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa',
      'bafkzcibcaac542av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa',
    ],
    [4, undefined, 'bafkzcibd7abqlxticxolgseegik2stpfgkkuwyf6kufex3doorkvmzpjuxwe4dz4'],
    [5, undefined, 'bafkzcibd64bqlxticxolgseegik2stpfgkkuwyf6kufex3doorkvmzpjuxwe4dz4'],
  ])('the same with %i zeros behind', (zeros, v1, v2) => {
    const piece = pieceOf(zeroToThree, new Uint8Array(zeros))
    if (v1 !== undefined) expect(String(pieceCidV1(piece))).toBe(v1)
    expect(String(pieceCidV2(piece))).toBe(v2)
  })

  test('an empty piece of 32 GiB, and the tree over zeros of 64 GiB', () => {
    const empty = { root: zeroNodes(30)[30]!, height: 30, payloadBytes: 32 * 2 ** 30 * (127 / 128) }
    expect(paddedBytes(30)).toBe(32 * 2 ** 30)
    expect(String(pieceCidV1(empty))).toBe('baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq')
    expect(String(pieceCidV2(padPieceTo({ ...pieceOf(new Uint8Array()), payloadBytes: empty.payloadBytes }, 30)))).toBe(
      String(pieceCidV2(empty)),
    )
  })
})

test('gives what the definition gives, for lengths around leaves, quads, groups and slabs', () => {
  const near = [1, 31, 32, 63, 64, 65, 126, 127, 128, 254, 508, 509, 1016, 8128]
  const slabs = [SLAB_DATA_BYTES - 1, SLAB_DATA_BYTES, SLAB_DATA_BYTES + 1, SLAB_DATA_BYTES * 2 - 127, SLAB_DATA_BYTES * 3 + 5]
  for (const length of [...near, ...slabs]) {
    const data = pattern(length, length)
    expect(Buffer.from(pieceOf(data).root).equals(naiveRoot(data)), `${length} bytes`).toBe(true)
  }
})

test('does not care how the bytes are cut', () => {
  const next = seeded(3)
  const data = pattern(700_000)
  const whole = pieceOf(data)
  for (let round = 0; round < 10; round++) {
    const hasher = commPHasher(hashPairsPortable)
    for (let at = 0; at < data.length; ) {
      const length = next(10) === 0 ? 0 : 1 + next(round < 5 ? 5000 : 400_000)
      hasher.write(data.subarray(at, at + length))
      at += length
    }
    expect(hasher.digest()).toEqual(whole)
  }
})

test('hashes the same with either hasher of pairs', () => {
  const hasher = commPHasher(hashFewPairs)
  const data = pattern(100_000)
  hasher.write(data)
  expect(hasher.digest()).toEqual(pieceOf(data))
})

test('takes no bytes after its digest, and gives the digest again', () => {
  const hasher = commPHasher(hashPairsPortable)
  hasher.write(filled(300, 1))
  const piece = hasher.digest()
  expect(hasher.digest()).toEqual(piece)
  expect(() => hasher.write(filled(1, 1))).toThrow('A piece takes no bytes after its digest.')
})

test('keeps any level, whose nodes are those of the tree', () => {
  const data = pattern(SLAB_DATA_BYTES * 2 + 70_000)
  const levels = naiveTree(naivePad(data))
  for (const keepLevel of [2, 7, 13]) {
    const hasher = commPHasher(hashPairsPortable, { keepLevel })
    hasher.write(data)
    expect(hasher.digest().height).toBe(levels.length - 1)
    const { height, nodes } = hasher.keptLevel()
    expect(height).toBe(keepLevel)
    for (let at = 0; at * 32 < nodes.length; at++) {
      expect(Buffer.from(nodes.subarray(at * 32, at * 32 + 32)).equals(levels[keepLevel]![at]!)).toBe(true)
    }
    expect(nodes.length / 32).toBeGreaterThanOrEqual(Math.ceil((data.length * 128) / 127 / 32 / 2 ** keepLevel))
  }
})

test('keeps the root of a tree that is not as high as the level asked for', () => {
  const hasher = commPHasher(hashPairsPortable, { keepLevel: 13 })
  hasher.write(filled(500, 3))
  const piece = hasher.digest()
  expect(hasher.keptLevel()).toEqual({ height: 4, nodes: piece.root })
})

test.each([1, 14, 2.5, Number.NaN])('refuses to keep level %s', (keepLevel) => {
  expect(() => commPHasher(hashPairsPortable, { keepLevel })).toThrow('A level to be kept is 2 to 13')
})

test('the padded form of a piece is the piece of the data with zeros behind it', () => {
  const piece = pieceOf(pattern(5000))
  const padded = padPieceTo(piece, 10)
  expect(Buffer.from(padded.root).equals(naiveTree(naivePad(pattern(5000)), 10).at(-1)![0]!)).toBe(true)
  expect(padded.payloadBytes).toBe(5000)
  expect(padPieceTo(piece, piece.height)).toEqual(piece)
  expect(() => padPieceTo(piece, piece.height - 1)).toThrow('cannot become one of height')
})

/** Rows `payload bytes, padded bytes, piece CID` made by Lotus. */
function rows(csv: string): { payloadBytes: number; pieceBytes: number; cid: string }[] {
  return readFileSync(csv, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(','))
    .filter((fields) => fields.length >= 3 && /^\d+$/.test(fields[0]!))
    .map(([payloadBytes, pieceBytes, cid]) => ({ payloadBytes: Number(payloadBytes), pieceBytes: Number(pieceBytes), cid: cid! }))
}

describe('known answers of other implementations', () => {
  const zero = sharedData('filecoin/commp/hashhash-zero.csv')
  const cc = sharedData('filecoin/commp/hashhash-0xCC.csv')
  const random = sharedData('filecoin/commp/hashhash-random.csv')
  const randomBytes = sharedData('filecoin/commp/go-random-seed1337-1MiB.bin')

  test.skipIf(zero === undefined || cc === undefined)('zeros and 0xCC, from Lotus', () => {
    for (const [file, byte] of [
      [zero!, 0],
      [cc!, 0xcc],
    ] as const) {
      const all = rows(file)
      expect(all.length).toBe(18)
      for (const { payloadBytes, pieceBytes, cid } of all) {
        const piece = pieceOf(filled(payloadBytes, byte))
        expect({ cid: String(pieceCidV1(piece)), pieceBytes: paddedBytes(piece.height) }).toEqual({ cid, pieceBytes })
      }
    }
  })

  test.skipIf(random === undefined || randomBytes === undefined)('random bytes up to 1 MiB, from Lotus', () => {
    const bytes = readFileSync(randomBytes!)
    const small = rows(random!).filter(({ payloadBytes }) => payloadBytes <= bytes.length)
    expect(small.length).toBeGreaterThan(60)
    for (const { payloadBytes, pieceBytes, cid } of small) {
      const piece = pieceOf(bytes.subarray(0, payloadBytes))
      expect({ payloadBytes, cid: String(pieceCidV1(piece)), pieceBytes: paddedBytes(piece.height) }).toEqual({
        payloadBytes,
        cid,
        pieceBytes,
      })
    }
  })

  const catCar = sharedData('filecoin/datasegment/cat.png.car')
  const catCommp = sharedData('filecoin/datasegment/cat.png.car.commp')
  test.skipIf(catCar === undefined || catCommp === undefined)('a real CAR, from boostx', () => {
    const cid = pieceCidV1(pieceOf(readFileSync(catCar!)))
    expect(readFileSync(catCommp!, 'utf8')).toContain(String(cid))
  })

  const indexData = sharedData('filecoin/datasegment/index.data')
  const indexCommp = sharedData('filecoin/datasegment/index.data.commp')
  test.skipIf(indexData === undefined || indexCommp === undefined)('the index of an aggregate, from boostx', () => {
    const cid = pieceCidV1(pieceOf(readFileSync(indexData!)))
    expect(readFileSync(indexCommp!, 'utf8')).toContain(String(cid))
  })

  const deal = sharedData('filecoin/datasegment/deal.data')
  test.skipIf(deal === undefined)('a whole aggregate, from the Go reference implementation', () => {
    expect(String(pieceCidV1(pieceOf(readFileSync(deal!))))).toBe(
      'baga6ea4seaqnqkeoqevjjjfe46wo2lpfclcbmkyms4wkz5srou3vzmr3w3c72bq',
    )
  })
})

test('a piece CID of either version says what it was made of', () => {
  const piece = pieceOf(pattern(5000))
  expect(parsePieceCid(CID.parse(String(pieceCidV1(piece))))).toEqual({ version: 1, root: piece.root })
  expect(parsePieceCid(CID.parse(String(pieceCidV2(piece))))).toEqual({ version: 2, piece })
})
