import { describe, expect, it } from 'vitest'
import {
  decodeClientDealProposal,
  decodeDealProposal,
  decodePublishParams,
  encodeClientDealProposal,
  encodeDealProposal,
  encodePublishParams,
  verifyClientDealProposal,
} from '../src/actors/deal-proposal.ts'
import { decodeInitState } from '../src/actors/init.ts'
import {
  decodeDealState,
  decodeMarketState,
  decodePublishReturn,
  encodeDealState,
  encodeMarketState,
  encodePublishReturn,
} from '../src/actors/market.ts'
import { formatAddress, idAddress } from '../src/address.ts'
import { amtEntries } from '../src/amt.ts'
import { countOf } from '../src/bitfield.ts'
import { chainCid } from '../src/cid.ts'
import { decodeMessage, encodeMessage } from '../src/message.ts'
import { findActor } from '../src/state-tree.ts'
import { type ChainBlocks, collect, readChain, readVectors } from './real-chain.ts'

const MARKET = idAddress(5)
const old = await readVectors('nv0-nv2')
const recent = await readVectors('nv17-nv18')
const genesis = await readChain('mainnet-genesis-to-epoch3.car')
const calibration = await readChain('calibnet-genesis.car.zst')

type Blocks = Pick<ChainBlocks, 'get'>

async function marketAt({ get }: Blocks, state: Parameters<typeof findActor>[1]) {
  const actor = await findActor(get, state, MARKET)
  return actor && get(actor.head) && decodeMarketState(get(actor.head)!)
}

/** Every deal and deal state that is there, by id; a vector has only what its message touched. */
async function dealsOf({ get }: Blocks, state: Parameters<typeof findActor>[1]) {
  const market = (await marketAt({ get }, state))!
  let missing = 0
  const options = { onMissing: () => missing++ }
  const readable = (root: typeof market.proposals) => (get(root) ? collect(amtEntries(get, root, options)) : [])
  return { market, proposals: await readable(market.proposals), states: await readable(market.states), missing }
}

describe.skipIf(recent.length === 0)('the market of real messages', () => {
  it('has every deal readable and written back as the same bytes', async () => {
    const deals = new Map<number, string>()
    const states = new Map<number, string>()
    for (const vector of recent) {
      for (const root of [vector.stateBefore, vector.stateAfter]) {
        const { market, proposals, states: found } = await dealsOf(vector, root)
        for (const { index, value } of proposals) {
          expect(encodeDealProposal(decodeDealProposal(value))).toEqual(value)
          deals.set(index, Buffer.from(value).toString('hex'))
        }
        for (const { index, value } of found) {
          expect(encodeDealState(decodeDealState(value, market.layout))).toEqual(value)
          states.set(index, Buffer.from(value).toString('hex'))
        }
      }
    }
    expect(deals.size).toBeGreaterThanOrEqual(1_068)
    expect(states.size).toBeGreaterThanOrEqual(6)
  })

  it('has states that are written back as the same bytes', async () => {
    for (const vector of [...old, ...recent]) {
      for (const root of [vector.stateBefore, vector.stateAfter]) {
        const actor = (await findActor(vector.get, root, MARKET))!
        const bytes = vector.get(actor.head)!
        expect(encodeMarketState(decodeMarketState(bytes))).toEqual(bytes)
      }
    }
  })

  it('is published to by messages that are written back as the same bytes, and gives back the ids of deals', async () => {
    let published = 0
    for (const vector of [...old, ...recent]) {
      const message = decodeMessage(vector.message)
      expect(encodeMessage(message)).toEqual(vector.message)
      if (message.method !== 4 || formatAddress(message.to) !== 'f05') continue
      expect(encodePublishParams(decodePublishParams(message.params))).toEqual(message.params)
      if (vector.receipt.exitCode !== 0) continue
      const given = decodePublishReturn(vector.receipt.return)
      expect(encodePublishReturn(given)).toEqual(vector.receipt.return)
      expect(given.dealIds.length).toBe(countOf(given.validIndexes!))
      published += given.dealIds.length
    }
    expect(published).toBeGreaterThan(20)
  })
})

describe.skipIf(recent.length === 0)('proposals that clients really signed', () => {
  const signed = [...old, ...recent].flatMap(({ message }) => {
    const { to, method, params } = decodeMessage(message)
    return method === 4 && formatAddress(to) === 'f05' ? decodePublishParams(params) : []
  })

  it('are written back as the same bytes, also where a label is not UTF-8', () => {
    for (const deal of signed) {
      expect(encodeDealProposal(deal.proposal)).toEqual(deal.proposalBytes)
      expect(encodeClientDealProposal(decodeClientDealProposal(encodeClientDealProposal(deal)))).toEqual(
        encodeClientDealProposal(deal),
      )
    }
    const strict = new TextDecoder('utf-8', { fatal: true })
    const isUtf8 = ({ proposal: { label } }: (typeof signed)[number]) => {
      try {
        strict.decode(label.bytes)
        return true
      } catch {
        return false
      }
    }
    expect(signed.some((deal) => !isUtf8(deal))).toBe(true)
  })

  it('verify, every one of them, and none does with another byte', { timeout: 120_000 }, () => {
    expect(signed.length).toBeGreaterThanOrEqual(70)
    // BLS takes 50 ms each; secp256k1 is what clients mostly use.
    const cheap = signed.filter(({ signature }) => signature.kind === 'secp256k1')
    const dear = signed.filter(({ signature }) => signature.kind === 'bls')
    for (const deal of signed) expect(verifyClientDealProposal(deal)).toBe(true)
    for (const deal of [...cheap, ...dear.slice(0, 20)]) {
      const changed = deal.proposalBytes.slice()
      changed[changed.length >> 1]! ^= 1
      expect(verifyClientDealProposal({ ...deal, proposalBytes: changed })).toBe(false)
    }
  })
})

describe.each([
  ['mainnet', genesis, 2304],
  ['the calibration network', calibration, 2304],
])('the first state of %s', (_name, chain, count) => {
  it.skipIf(!chain)('has every deal readable', async () => {
    const { decodeBlockHeader } = await import('../src/block-header.ts')
    const blocks = chain!
    let header = decodeBlockHeader(blocks.get(blocks.roots[0]!)!)
    while (header.height > 0 && blocks.get(header.parents[0]!)) header = decodeBlockHeader(blocks.get(header.parents[0]!)!)
    const { proposals, missing } = await dealsOf(blocks, header.parentStateRoot)
    expect({ deals: proposals.length, missing }).toEqual({ deals: count, missing: 0 })
    for (const { value } of proposals) expect(encodeDealProposal(decodeDealProposal(value))).toEqual(value)
    const init = (await findActor(blocks.get, header.parentStateRoot, idAddress(1)))!
    expect(decodeInitState(blocks.get(init.head)!).networkName).toMatch(/net/)
  })
})

it.skipIf(!genesis)('every block of the first epochs of mainnet hashes to its CID', () => {
  for (const [cid, bytes] of genesis!.entries()) {
    if (cid.multihash.code === 0xb220) expect(chainCid(bytes, cid.code).equals(cid)).toBe(true)
  }
})
