import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Aggregate, Inclusion, Piece as OraclePiece } from '@web3-storage/data-segment'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../../../test/setup/shared-data.ts'
import { partBytes, type RecipePart } from '../../src/aggregate/recipe.ts'
import { encodeEntry } from '../../src/aggregate/segments/entry.ts'
import {
  decodeAggregationProof,
  decodeInclusionProof,
  encodeAggregationProof,
  encodeInclusionProof,
  type InclusionProof,
  verifyInclusion,
} from '../../src/aggregate/segments/inclusion.ts'
import { indexEntries, indexRange, indexStart, parseIndex } from '../../src/aggregate/segments/index-area.ts'
import { layOutSegments, type Segment } from '../../src/aggregate/segments/layout.ts'
import { heightOfAggregate, placeSegments } from '../../src/aggregate/segments/place.ts'
import { sparseTree } from '../../src/aggregate/segments/sparse-tree.ts'
import { rawCid } from '../../src/hash/cid.ts'
import { commPHasher } from '../../src/piece/commp.ts'
import { pad, unpad } from '../../src/piece/fr32.ts'
import { capacityBytes, type Piece, paddedBytes } from '../../src/piece/piece.ts'
import { pieceCidV1, pieceCidV2 } from '../../src/piece/piece-cid.ts'
import { hashPairsPortable } from '../../src/piece/portable-pairs.ts'
import { pattern, seeded } from '../oracle.ts'
import golden from './golden-inclusion.json' with { type: 'json' }

const sample = sharedData('filecoin/datasegment')

function pieceOf(bytes: Uint8Array): Piece {
  const hasher = commPHasher(hashPairsPortable)
  hasher.write(bytes)
  return hasher.digest()
}

/** Shards of these bytes, each as a piece. */
async function segmentsOf(
  shards: readonly Uint8Array[],
): Promise<{ segments: Segment[]; bytesOf(parts: Iterable<RecipePart>): Uint8Array }> {
  const files = new Map<string, Uint8Array>()
  const segments: Segment[] = []
  for (const bytes of shards) {
    const shard = await rawCid(bytes)
    files.set(shard.toString(), bytes)
    segments.push({ ...pieceOf(bytes), shard })
  }
  const bytesOf = (parts: Iterable<RecipePart>) =>
    new Uint8Array(
      Buffer.concat(
        [...parts].map((part) => {
          if (part.kind === 'bytes') return part.bytes
          if (part.kind === 'zeros') return new Uint8Array(part.length)
          return files.get(part.shard.toString())!.subarray(part.offset, part.offset + part.length)
        }),
      ),
    )
  return { segments, bytesOf }
}

function bytesOfHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

function goldenProof(): InclusionProof {
  const { subtree, index } = golden
  return {
    subtree: { index: subtree.index, path: subtree.path.map(bytesOfHex) },
    index: { index: index.index, path: index.path.map(bytesOfHex) },
  }
}

const goldenSegment = { root: bytesOfHex(`0d0e0a010003${'00'.repeat(26)}`), height: 24 }

