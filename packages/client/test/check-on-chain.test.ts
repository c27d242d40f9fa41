import { randomBytes } from 'node:crypto'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import type { ProofDocument } from '@keepsake/content/proof/document.ts'
import type { ProofReport } from '@keepsake/content/proof/report.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { secpSigner } from '@keepsake/filecoin/signature.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fault, openTestChain, type TestChain } from '../../server/test/deals/track/test-chain.ts'
import { checkOnChain } from '../src/check-on-chain.ts'

const network = 'keepsake-devnet-0badcafe'
const provider = 'f01001'
const root = randomBytes(32)
root[31]! &= 0x3f
const pieceCid = pieceCidV1({ root })

let chain: TestChain
let node: Awaited<ReturnType<TestChain['startNode']>>
let fault: { is: Fault }
let dealId: number
const sector = { sector: 5, deadline: 3, isFaulty: false, isUnproven: false, isTerminated: false }

beforeEach(async () => {
  chain = openTestChain(secpSigner(randomBytes(32).fill(7, 0, 1)))
  fault = { is: 'none' }
  node = await chain.startNode(fault)
  chain.pass(20)
  dealId = chain.publish({
    pieceCid,
    pieceSizeBytes: 1 << 20,
    verifiedDeal: false,
    client: idAddress(1234),
    provider: idAddress(1001),
    label: { isText: true, bytes: new Uint8Array() },
    startEpoch: 100,
    endEpoch: 1_000,
    storagePricePerEpoch: 0n,
    providerCollateral: 0n,
    clientCollateral: 0n,
  })
  Object.assign(sector, { isFaulty: false, isUnproven: false })
  chain.state.sectors.set(1001, [sector])
  chain.activate(dealId, 5)
  chain.pass()
})
afterEach(async () => await node?.[Symbol.asyncDispose]())

/** What the checks that need no chain found before. */
const report: ProofReport = {
  root: 'bafy',
  outcome: 'verified',
  statements: [
    { check: 'piece', outcome: 'checked', text: 'Their bytes lie in the piece.' },
    { check: 'deals', outcome: 'beyond', text: 'Not checked.' },
  ],
}

function proofOf(over: { paddedBytes?: number; network?: string; isProving?: boolean; dealId?: number } = {}): ProofDocument {
  const named = over.network ?? network
  return {
    root: 'bafy',
    places: [
      {
        piece: { cid: '', cidV1: pieceCid.toString(), paddedBytes: over.paddedBytes ?? 1 << 20 },
        deals: [{ network: named, dealId: over.dealId ?? dealId, provider }],
        proving: over.isProving === false ? [] : [{ network: named, provider, sector: 5, epoch: 21 }],
      },
    ],
  } as unknown as ProofDocument
}

const check = (document = proofOf(), urls = [node.url]) =>
  checkOnChain(document, report, { urls, signal: AbortSignal.timeout(20_000) })

describe('asking a Filecoin node about the deals of a proof', () => {
  it('finds one that is proving, and says where, and that it is simulated where it is', async () => {
    const { outcome, statements } = await check()
    expect(outcome).toBe('verified')
    expect(statements.map(({ text }) => text)).toEqual([
      'Their bytes lie in the piece.',
      `The piece is in deal ${dealId} with f01001 on ${network} (devnet: simulated storage providers). Its sector 5 (deadline 3, partition 0) is proving. By the state of the chain at epoch 21.`,
    ])
  })

  it('calls it false where the proof says that it is proving and it is not', async () => {
    sector.isFaulty = true
    chain.pass()
    expect(await check()).toMatchObject({ outcome: 'failed' })
    expect(await check(proofOf({ isProving: false }))).toMatchObject({ outcome: 'verified' })
    chain.state.deals.get(dealId)!.state = undefined as never
    chain.pass()
    expect(await check()).toMatchObject({ outcome: 'failed' })
  })

  it('calls it false where the deal is another one, over, or not there', async () => {
    expect(await check(proofOf({ paddedBytes: 1 << 21 }))).toMatchObject({ outcome: 'failed' })
    expect(await check(proofOf({ dealId: 7 }))).toMatchObject({ outcome: 'failed' })
    chain.state.deals.get(dealId)!.state!.slashEpoch = 21
    chain.pass()
    expect(await check()).toMatchObject({ outcome: 'failed' })
  })

  it('leaves what cannot be asked: another network, a node that lies or refuses, a proof without deals', async () => {
    expect(await check(proofOf({ network: 'mainnet' }))).toMatchObject({ outcome: 'incomplete' })
    for (const is of ['lies about blocks', 'refuses with status 200'] as const) {
      fault.is = is
      expect(await check()).toMatchObject({ outcome: 'incomplete' })
    }
    const none = proofOf()
    none.places[0]!.deals = []
    expect(await check(none)).toMatchObject({ outcome: 'incomplete' })
  })

  it('does not take the past, or the future, for how it stands now', async () => {
    fault.is = 'shows the future'
    const { outcome, statements } = await check()
    expect(outcome).toBe('incomplete')
    expect(statements.at(-1)?.text).toMatch(/^The Filecoin node says nothing of now: it shows a block of .*, which is to come\.$/)
    chain = openTestChain(secpSigner(randomBytes(32).fill(7, 0, 1)), Math.floor(Date.now() / 1000) - 2_000)
    chain.pass(20)
    await using old = await chain.startNode()
    const late = await check(proofOf(), [old.url])
    expect(late.outcome).toBe('incomplete')
    expect(late.statements.at(-1)?.text).toMatch(/its newest block is of /)
  })

  it('asks several nodes, says which said what, and believes nothing that one of them denies', async () => {
    await using second = await chain.startNode()
    const both = [node.url, second.url]
    const agreed = await check(proofOf(), both)
    expect(agreed.outcome).toBe('verified')
    expect(agreed.statements.slice(1).map(({ text }) => text.split(': ')[0])).toEqual(
      both.map((url) => `By ${new URL(url).host}`),
    )
    fault.is = 'is on a fork that weighs less'
    const divided = await check(proofOf(), both)
    expect(divided.outcome).toBe('failed')
    expect(divided.statements.at(-1)?.text).toContain('do not agree')
    fault.is = 'refuses with status 200'
    expect(await check(proofOf(), both)).toMatchObject({ outcome: 'incomplete' })
  })
})
