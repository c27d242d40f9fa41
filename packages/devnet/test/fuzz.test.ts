import { randomBytes, randomInt } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { bitfieldOf } from '@keepsake/filecoin/bitfield.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { market, miner } from '../src/messages/methods.ts'
import { encodeSectorSets } from '../src/messages/sector-sets.ts'
import { type ChainByHand, openByHand } from './chain-by-hand.ts'
import { activation, leavesFor, preCommitment } from './provider.ts'

const rounds = 400
let by: ChainByHand
let samples: { method: number; to: number; params: Uint8Array }[]

beforeAll(async () => {
  by = await openByHand()
  const held = by.piece()
  const dealId = await by.publish(by.offer(held))
  const { opens } = await by.store(1, held, dealId)
  by.advance(opens - by.chain.head.height)
  const { deadline } = (await by.sector(1))!
  const sets = encodeSectorSets([{ deadline, partition: 0, sectors: bitfieldOf([1]) }])
  const proof = await leavesFor(new Uint8Array(96), by.actorId, 2, held)
  samples = [
    { method: market.addBalance, to: 5, params: Uint8Array.of(0x42, 0, 1) },
    { method: market.publishStorageDeals, to: 5, params: by.offer(by.piece()) },
    {
      method: miner.preCommitSectorBatch2,
      to: by.actorId,
      params: preCommitment(by.actorId, 2, held, by.chain.head.height + 9_000),
    },
    { method: miner.proveCommitSectors3, to: by.actorId, params: activation(2, held, dealId, proof) },
    { method: miner.submitWindowedPoSt, to: by.actorId, params: await by.proofOf(1, held, opens, deadline) },
    { method: miner.declareFaults, to: by.actorId, params: sets },
    { method: miner.declareFaultsRecovered, to: by.actorId, params: sets },
    { method: miner.terminateSectors, to: by.actorId, params: sets },
  ]
})
afterAll(async () => {
  await by.close()
  await rm(by.folder, { recursive: true, force: true })
})

/** The same with some bytes changed, cut off, or put between. */
function damaged(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  for (let change = randomInt(4); change >= 0; change--) copy[randomInt(copy.length)] = randomInt(256)
  if (randomInt(4) === 0) return copy.subarray(0, randomInt(copy.length))
  if (randomInt(4) > 0) return copy
  const at = randomInt(copy.length)
  return Buffer.concat([copy.subarray(0, at), randomBytes(randomInt(1, 10)), copy.subarray(at)])
}

describe('whatever a message says', () => {
  it('it gets a receipt that is no mistake of ours, and the state that it leads to can be read back', async () => {
    for (let round = 0; round < rounds; round++) {
      const { method, to, params } = samples[round % samples.length]!
      const sent = damaged(params)
      const { exitCode } = await by.run(by.keys.control, { to: idAddress(to), method, params: sent })
      expect(exitCode, `method ${method}: ${Buffer.from(sent).toString('hex')}: ${by.reasons.at(-1)}`).not.toBe(24)
    }
    const { head } = by.chain
    by.network.close()
    const again = await openByHand({ directory: by.folder })
    expect(again.chain.head.state).toEqual(head.state)
    again.advance(60)
    again.network.close()
    by = await openByHand({ directory: by.folder })
  }, 60_000)
})
