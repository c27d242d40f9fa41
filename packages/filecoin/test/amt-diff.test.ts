import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { decodeMarketState } from '../src/actors/market.ts'
import { idAddress } from '../src/address.ts'
import { type AmtEntry, amtEntries } from '../src/amt.ts'
import { buildAmt } from '../src/amt-build.ts'
import { type AmtChange, amtChanges } from '../src/amt-diff.ts'
import { requireBlock } from '../src/blocks.ts'
import { encode, integer } from '../src/cbor/writer.ts'
import { chainCid } from '../src/cid.ts'
import { findActor } from '../src/state-tree.ts'
import { collect, readVectors } from './real-chain.ts'

function memory() {
  const blocks = new Map<string, Uint8Array>()
  const reads: string[] = []
  return {
    blocks,
    reads,
    get: (cid: CID) => {
      reads.push(cid.toString())
      return blocks.get(cid.toString())
    },
    put: (bytes: Uint8Array) => {
      const cid = chainCid(bytes)
      blocks.set(cid.toString(), bytes)
      return cid
    },
  }
}

const value = (number: number) => encode(integer(number))
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')

/** What `amtChanges` should say, by reading both arrays whole. */
function expected(before: Iterable<AmtEntry>, after: Iterable<AmtEntry>) {
  const [old, now] = [before, after].map((entries) => new Map([...entries].map(({ index, value }) => [index, text(value)])))
  return [...new Set([...old!.keys(), ...now!.keys()])]
    .sort((a, b) => a - b)
    .filter((index) => old!.get(index) !== now!.get(index))
    .map((index) => ({ index, before: old!.get(index), after: now!.get(index) }))
}

const shown = ({ index, before, after }: AmtChange) => ({ index, before: text(before), after: text(after) })

/** The same numbers in every run (mulberry32). */
function randomNumbers(seed: number) {
  let state = seed
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

describe('the changes between two AMTs', () => {
  it('are those that reading both whole would find, whatever their sizes', async () => {
    const random = randomNumbers(20_240_630)
    for (let round = 0; round < 150; round++) {
      const { get, put } = memory()
      const bitWidth = [undefined, 3, 5, 6][random(4)]
      const range = [1, 40, 3_000, 2_000_000][random(4)] as number
      const before = new Map(Array.from({ length: random(200) }, () => [random(range), random(5)]))
      const after = new Map(before)
      for (let i = random(60); i > 0; i--) after.set(random([1, 40, 3_000, 2_000_000][random(4)] as number), random(5))
      for (const index of [...after.keys()]) if (random(8) === 0) after.delete(index)
      const entries = (map: Map<number, number>) => Array.from(map, ([index, number]) => ({ index, value: value(number) }))
      const roots = [before, after].map((map) => buildAmt(put, entries(map), bitWidth))
      const found = await collect(amtChanges(get, roots[0], roots[1]!))
      expect(found.map(shown)).toEqual(expected(entries(before), entries(after)))
      expect((await collect(amtChanges(get, undefined, roots[1]!))).map(shown)).toEqual(expected([], entries(after)))
    }
  })

  it('are found by reading only what differs', async () => {
    const { get, put, reads } = memory()
    const entries = Array.from({ length: 100_000 }, (_, index) => ({ index, value: value(index) }))
    const before = buildAmt(put, entries, 5)
    const after = buildAmt(
      put,
      [...entries.with(77_000, { index: 77_000, value: value(1) }), { index: 100_000, value: value(2) }],
      5,
    )
    expect((await collect(amtChanges(get, before, after))).map(({ index }) => index)).toEqual([77_000, 100_000])
    // Two ways down four levels in each of the two, of which the upper nodes are the same.
    expect(reads.length).toBeLessThanOrEqual(16)
    reads.length = 0
    expect(await collect(amtChanges(get, after, after))).toEqual([])
    expect(reads).toEqual([])
  })

  it('are not looked for where nothing matters', async () => {
    const { get, put, reads } = memory()
    const entries = Array.from({ length: 100_000 }, (_, index) => ({ index, value: value(index) }))
    const root = buildAmt(put, entries, 5)
    const matters = (first: number, length: number) => first <= 5_000 && 5_000 < first + length
    const found = await collect(amtChanges(get, undefined, root, { matters }))
    expect(found.map(({ index }) => index)).toEqual(Array.from({ length: 32 }, (_, i) => 4_992 + i))
    expect(reads.length).toBe(4)
  })

  it('are refused between arrays of different widths, and where a node is missing', async () => {
    const { get, put, blocks } = memory()
    const entries = [0, 40, 2_000].map((index) => ({ index, value: value(index) }))
    const [narrow, wide] = [buildAmt(put, entries, 3), buildAmt(put, entries, 5)]
    await expect(collect(amtChanges(get, narrow, wide))).rejects.toMatchObject({ code: 'UNKNOWN_LAYOUT' })
    const last = [...blocks.keys()].at(-2)!
    blocks.delete(last)
    await expect(collect(amtChanges(get, undefined, wide))).rejects.toMatchObject({ code: 'BLOCK_NOT_FOUND' })
  })
})

describe('the changes a real message of mainnet made to the market', async () => {
  const vectors = await readVectors('nv17-nv18')
  const publishing = vectors.filter(({ name }) => name.includes('PublishStorageDeals'))

  it.skipIf(publishing.length === 0)('are the deals it published', async () => {
    let changed = 0
    for (const { get, stateBefore, stateAfter, receipt } of publishing) {
      const [old, now] = await Promise.all([stateBefore, stateAfter].map((root) => marketAt(get, root)))
      if (!old || !now) continue
      const found = await collect(amtChanges(get, old.proposals, now.proposals))
      const ids = found.map(({ index }) => index)
      expect(found.every(({ before, after }) => before === undefined && after !== undefined)).toBe(true)
      expect(ids).toEqual(Array.from({ length: now.nextDealId - old.nextDealId }, (_, i) => old.nextDealId + i))
      expect(receipt.exitCode === 0).toBe(ids.length > 0)
      changed += ids.length
    }
    expect(changed).toBeGreaterThan(0)
  })
})

async function marketAt(get: (cid: CID) => Uint8Array | undefined, root: CID) {
  const actor = await findActor(get, root, idAddress(5))
  return actor && decodeMarketState(requireBlock(actor.head, get(actor.head)))
}

describe('the entries of a real array', async () => {
  const [vector] = await readVectors('nv17-nv18')

  it.skipIf(!vector)('are all new where there was none, except those that the vector leaves out', async () => {
    const market = await marketAt(vector!.get, vector!.stateBefore)
    const there: number[] = []
    const missing: [number, number][] = []
    const options = { onMissing: (_: CID, first: number, length: number) => missing.push([first, length]) }
    for await (const { index } of amtEntries(vector!.get, market!.proposals, options)) there.push(index)
    const matters = (first: number, length: number) => !missing.some(([from, span]) => from === first && span === length)
    const found = await collect(amtChanges(vector!.get, undefined, market!.proposals, { matters }))
    expect(found.map(({ index }) => index)).toEqual(there)
  })
})
