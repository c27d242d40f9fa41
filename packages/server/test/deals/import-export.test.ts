import type { ExportedProposal } from '@keepsake/api/deals.ts'
import { decodeClientDealProposal, verifyClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exportProposals } from '../../src/deals/export-proposals.ts'
import { importDeals } from '../../src/deals/import-deals.ts'
import { parseClaims } from '../../src/deals/parse-claims.ts'
import { proposeDeal } from '../../src/deals/propose.ts'
import { changeDeal } from '../../src/providers/deal-change.ts'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(async () => await desk?.[Symbol.asyncDispose]())

async function proposed(): Promise<number> {
  const id = await desk.reserve()
  await proposeDeal(desk, id)
  return id
}

let nextNumber = 5000

/** Puts the deal on the chain of the test, as it is or changed, and gives its number there. */
async function publish(id: number, changes: object = {}, about: object = {}): Promise<number> {
  const number = nextNumber++
  const { proposal } = await desk.signedOf(id)
  desk.market.set(number, { proposal: { ...proposal, ...changes }, ...about })
  return number
}

describe('an export', () => {
  it('has everything a provider needs, signed, and is noted before it is given out', async () => {
    const id = await proposed()
    const [exported] = (await exportProposals(desk, [id])) as [ExportedProposal]
    const signed = decodeClientDealProposal(Buffer.from(exported.clientDealProposal, 'base64'))
    expect(verifyClientDealProposal(signed)).toBe(true)
    expect(exported).toMatchObject({
      deal: id,
      pieceCid: signed.proposal.pieceCid.toString(),
      pieceSize: signed.proposal.pieceSizeBytes,
      startEpoch: signed.proposal.startEpoch,
      chainDealId: null,
    })
    expect(exported.source).toContain(`/piece/${exported.pieceCid}`)
    expect((await desk.row(id)).state).toBe('delivered')
    // Again is the same.
    expect(await exportProposals(desk, [id])).toEqual([exported])
    expect(await desk.eventsOf(id)).toEqual(['reserved', 'proposed', 'delivered'])
  })

  it('without numbers is of all that wait', async () => {
    const id = await proposed()
    expect((await exportProposals(desk)).map(({ deal }) => deal)).toContain(id)
  })

  it('of what has no proposal, or is published, is refused, and notes nothing', async () => {
    const waiting = await proposed()
    const reserved = await desk.reserve()
    await expect(exportProposals(desk, [waiting, reserved])).rejects.toThrow('still to be signed')
    await expect(exportProposals(desk, [999_999])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect((await desk.row(waiting)).state).toBe('proposed')
  })
})

describe('an import', () => {
  it('makes a deal published that the chain has under that number, once', async () => {
    const id = await proposed()
    const chainDealId = await publish(id)
    expect(await importDeals(desk, [{ deal: id, chainDealId }])).toEqual([
      { deal: id, chainDealId, outcome: 'published', reason: null },
    ])
    expect(await desk.row(id)).toMatchObject({ state: 'published', chain_deal_id: chainDealId })
    expect(await importDeals(desk, [{ deal: id, chainDealId }])).toMatchObject([{ outcome: 'known' }])
    expect(await importDeals(desk, [{ deal: id, chainDealId: chainDealId + 1 }])).toMatchObject([
      { outcome: 'refused', reason: expect.stringContaining(`as number ${chainDealId}`) },
    ])
    expect(await desk.eventsOf(id)).toEqual(['reserved', 'proposed', 'published'])
  })

  it('knows a deal by the CID of its proposal, and one that had been given up', async () => {
    const id = await proposed()
    await changeDeal(desk.database, desk.facts, id, { from: 'proposed', to: 'failed', reason: 'Too late.' })
    const chainDealId = await publish(id)
    const deal = CID.decode((await desk.row(id)).proposal_cid!).toString()
    expect(await importDeals(desk, [{ deal, chainDealId }])).toMatchObject([{ outcome: 'published' }])
    expect((await desk.row(id)).state).toBe('published')
  })

  const otherPiece = CID.parse('baga6ea4seaqnfhocd544oidrgsss2ahoaomvxuaqxfmlsizljtzsuivjl5hamka')
  it.each([
    ['another piece', { pieceCid: otherPiece }, {}, `piece ${otherPiece} instead of baga`],
    ['another size', { pieceSizeBytes: 2 ** 21 }, {}, 'piece size 2097152 instead of 1048576'],
    ['another provider', { provider: idAddress(5) }, {}, 'provider f05 instead of f0'],
    ['another client', {}, { client: 'f0999' }, 'client f0999 instead of f0777'],
    ['another label', { label: { isText: true, bytes: Buffer.from('mine') } }, {}, 'label "mine" instead of "baga'],
    ['other times', { startEpoch: 7, endEpoch: 8 }, {}, 'start 7 instead of'],
    ['a price', { storagePricePerEpoch: 3n }, {}, 'price 3 attoFIL instead of 0 attoFIL'],
    ['its end behind it', {}, { slashEpoch: 12 }, 'was terminated at epoch 12'],
  ])('of a deal with %s is refused, and says what differs', async (_what, changes, about, reason) => {
    const id = await proposed()
    const chainDealId = await publish(id, changes, about)
    expect(await importDeals(desk, [{ deal: id, chainDealId }])).toEqual([
      { deal: id, chainDealId, outcome: 'refused', reason: expect.stringContaining(reason) },
    ])
    expect(await desk.row(id)).toMatchObject({ state: 'proposed', chain_deal_id: null })
  })

  it('of a number the chain does not have is refused, of a deal nobody has here too, and the rest is taken', async () => {
    const id = await proposed()
    const chainDealId = await publish(id)
    const claims = [
      { deal: id, chainDealId: 1 },
      { deal: 999_999, chainDealId },
      { deal: 'bafyreigh2akiscaildc', chainDealId },
      { deal: id, chainDealId },
    ]
    const outcomes = await importDeals(desk, claims)
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['refused', 'refused', 'refused', 'published'])
    expect(outcomes[0]!.reason).toContain('The chain has no deal 1')
  })

  it('believes nothing while no node answers', async () => {
    const id = await proposed()
    const chainDealId = await publish(id)
    await expect(importDeals({ ...desk, chain: undefined }, [{ deal: id, chainDealId }])).rejects.toMatchObject({
      code: 'ERROR_UNAVAILABLE',
    })
    desk.node.trouble = 'the node is syncing'
    expect(await importDeals(desk, [{ deal: id, chainDealId }])).toMatchObject([{ outcome: 'refused' }])
    desk.node.trouble = undefined
    expect((await desk.row(id)).state).toBe('proposed')
  })
})

describe('what is typed or pasted', () => {
  it('is pairs, one a line, or an export that was filled in', async () => {
    expect(parseClaims('7=12\n# a note\n\n bafyabc : 13 \n8 14')).toEqual([
      { deal: 7, chainDealId: 12 },
      { deal: 'bafyabc', chainDealId: 13 },
      { deal: 8, chainDealId: 14 },
    ])
    const [exported] = await exportProposals(desk, [await proposed()])
    expect(parseClaims(JSON.stringify({ proposals: [{ ...exported, chainDealId: 4 }, exported] }))).toEqual([
      { deal: exported!.proposalCid, chainDealId: 4 },
    ])
  })

  it.each([
    '7',
    '7=-1',
    '7=1.5',
    '{',
    '{"proposals":5}',
    '{"proposals":[{"chainDealId":"4","proposalCid":"bafy"}]}',
    '{"proposals":[{"chainDealId":4}]}',
  ])('is refused where it is %s', (text) => {
    expect(() => parseClaims(text)).toThrow()
  })
})
