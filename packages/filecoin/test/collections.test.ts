import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { amtCount, amtEntries, findInAmt } from '../src/amt.ts'
import { buildAmt } from '../src/amt-build.ts'
import { encode, integer } from '../src/cbor/writer.ts'
import { chainCid } from '../src/cid.ts'
import { ChainFormatError } from '../src/errors.ts'
import { findInHamt, hamtEntries } from '../src/hamt.ts'
import { buildHamt } from '../src/hamt-build.ts'
import { collect, readChain } from './real-chain.ts'

const genesis = await readChain('mainnet-genesis-to-epoch3.car')

function memory() {
  const blocks = new Map<string, Uint8Array>()
  return {
    blocks,
    get: (cid: CID) => blocks.get(cid.toString()),
    put: (bytes: Uint8Array) => {
      const cid = chainCid(bytes)
      blocks.set(cid.toString(), bytes)
      return cid
    },
  }
}

const key = (text: string) => new TextEncoder().encode(text)
const value = (number: number) => encode(integer(number))

describe('an AMT', () => {
  it.each([undefined, 3, 5, 6])('of bit width %s gives back what was put in', async (bitWidth) => {
    const { get, put } = memory()
    for (const indexes of [
      [],
      [0],
      [7, 8],
      [0, 1, 63, 64, 65, 4095],
      [1_000_000],
      Array.from({ length: 500 }, (_, i) => i * 3),
    ]) {
      const entries = indexes.map((index) => ({ index, value: value(index) }))
      const root = buildAmt(put, entries, bitWidth)
      expect(await collect(amtEntries(get, root))).toEqual(entries)
      expect(await amtCount(get, root)).toBe(entries.length)
      for (const { index } of entries) expect(await findInAmt(get, root, index)).toEqual(value(index))
      expect(await findInAmt(get, root, 2_000_000_000)).toBeUndefined()
      expect(await findInAmt(get, root, 2)).toBeUndefined()
    }
  })

  it('that is empty is the block the chain has everywhere', () => {
    expect(buildAmt(memory().put, []).toString()).toBe('bafy2bzacedswlcz5ddgqnyo3sak3jmhmkxashisnlpq6ujgyhe4mlobzpnhs6')
  })

  it('names the block that is not there, or says which indexes it is for', async () => {
    const { get, put, blocks } = memory()
    const root = buildAmt(
      put,
      [0, 9, 100].map((index) => ({ index, value: value(index) })),
      3,
    )
    const [first] = blocks.keys()
    blocks.delete(first!)
    await expect(collect(amtEntries(get, root))).rejects.toMatchObject({
      code: 'BLOCK_NOT_FOUND',
      message: expect.stringContaining(first!),
    })
    const missing: [number, number][] = []
    const found = await collect(amtEntries(get, root, { onMissing: (_cid, from, length) => missing.push([from, length]) }))
    expect(found.map(({ index }) => index)).toEqual([9, 100])
    expect(missing).toEqual([[0, 8]])
  })

  it('of real deals is written again as the same blocks', async () => {
    if (!genesis) return
    const { amts } = await realRoots()
    expect(amts.length).toBeGreaterThan(3)
    for (const root of amts) {
      const { put } = memory()
      expect(buildAmt(put, await collect(amtEntries(genesis.get, root))).equals(root)).toBe(true)
    }
  })
})

/** Roots of whole old AMTs among the blocks of genesis: [height, count, node]. */
async function realRoots() {
  const amts: CID[] = []
  for (const [cid, bytes] of genesis!.entries()) {
    if (cid.code !== 0x71 || bytes[0] !== 0x83) continue
    const count = await amtCount(genesis!.get, cid).catch(() => undefined)
    const entries = count === undefined ? undefined : await collect(amtEntries(genesis!.get, cid)).catch(() => undefined)
    if (entries && entries.length === count && count > 0) amts.push(cid)
  }
  return { amts }
}

describe('a HAMT', () => {
  it.each([0, 1, 3, 4, 100, 5_000])('of %i entries gives back what was put in', async (count) => {
    const { get, put } = memory()
    const entries = Array.from({ length: count }, (_, i) => ({ key: key(`key ${i}`), value: value(i) }))
    const root = buildHamt(put, entries)
    const found = await collect(hamtEntries(get, root))
    expect(found.length).toBe(count)
    for (const { key, value } of entries.slice(0, 300)) expect(await findInHamt(get, root, key)).toEqual(value)
    expect(await findInHamt(get, root, key('nobody'))).toBeUndefined()
  })

  it('has one form, whatever the order', () => {
    const entries = Array.from({ length: 300 }, (_, i) => ({ key: key(`key ${i}`), value: value(i) }))
    expect(buildHamt(memory().put, entries.toReversed()).equals(buildHamt(memory().put, entries))).toBe(true)
  })

  it('that is empty is the block the chain has everywhere', () => {
    expect(buildHamt(memory().put, []).toString()).toBe('bafy2bzaceamp42wmmgr2g2ymg46euououzfyck7szknvfacqscohrvaikwfay')
  })

  it.each([
    ['bits without pointers', '8241ff80'],
    ['a bucket of four', '8241018184824101018241020182410301824104 01'.replaceAll(' ', '')],
    ['an empty bucket', '82410181 80'.replaceAll(' ', '')],
    ['a bit map of five bytes', '82450101010101 80'.replaceAll(' ', '')],
    ['more behind it', '82408000'],
    ['nothing', ''],
  ])('is refused with %s', async (_name, hex) => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
    await expect(collect(hamtEntries(() => bytes, CID.parse('bafkqaaa')))).rejects.toThrow(ChainFormatError)
  })

  it('that links to itself ends', async () => {
    const { put } = memory()
    const root = buildHamt(
      put,
      Array.from({ length: 40 }, (_, i) => ({ key: key(`${i}`), value: value(i) })),
    )
    const { encode: write, link, tuple, byteString } = await import('../src/cbor/writer.ts')
    const loop = write(tuple(byteString(Uint8Array.of(1)), tuple(link(root))))
    await expect(collect(hamtEntries(() => loop, root))).rejects.toMatchObject({ code: 'INVALID_NODE' })
  })
})