describe.skipIf(sample === undefined)('the sample aggregate of the Go implementation', () => {
  const file = (name: string) => new Uint8Array(readFileSync(join(sample!, name)))

  test('is made again byte for byte', async () => {
    const deal = file('deal.data')
    // The second CAR is not with the sample; what its segment holds of the aggregate is the same piece.
    const second = deal.subarray(capacityBytes(14), capacityBytes(14) + capacityBytes(13))
    const { segments, bytesOf } = await segmentsOf([file('cat.png.car'), second])
    const aggregate = layOutSegments(segments.reverse(), 15)
    expect(String(pieceCidV1(aggregate.piece))).toBe('baga6ea4seaqnqkeoqevjjjfe46wo2lpfclcbmkyms4wkz5srou3vzmr3w3c72bq')
    expect(Buffer.from(bytesOf(aggregate.parts())).equals(deal)).toBe(true)
  })

  test('has an index that is read as it was written', () => {
    const expected = JSON.parse(readFileSync(join(sample!, 'index.json'), 'utf8')) as {
      CommDs: number[]
      Offset: number
      Size: number
    }[]
    const { offset, length } = indexRange(15)
    const { entries, invalid } = parseIndex(file('deal.data').subarray(offset, offset + length), 15)
    expect(invalid).toBe(0)
    expect(entries.map(({ root, offset, height }) => ({ CommDs: [...root], Offset: offset, Size: paddedBytes(height) }))).toEqual(
      expected.map(({ CommDs, Offset, Size }) => ({ CommDs, Offset, Size })),
    )
    expect(String(pieceCidV1(pieceOf(file('index.data'))))).toBe(
      'baga6ea4seaqhcxljs2dth37blnnevcbzvf2bkveytmtpdiq6lwseenadxzzoyei',
    )
  })
})

