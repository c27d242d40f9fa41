import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import {
  decodeMinerState,
  decodePartition,
  decodeSectorInfo,
  findSector,
  findSectorPlace,
  findSectorPlaces,
  listDeadlines,
  type MinerState,
  partitionsOf,
} from '../src/actors/miner.ts'
import { loadCodeNames, nameInCode } from '../src/actors/system.ts'
import { idAddress } from '../src/address.ts'
import { amtEntries } from '../src/amt.ts'
import { buildAmt } from '../src/amt-build.ts'
import { bitfieldOf, countOf, encodeBitfield, has } from '../src/bitfield.ts'
import { byteString, encode, integer, link, type Piece, tuple } from '../src/cbor/writer.ts'
import { chainCid } from '../src/cid.ts'
import { decodeMessage } from '../src/message.ts'
import { findActor } from '../src/state-tree.ts'
import { readVectors, type Vector } from './real-chain.ts'

const vectors = [...(await readVectors('nv0-nv2')), ...(await readVectors('nv17-nv18'))]
const passOver = { onMissing: () => {} }

/** The provider a message is to, where its state is among the blocks. */
async function providerOf({ get, message, stateAfter }: Vector) {
  const { to } = decodeMessage(message)
  const actor = to.protocol === 0 ? await findActor(get, stateAfter, to) : undefined
  const head = actor && get(actor.head)
  // f05 and its neighbours are no providers.
  return actor && head && to.payload.length > 1 ? { actor, state: decodeMinerState(head) } : undefined
}

async function countSectors({ get }: Vector, state: MinerState): Promise<number> {
  if (!get(state.sectors)) return 0
  let sectors = 0
  for await (const { index, value } of amtEntries(get, state.sectors, passOver)) {
    const info = decodeSectorInfo(value)
    expect(info.sector).toBe(index)
    expect(info.expiration).toBeGreaterThan(info.activation)
    sectors++
  }
  return sectors
}

async function countPartitions({ get }: Vector, state: MinerState): Promise<number> {
  if (!get(state.deadlines)) return 0
  let partitions = 0
  for (const cid of await listDeadlines(get, state)) {
    const deadline = get(cid)
    if (!deadline || !get(partitionsOf(deadline))) continue
    for await (const { value } of amtEntries(get, partitionsOf(deadline), passOver)) {
      const { sectors, faults } = decodePartition(value)
      expect(countOf(sectors)).toBeGreaterThan(0)
      expect(countOf(faults)).toBeLessThanOrEqual(countOf(sectors))
      partitions++
    }
  }
  return partitions
}

describe.skipIf(vectors.length === 0)('storage providers of mainnet', () => {
  it('have states in which sectors and partitions are found', async () => {
    const found = { providers: 0, sectors: 0, partitions: 0 }
    for (const vector of vectors) {
      const provider = await providerOf(vector)
      if (!provider) continue
      found.providers++
      found.sectors += await countSectors(vector, provider.state)
      found.partitions += await countPartitions(vector, provider.state)
    }
    expect(found).toEqual({ providers: 4, sectors: 42, partitions: 2 })
  })

  it('are told by their code, whose name stands in it or in the manifest', async () => {
    const names: (string | undefined)[] = []
    for (const vector of vectors) {
      const provider = await providerOf(vector)
      if (!provider) continue
      const { code } = provider.actor
      const system = await findActor(vector.get, vector.stateAfter, idAddress(0)).catch(() => undefined)
      names.push(nameInCode(code) ?? (await loadCodeNames(vector.get, system!.head)).get(code.toString()))
    }
    expect(names).toEqual(Array(4).fill('storageminer'))
  })
})

describe('a sector', () => {
  const blocks = new Map<string, Uint8Array>()
  const get = (cid: CID) => blocks.get(cid.toString())
  const put = (bytes: Uint8Array) => {
    const cid = chainCid(bytes)
    blocks.set(cid.toString(), bytes)
    return cid
  }
  const empty = buildAmt(put, [], 3)
  const bits = (...numbers: number[]) => byteString(encodeBitfield(bitfieldOf(numbers)))
  const power = tuple(byteString(new Uint8Array()), byteString(new Uint8Array()))

  function partition(sets: { sectors: number[]; unproven?: number[]; faults?: number[]; terminated?: number[] }): Uint8Array {
    const { sectors, unproven = [], faults = [], terminated = [] } = sets
    return encode(
      tuple(
        bits(...sectors),
        bits(...unproven),
        bits(...faults),
        bits(),
        bits(...terminated),
        link(empty),
        link(empty),
        power,
        power,
        power,
        power,
      ),
    )
  }

  function miner(partitions: Uint8Array[]): MinerState {
    const deadline = (of: Uint8Array[]): Piece =>
      link(
        put(
          encode(
            tuple(
              link(
                buildAmt(
                  put,
                  of.map((value, index) => ({ index, value })),
                  3,
                ),
              ),
              link(empty),
              bits(1),
            ),
          ),
        ),
      )
    const deadlines = put(encode(tuple(tuple(...Array.from({ length: 48 }, (_, i) => deadline(i === 7 ? partitions : []))))))
    const info = encode(tuple(integer(4), integer(8), link(empty), tuple(integer(99)), integer(10), integer(20)))
    return { sectors: buildAmt(put, [{ index: 4, value: info }], 5), provingPeriodStart: 0, currentDeadline: 7, deadlines }
  }

  it('is found with its deadline and partition, and how it stands there', async () => {
    const state = miner([
      partition({ sectors: [1, 2] }),
      partition({ sectors: [4, 5, 6, 9], unproven: [9], faults: [5], terminated: [6] }),
    ])
    const sound = { deadline: 7, partition: 1, isFaulty: false, isTerminated: false, isUnproven: false, isPosted: true }
    expect(await findSectorPlace(get, state, 4)).toEqual(sound)
    expect(await findSectorPlace(get, state, 5)).toEqual({ ...sound, isFaulty: true })
    expect(await findSectorPlace(get, state, 6)).toEqual({ ...sound, isTerminated: true })
    expect(await findSectorPlace(get, state, 9)).toEqual({ ...sound, isUnproven: true })
    expect(await findSectorPlace(get, state, 3)).toBeUndefined()
    const sought = [
      { sector: 4, deadline: 7 },
      { sector: 1, deadline: 3 },
      { sector: 3, deadline: 7 },
    ]
    const inFirst = { ...sound, partition: 0, isPosted: false }
    expect(await findSectorPlaces(get, state, sought)).toEqual(
      new Map([
        [4, sound],
        [1, inFirst],
      ]),
    )
  })

  it('is known with its deals for as long as it is in the state', async () => {
    const state = miner([])
    expect(await findSector(get, state, 4)).toMatchObject({ sector: 4, dealIds: [99], activation: 10, expiration: 20 })
    expect(await findSector(get, state, 5)).toBeUndefined()
  })

  it('of a partition with a layout nobody knows is refused, not misread', () => {
    expect(() => decodePartition(encode(tuple(bits(1), bits(), bits())))).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_LAYOUT' }),
    )
    expect(() => decodeMinerState(encode(tuple(link(empty))))).toThrow(expect.objectContaining({ code: 'UNKNOWN_LAYOUT' }))
    expect(has(bitfieldOf([1]), 1)).toBe(true)
  })
})
