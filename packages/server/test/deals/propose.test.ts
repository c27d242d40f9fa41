import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { dealProposalCid, verifyClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { formatAddress } from '@keepsake/filecoin/address.ts'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { proposeDeal } from '../../src/deals/propose.ts'
import { settleDeals } from '../../src/deals/settle-deals.ts'
import { changeDeal } from '../../src/providers/deal-change.ts'
import { insertAggregate, insertProvider } from '../providers/deal-rows.ts'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(async () => await desk?.[Symbol.asyncDispose]())

async function failDelivered(id: number): Promise<void> {
  await changeDeal(desk.database, desk.facts, id, { from: 'proposed', to: 'delivered' })
  await changeDeal(desk.database, desk.facts, id, { from: 'delivered', to: 'failed', reason: 'Cancelled.' })
}

describe('a proposal', () => {
  it('says what the rules say, is signed by the default key, and stands in the row with its CID', async () => {
    const aggregate = await insertAggregate(desk.database, { height: 15 })
    const provider = await insertProvider(desk.database)
    const id = await desk.reserve({ aggregateId: aggregate.id, providerId: provider.id })
    await proposeDeal(desk, id)
    const row = await desk.row(id)
    expect(row.state).toBe('proposed')
    const signed = await desk.signedOf(id)
    expect(verifyClientDealProposal(signed)).toBe(true)
    const { proposal } = signed
    expect(dealProposalCid(proposal).equals(CID.decode(row.proposal_cid!))).toBe(true)
    const [key] = await desk.wallet.list()
    expect(formatAddress(proposal.client)).toBe(formatAddress(key!.address))
    expect(proposal.pieceCid.equals(pieceCidV1({ root: aggregate.pieceRoot }))).toBe(true)
    expect(proposal).toMatchObject({
      pieceSizeBytes: 2 ** 20,
      verifiedDeal: false,
      storagePricePerEpoch: 0n,
      clientCollateral: 0n,
      providerCollateral: 1_700n,
    })
    expect(formatAddress(proposal.provider)).toBe(`f0${provider.actorId}`)
    // A layout without a directory is named by its piece.
    expect(new TextDecoder().decode(proposal.label.bytes)).toBe(pieceCidV1({ root: aggregate.pieceRoot }).toString())
    const epoch = await desk.chain.epochNow()
    expect(proposal.startEpoch - epoch).toBeGreaterThan(72 * 120 - 5)
    expect(proposal.startEpoch - epoch).toBeLessThanOrEqual(72 * 120)
    expect(proposal.endEpoch - proposal.startEpoch).toBe(532 * 2880)
    expect(row.due_at?.getTime()).toBe(desk.genesisAt.getTime() + proposal.startEpoch * 30_000)
    expect(await desk.jobs()).toContain(`deliver-deal:${id}`)
  })

  it('is named by the directory of the aggregate where that has one', async () => {
    const aggregate = await insertAggregate(desk.database)
    const root = CID.parse('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')
    await desk.database.kysely.updateTable('aggregate').set({ root: root.bytes }).where('id', '=', aggregate.id).execute()
    const id = await desk.reserve({ aggregateId: aggregate.id })
    await proposeDeal(desk, id)
    const { proposal } = await desk.signedOf(id)
    expect(new TextDecoder().decode(proposal.label.bytes)).toBe(root.toString())
  })

  it('is one, however often and beside itself its job runs', async () => {
    const id = await desk.reserve()
    await Promise.all(Array.from({ length: 6 }, () => proposeDeal(desk, id)))
    const first = await desk.row(id)
    await proposeDeal(desk, id)
    expect(await desk.row(id)).toEqual(first)
    expect(await desk.eventsOf(id)).toEqual(['reserved', 'proposed'])
  })

  it.each(['before the node answered', 'after signing, before it was written', 'in the transaction'])(
    'broken off %s leaves the reservation as it was, and comes about the next time',
    async (when) => {
      const id = await desk.reserve()
      const breaking = { ...desk }
      if (when === 'before the node answered') desk.node.trouble = 'the node is gone'
      if (when === 'after signing, before it was written')
        breaking.wallet = {
          ...desk.wallet,
          defaultSigner: async () => {
            const signer = await desk.wallet.defaultSigner()
            return {
              ...signer,
              sign(message) {
                signer.sign(message)
                throw new Error('killed')
              },
            }
          },
        }
      if (when === 'in the transaction')
        breaking.facts = { ...desk.facts, record: async () => await Promise.reject(new Error('killed')) }
      await expect(proposeDeal(breaking, id)).rejects.toThrow(/killed|gone/)
      desk.node.trouble = undefined
      expect(await desk.row(id)).toMatchObject({ state: 'reserved', proposal: null, proposal_cid: null, start_epoch: null })
      expect(await desk.eventsOf(id)).toEqual(['reserved'])
      await proposeDeal(desk, id)
      expect((await desk.row(id)).state).toBe('proposed')
    },
  )

  it('is the same again, byte for byte, where an earlier one to the same provider can still be published', async () => {
    const aggregateId = (await insertAggregate(desk.database)).id
    const providerId = (await insertProvider(desk.database)).id
    const first = await desk.reserve({ aggregateId, providerId })
    await proposeDeal(desk, first)
    await failDelivered(first)
    const second = await desk.reserve({ aggregateId, providerId })
    await proposeDeal(desk, second)
    const rows = [await desk.row(first), await desk.row(second)]
    expect(rows.map(({ state }) => state)).toEqual(['failed', 'proposed'])
    expect(Buffer.compare(rows[0]!.proposal!, rows[1]!.proposal!)).toBe(0)
  })

  it('waits until an earlier one with other terms is no good any more, so that there are never two', async () => {
    const aggregateId = (await insertAggregate(desk.database)).id
    const providerId = (await insertProvider(desk.database)).id
    const first = await desk.reserve({ aggregateId, providerId })
    await proposeDeal(desk, first)
    await failDelivered(first)
    const second = await desk.reserve({ aggregateId, providerId })
    await proposeDeal({ ...desk, rules: { ...desk.rules, durationEpochs: 200 * 2880 } }, second)
    const { start_epoch } = await desk.row(first)
    const row = await desk.row(second)
    expect(row).toMatchObject({ state: 'failed', reason: expect.stringContaining(`until epoch ${start_epoch}`), proposal: null })
    expect(row.again_at?.getTime()).toBe(desk.genesisAt.getTime() + start_epoch! * 30_000)
    // The sweep leaves that as it is.
    await settleDeals(desk)
    expect((await desk.row(second)).again_at).toEqual(row.again_at)
  })

  it('does not repeat one that has less collateral than the chain takes by now', async () => {
    const aggregateId = (await insertAggregate(desk.database)).id
    const providerId = (await insertProvider(desk.database)).id
    const first = await desk.reserve({ aggregateId, providerId })
    await proposeDeal(desk, first)
    await failDelivered(first)
    const second = await desk.reserve({ aggregateId, providerId })
    desk.node.minCollateral = 1_701n
    await proposeDeal(desk, second)
    desk.node.minCollateral = 1_000n
    expect(await desk.row(second)).toMatchObject({ state: 'failed', proposal: null })
  })

  it('is not made for a network that is not in use any more', async () => {
    const provider = await insertProvider(desk.database, { network: 'calibrationnet' })
    const id = await desk.reserve({ providerId: provider.id })
    await proposeDeal(desk, id)
    expect(await desk.row(id)).toMatchObject({ state: 'failed', reason: expect.stringContaining('calibrationnet') })
  })

  it('needs a Filecoin network, and says so', async () => {
    const id = await desk.reserve()
    await expect(proposeDeal({ ...desk, chain: undefined }, id)).rejects.toMatchObject({ code: 'ERROR_UNAVAILABLE' })
    expect((await desk.row(id)).state).toBe('reserved')
  })
})

describe('a verified deal', () => {
  it('is proposed where the key has DataCap for it that is not promised, and else the deal says what is missing', async () => {
    await using verified = await openDesk({ DEAL_VERIFIED: 'yes' })
    const [first, second] = [await verified.reserve(), await verified.reserve()]
    await proposeDeal(verified, first)
    const row = await verified.row(first)
    expect(row).toMatchObject({ state: 'failed', proposal: null })
    expect(row.reason).toMatch(/^The key that signs deals here has no DataCap, and verified deals need it\. .* Its address is f1/)
    expect(row.again_at!.getTime()).toBeGreaterThan(Date.now() + 3_000_000)
    verified.node.dataCap = 3n * 2n ** 19n
    await proposeDeal(verified, second)
    expect((await verified.signedOf(second)).proposal.verifiedDeal).toBe(true)
    const third = await verified.reserve()
    await proposeDeal(verified, third)
    expect(await verified.row(third)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('1572864 bytes of DataCap for verified deals, of which 1048576 are promised'),
    })
    // What is on the chain has been taken from the DataCap there.
    await changeDeal(verified.database, verified.facts, second, { from: 'proposed', to: 'published', set: { chain_deal_id: 9 } })
    const fourth = await verified.reserve()
    await proposeDeal(verified, fourth)
    expect(await verified.row(fourth)).toMatchObject({ state: 'proposed' })
  })

  it('waits while the node does not say how much DataCap there is', async () => {
    await using verified = await openDesk({ DEAL_VERIFIED: 'yes' })
    const id = await verified.reserve()
    verified.node.trouble = 'the node is synchronising'
    await expect(proposeDeal(verified, id)).rejects.toThrow('the node is synchronising')
    expect(await verified.row(id)).toMatchObject({ state: 'reserved' })
  })
})