describe('layOutSegments', () => {
  test('makes what an independent implementation makes: root, index and proofs', async () => {
    const random = seeded(11)
    const { segments, bytesOf } = await segmentsOf(Array.from({ length: 9 }, (_, index) => pattern(66 + random(3000), index)))
    const aggregate = layOutSegments(segments, 16)
    const oracle = Aggregate.build({
      pieces: aggregate.entries.map((entry) => OraclePiece.fromString(String(pieceCidV2(entry)))),
      size: Aggregate.Size.from(BigInt(paddedBytes(16))),
    })
    expect(String(pieceCidV2(aggregate.piece))).toBe(String(oracle.link))
    expect(String(pieceCidV2(pieceOf(bytesOf(aggregate.parts()))))).toBe(String(oracle.link))
    for (const [position, entry] of aggregate.entries.entries()) {
      const proof = aggregate.prove(position)
      const theirs = oracle.resolveProof(OraclePiece.fromString(String(pieceCidV2(entry))).link)
      if (!theirs.ok) throw theirs.error
      expect(Buffer.from(encodeInclusionProof(proof)).equals(Inclusion.encode(theirs.ok))).toBe(true)
      expect(verifyInclusion(entry, proof)).toEqual({ root: aggregate.piece.root, height: 16 })
    }
  })

  test('gives the same bytes whatever the order of the segments, and puts the same piece in once', async () => {
    const { segments, bytesOf } = await segmentsOf([pattern(200, 1), pattern(200, 2), pattern(5000, 3)])
    const first = bytesOf(layOutSegments(segments, 12).parts())
    const second = bytesOf(layOutSegments([...segments].reverse().concat(segments), 12).parts())
    expect(Buffer.from(first).equals(second)).toBe(true)
  })

  test('fills the whole of the aggregate, and lets each segment be read alone', async () => {
    const shards = [pattern(300, 1), pattern(70, 2), pattern(129, 3)]
    const { segments, bytesOf } = await segmentsOf(shards)
    const { parts, entries } = layOutSegments(segments, 9)
    expect([...parts()].reduce((sum, part) => sum + partBytes(part), 0)).toBe(capacityBytes(9))
    const data = bytesOf(parts())
    for (const { offset, payloadBytes, shard } of entries) {
      const at = (offset / 128) * 127
      const expected = shards[segments.findIndex((segment) => segment.shard.equals(shard))]!
      expect(Buffer.from(data.subarray(at, at + payloadBytes)).equals(expected)).toBe(true)
    }
    expect([...parts()].every((part) => partBytes(part) > 0)).toBe(true)
  })

  test('is quick with many segments', () => {
    const shard = CID.parse('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
    const segments = Array.from({ length: 20_000 }, (_, index) => {
      const root = pattern(32, index)
      root[31]! &= 0x3f
      return { root, height: 5, payloadBytes: 1000, shard }
    })
    const aggregate = layOutSegments(segments, 27)
    const last = aggregate.entries.at(-1)!
    expect(verifyInclusion(last, aggregate.prove(19_999)).root).toEqual(aggregate.piece.root)
  })
})

describe('placeSegments', () => {
  test('fills an aggregate to its index and not further', () => {
    expect(indexEntries(30)).toBe(262_144)
    expect(indexEntries(15)).toBe(8)
    expect(indexStart(15)).toBe(1_048_064)
    expect(placeSegments([{ height: 14 }, { height: 13 }], 15)).toEqual([0, 524_288])
    expect(placeSegments([{ height: 2 }, { height: 4 }, { height: 3 }], 9)).toEqual([0, 512, 1024])
    expect(placeSegments([{ height: 3 }], 4)).toEqual([0])
    expect(() => placeSegments([{ height: 14 }, { height: 14 }], 15)).toThrow('in front of its index')
    expect(() => placeSegments(Array(9).fill({ height: 2 }), 15)).toThrow('9 segments do not fit an index of 8')
    expect(() => placeSegments([], 15)).toThrow('at least one')
    expect(() => placeSegments([{ height: 1 }], 15)).toThrow('has a height of')
    expect(() => placeSegments([{ height: 2 }], 3)).toThrow('has a height of')
    expect(heightOfAggregate([{ height: 14 }, { height: 14 }])).toBe(16)
    expect(heightOfAggregate([{ height: 2 }])).toBe(4)
  })
})

describe('verifyInclusion', () => {
  test('finds the aggregate of the golden proof of the Go implementation', () => {
    const { root, height } = verifyInclusion(goldenSegment, goldenProof())
    expect(Buffer.from(root).toString('hex')).toBe('3f46bc645b07a3ea2c04f066f939ddf7e269dd77671f9e1e61a3a3797e665127')
    expect(paddedBytes(height)).toBe(32 * 2 ** 30)
  })

  test('accepts no other proof: each byte of it counts, and so does each length', () => {
    const right = Buffer.from(verifyInclusion(goldenSegment, goldenProof()).root).toString('hex')
    const holds = (proof: InclusionProof) => {
      try {
        return Buffer.from(verifyInclusion(goldenSegment, proof).root).toString('hex') === right
      } catch (error) {
        expect(error).toMatchObject({ code: 'INVALID_PROOF' })
        return false
      }
    }
    expect(holds(goldenProof())).toBe(true)
    for (const half of ['subtree', 'index'] as const) {
      for (let node = 0; node < golden[half].path.length; node++) {
        for (let byte = 0; byte < 32; byte++) {
          const proof = goldenProof()
          proof[half].path[node]![byte]! ^= 1
          expect(holds(proof)).toBe(false)
        }
      }
      const { index, path } = goldenProof()[half]
      for (const other of [
        { index: index + 1, path },
        { index: index - 1, path },
        { index: -1, path },
        { index: 0.5, path },
        { index: Number.MAX_SAFE_INTEGER, path },
        { index, path: path.slice(1) },
        { index, path: [...path, path[0]!] },
        { index, path: path.with(2, path[2]!.subarray(1)) },
        { index, path: [] },
        { index, path: Array(1000).fill(path[0]!) },
      ]) {
        expect(holds({ ...goldenProof(), [half]: other })).toBe(false)
      }
    }
    expect(() => verifyInclusion({ ...goldenSegment, height: 23 }, goldenProof())).toThrow('different sizes')
    expect(() => verifyInclusion({ ...goldenSegment, height: 45 }, goldenProof())).toThrow('more than the limit')
  })

  test('refuses an entry that stands in front of the index, where anybody can put one', async () => {
    const { segments } = await segmentsOf([pattern(300)])
    const { entries } = layOutSegments(segments, 9)
    // The entry as data of a second segment: it is under the root, but not in the index.
    const forged = unpad(new Uint8Array(Buffer.concat([encodeEntry(entries[0]!), new Uint8Array(64)])))
    const both = await segmentsOf([pattern(300), forged])
    const aggregate = layOutSegments(both.segments, 9)
    expect(aggregate.entries[0]!.root).toEqual(entries[0]!.root)
    const leaves = pad(both.bytesOf(aggregate.parts()))
    const nodes = Array.from({ length: leaves.length / 32 }, (_, index) => ({
      height: 0,
      index,
      node: leaves.subarray(index * 32, index * 32 + 32),
    }))
    const whole = sparseTree(nodes, 9)
    const proof = aggregate.prove(0)
    expect(whole.node(9, 0)).toEqual(aggregate.piece.root)
    expect(verifyInclusion(entries[0]!, proof).root).toEqual(aggregate.piece.root)
    const elsewhere = { ...proof, index: whole.prove(1, aggregate.entries[1]!.offset / 64) }
    expect(() => verifyInclusion(entries[0]!, elsewhere)).toThrow('the entry is not in the index')
  })

  test('survives its encodings, and reads none of another form', () => {
    const proof = goldenProof()
    const bytes = encodeInclusionProof(proof)
    expect(decodeInclusionProof(bytes)).toEqual(proof)
    const whole = encodeAggregationProof({ inclusion: proof, dealIds: [7, 8] })
    expect(decodeAggregationProof(whole)).toEqual({ inclusion: proof, dealIds: [7, 8] })
    for (const broken of [
      new Uint8Array(),
      bytes.subarray(1),
      bytes.subarray(0, -1),
      whole,
      new Uint8Array([0x80]),
      new Uint8Array([0x82, 0, 0]),
    ]) {
      expect(() => decodeInclusionProof(broken)).toThrow(expect.objectContaining({ code: 'INVALID_PROOF' }))
    }
    expect(() => decodeAggregationProof(bytes)).toThrow(expect.objectContaining({ code: 'INVALID_PROOF' }))
  })
})

describe('parseIndex', () => {
  test('takes what is valid, counts what is not, and believes nothing beyond the aggregate', async () => {
    const { segments, bytesOf } = await segmentsOf([pattern(300, 1), pattern(200, 2), pattern(100, 3)])
    const { parts, entries } = layOutSegments(segments, 9)
    const { offset, length } = indexRange(9)
    const padded = pad(bytesOf(parts()).slice(offset, offset + length))
    const read = (change: (padded: Uint8Array) => void) => {
      const copy = padded.slice()
      change(copy)
      return parseIndex(unpad(copy), 9)
    }
    expect(read(() => {})).toMatchObject({ invalid: 0, entries: entries.map(({ root, offset }) => ({ root, offset })) })
    for (let byte = 0; byte < 64; byte++) {
      // The two bits that padding leaves zero do not come through.
      expect(read((copy) => copy.set([copy[byte]! ^ 1], byte))).toMatchObject({
        invalid: 1,
        entries: [{ position: 1 }, { position: 2 }],
      })
    }
    const root = segments[0]!.root
    for (const entry of [
      { root, height: 9, offset: 0 },
      { root, height: 4, offset: indexStart(9) },
      { root, height: 2, offset: paddedBytes(9) },
      { root, height: 3, offset: 128 },
      { root, height: 1, offset: 0 },
    ]) {
      expect(
        read((copy) => copy.set(encodeEntry(entry), 0)),
        JSON.stringify(entry),
      ).toMatchObject({ invalid: 1 })
    }
    expect(read((copy) => copy.fill(0xff))).toMatchObject({ entries: [], invalid: 4 })
    expect(read((copy) => copy.fill(0))).toEqual({ entries: [], invalid: 0 })
    expect(() => parseIndex(new Uint8Array(length + 1), 9)).toThrow('The index takes')
    expect(() => parseIndex(new Uint8Array(), 31)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
    expect(() => parseIndex(new Uint8Array(), 99)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
  })
})
