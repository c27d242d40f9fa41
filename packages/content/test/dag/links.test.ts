import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { linksOf } from '../../src/dag/links.ts'
import { dagBytesOf } from '../../src/dag/size.ts'
import { ContentError } from '../../src/errors.ts'
import { cidOf, DAG_CBOR, DAG_JSON, DAG_PB, RAW } from '../../src/hash/cid.ts'

const a = CID.parse('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')
const b = CID.parse('QmNX6Tffavsya4xgBi2VJQnSuqy9GsxongxZZ9uZBqp16d')

async function links(codec: number, bytes: Uint8Array): Promise<string[] | undefined> {
  return linksOf(await cidOf(codec, bytes), bytes)?.map(String)
}

async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof ContentError) return error.code
    throw error
  }
  return 'no error'
}

describe('linksOf', () => {
  test('lists the links of dag-pb in order, repeated ones included', async () => {
    const Links = [a, b, a].map((Hash) => ({ Hash, Name: '', Tsize: 1 }))
    expect(await links(DAG_PB, dagPb.encode({ Links }))).toEqual([a, b, a].map(String))
  })

  test('finds links anywhere in dag-cbor and dag-json, in the order of the block', async () => {
    const value = { list: [[a], { deep: { er: b } }], link: b, __: null, bytes: new Uint8Array([1]), proto: { a } }
    for (const [codec, bytes] of [
      [DAG_CBOR, dagCbor.encode(value)],
      [DAG_JSON, dagJson.encode(value)],
    ] as const) {
      const found = await links(codec, bytes)
      expect([...found!].sort()).toEqual([a, a, b, b].map(String).sort())
    }
    expect(await links(DAG_CBOR, dagCbor.encode([a, [b, a], b]))).toEqual([a, b, a, b].map(String))
    expect(await links(DAG_CBOR, dagCbor.encode(a))).toEqual([String(a)])
  })

  test('finds a link under a key called __proto__', async () => {
    const value = Object.defineProperty({}, '__proto__', { value: [a], enumerable: true })
    expect(await links(DAG_CBOR, dagCbor.encode(value))).toEqual([String(a)])
  })

  test('knows that raw, cbor, json and identity blocks have none, and that it cannot tell for others', async () => {
    for (const codec of [RAW, 0x51, 0x0200, 0x00]) expect(await links(codec, new Uint8Array([0xff]))).toEqual([])
    for (const codec of [0x78, 0x90, 0x0202]) expect(await links(codec, new Uint8Array([0xff]))).toBeUndefined()
  })

  test.each([
    ['dag-pb', DAG_PB],
    ['dag-cbor', DAG_CBOR],
    ['dag-json', DAG_JSON],
  ])('refuses bytes that are not %s', async (_, codec) => {
    expect(await codeOf(() => links(codec, new Uint8Array([0xff, 0xff, 0xff])))).toBe('INVALID_BLOCK')
  })

  test('survives data nested as deeply as a block has room for', async () => {
    const cborBomb = new Uint8Array(2_000_000).fill(0x81)
    const jsonBomb = new TextEncoder().encode('['.repeat(2_000_000))
    expect(await codeOf(() => links(DAG_CBOR, cborBomb))).toBe('INVALID_BLOCK')
    expect(await codeOf(() => links(DAG_JSON, jsonBomb))).toBe('INVALID_BLOCK')
    const nested = new Uint8Array(1001).fill(0x81)
    nested[1000] = 0xf6
    expect(await links(DAG_CBOR, nested)).toEqual([])
  })
})

describe('dagBytesOf', () => {
  async function size(codec: number, bytes: Uint8Array): Promise<number | undefined> {
    return dagBytesOf(await cidOf(codec, bytes), bytes)
  }

  test('adds the claims of dag-pb links to the size of the block', async () => {
    const bytes = dagPb.encode({ Links: [a, b].map((Hash) => ({ Hash, Name: '', Tsize: 1000 })) })
    expect(await size(DAG_PB, bytes)).toBe(bytes.length + 2000)
    const without = dagPb.encode({ Links: [{ Hash: a }] })
    expect(await size(DAG_PB, without)).toBe(without.length)
  })

  test('is the length of a raw block, and unknown for other codecs', async () => {
    expect(await size(RAW, new Uint8Array(7))).toBe(7)
    expect(await size(DAG_CBOR, dagCbor.encode({}))).toBeUndefined()
  })

  test('is unknown when the claims do not fit an integer', async () => {
    const Links = [a, b].map((Hash) => ({ Hash, Name: '', Tsize: Number.MAX_SAFE_INTEGER }))
    expect(await size(DAG_PB, dagPb.encode({ Links }))).toBeUndefined()
  })

  test('refuses a root that is not dag-pb', async () => {
    expect(await codeOf(() => size(DAG_PB, new Uint8Array([0xff])))).toBe('INVALID_BLOCK')
  })
})
