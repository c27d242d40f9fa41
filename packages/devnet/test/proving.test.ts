import { idAddress } from '@keepsake/filecoin/address.ts'
import { bitfieldOf } from '@keepsake/filecoin/bitfield.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { miner } from '../src/messages/methods.ts'
import { decodeTerminateReturn, encodeSectorSets } from '../src/messages/sector-sets.ts'
import { type ChainByHand, openByHand } from './chain-by-hand.ts'

let by: ChainByHand
beforeEach(async () => {
  by = await openByHand({ rules: { faultPatienceEpochs: 100 } })
})
afterEach(() => by.close())

/** A piece in sector 1 with an active deal, when its first window opens. */
async function storeOne(changes: Parameters<ChainByHand['offer']>[1] = {}) {
  const held = by.piece()
  const dealId = await by.publish(by.offer(held, changes))
  const { opens } = await by.store(1, held, dealId)
  by.advance(opens - by.chain.head.height)
  const { deadline } = (await by.sector(1))!
  return { held, dealId, opens, deadline, named: encodeSectorSets([{ deadline, partition: 0, sectors: bitfieldOf([1]) }]) }
}

describe('a sector', () => {
  it('is unproven until its first proof, and stays proven as long as proofs come', async () => {
    const { held, opens, deadline } = await storeOne()
    expect(await by.sector(1)).toMatchObject({ isUnproven: true, isFaulty: false })
    for (let period = 0; period < 3; period++) {
      const opened = opens + period * 48
      by.advance(opened - by.chain.head.height)
      expect((await by.miner(miner.submitWindowedPoSt, await by.proofOf(1, held, opened, deadline))).exitCode).toBe(0)
      expect(await by.sector(1)).toMatchObject({ isUnproven: false, isFaulty: false })
    }
  })

  it('is faulty when its window is over without a proof, and is proven again only after it was declared recovered', async () => {
    const { held, opens, deadline, named } = await storeOne()
    by.advance(by.network.parts.rules.proofGraceEpochs - 1)
    expect(await by.sector(1)).toMatchObject({ isFaulty: false })
    by.advance()
    expect(await by.sector(1)).toMatchObject({ isFaulty: true, isUnproven: false })

    by.advance(opens + 48 - by.chain.head.height)
    const early = await by.miner(miner.submitWindowedPoSt, await by.proofOf(1, held, opens + 48, deadline))
    expect(early.exitCode).toBe(16)
    expect((await by.miner(miner.declareFaultsRecovered, named)).exitCode).toBe(0)
    expect(await by.sector(1)).toMatchObject({ isFaulty: true })
    expect((await by.miner(miner.submitWindowedPoSt, await by.proofOf(1, held, opens + 48, deadline))).exitCode).toBe(0)
    expect(await by.sector(1)).toMatchObject({ isFaulty: false, isTerminated: false })
  })

  it('is terminated after it was faulty for too long, and its deal is slashed, then gone', async () => {
    const { dealId } = await storeOne()
    by.advance(24 + 99)
    expect(await by.sector(1)).toMatchObject({ isFaulty: true, isTerminated: false })
    by.advance(1)
    expect(await by.sector(1)).toMatchObject({ isFaulty: false, isTerminated: true })
    expect((await by.deal(dealId)).state?.slashEpoch).toBe(by.chain.head.height)
    by.advance(by.network.parts.rules.slashedKeptEpochs)
    expect(await by.deal(dealId)).toEqual({})
  })

  it('is faulty when its provider declares it', async () => {
    const { named } = await storeOne()
    expect((await by.miner(miner.declareFaults, named)).exitCode).toBe(0)
    expect(await by.sector(1)).toMatchObject({ isFaulty: true })
  })

  it('is terminated with its deal when its provider gives it up', async () => {
    const { dealId, named } = await storeOne()
    const receipt = await by.miner(miner.terminateSectors, named)
    expect(receipt.exitCode).toBe(0)
    expect(decodeTerminateReturn(receipt.return)).toBe(true)
    expect(await by.sector(1)).toMatchObject({ isTerminated: true })
    expect((await by.deal(dealId)).state?.slashEpoch).toBe(by.chain.head.height)
    expect((await by.miner(miner.terminateSectors, named)).exitCode).toBe(17)
  })

  it('cannot be proven by who lost a byte of it, nor with the proof of another time, chain or window', async () => {
    const { held, opens, deadline } = await storeOne()
    const good = await by.proofOf(1, held, opens, deadline)
    const old = await by.proofOf(1, held, opens - 1, deadline)
    expect((await by.miner(miner.submitWindowedPoSt, old)).exitCode).toBe(16)
    const elsewhere = await by.proofOf(1, held, opens, (deadline + 20) % 48)
    expect((await by.miner(miner.submitWindowedPoSt, elsewhere)).exitCode).not.toBe(0)
    const other = await by.proofOf(1, by.piece(), opens, deadline)
    expect((await by.miner(miner.submitWindowedPoSt, other)).exitCode).toBe(16)
    held.data[0]! ^= 1
    held.data.fill(0, 100)
    await expect(by.proofOf(1, held, opens, deadline)).rejects.toMatchObject({ code: 'HASH_MISMATCH' })
    expect(await by.sector(1)).toMatchObject({ isUnproven: true })
    expect((await by.miner(miner.submitWindowedPoSt, good)).exitCode).toBe(0)
    expect((await by.miner(miner.submitWindowedPoSt, good)).exitCode).toBe(16)
  })

  it("is nobody else's to speak for", async () => {
    const { named } = await storeOne()
    const [, other] = by.network.parts.parties.providers
    const order = { to: idAddress(by.actorId), method: miner.terminateSectors, params: named }
    expect((await by.run(other!.keys.control, order)).exitCode).toBe(18)
    expect(await by.sector(1)).toMatchObject({ isTerminated: false })
  })
})

describe('a deal', () => {
  it('that is not in a sector when it begins is gone, and its provider loses the collateral', async () => {
    const before = by.chain.state.market.escrow.get(by.actorId)!
    const start = by.chain.head.height + 10
    const dealId = await by.publish(by.offer(by.piece(), { startEpoch: start, endEpoch: start + 500 }))
    by.advance(start - 1 - by.chain.head.height)
    expect((await by.deal(dealId)).proposal).toBeDefined()
    by.advance()
    expect(await by.deal(dealId)).toEqual({})
    expect(by.chain.state.market.escrow.get(by.actorId)).toBe(before - 5n)
  })

  it('ends at its end, and each side has its collateral back', async () => {
    const before = by.chain.state.market.escrow.get(by.actorId)!
    const start = by.chain.head.height + 30
    const { dealId } = await storeOne({ startEpoch: start, endEpoch: start + 60 })
    by.advance(start + 59 - by.chain.head.height)
    expect((await by.deal(dealId)).state).toMatchObject({ slashEpoch: -1 })
    by.advance()
    expect(await by.deal(dealId)).toEqual({})
    expect(by.chain.state.market.escrow.get(by.actorId)).toBe(before)
    expect(by.chain.state.market.locked.size).toBe(0)
  })

  it('cannot become active without its bytes, with another piece, or twice', async () => {
    const held = by.piece()
    const dealId = await by.publish(by.offer(held))
    await expect(by.store(1, by.piece(), dealId)).rejects.toThrow(/exit 16: Deal \d+ is about another piece/)
    await by.store(2, held, dealId)
    await expect(by.store(3, held, dealId)).rejects.toThrow(/exit 16: Deal \d+ is active already/)
    await expect(by.store(2, held, dealId)).rejects.toThrow(/exit 16: Sector 2 was used before/)
    expect((await by.deal(dealId)).state).toMatchObject({ sector: 2 })
  })
})

describe('time in which the node was away', () => {
  it('has epochs without a block, and no provider is blamed for it', async () => {
    const { held, opens, deadline } = await storeOne()
    const last = by.chain.head
    // It comes back ten epochs after a window opened, so that this one is half over.
    by.chain.extend(last.height + 970)
    const header = by.chain.header(by.chain.head.block)
    expect(header.height).toBe(last.height + 970)
    expect(header.parents.map(String)).toEqual([String(last.block)])
    expect(await by.sector(1)).toMatchObject({ isFaulty: false, isTerminated: false })
    const next = opens + 48 * Math.ceil((by.chain.head.height - opens) / 48)
    by.advance(next - by.chain.head.height)
    expect((await by.miner(miner.submitWindowedPoSt, await by.proofOf(1, held, next, deadline))).exitCode).toBe(0)
    by.advance(48 + 24)
    expect(await by.sector(1)).toMatchObject({ isFaulty: true })
  })

  it('ends the deals that ended meanwhile', async () => {
    const start = by.chain.head.height + 30
    const { dealId } = await storeOne({ startEpoch: start, endEpoch: start + 60 })
    by.chain.extend(start + 5_000)
    expect(await by.deal(dealId)).toEqual({})
  })
})
