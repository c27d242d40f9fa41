import { encodeDealProposal, encodePublishParams } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { decodePublishReturn } from '@keepsake/filecoin/actors/market.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { numbersOf } from '@keepsake/filecoin/bitfield.ts'
import type { Message } from '@keepsake/filecoin/message.ts'
import { secpSigner } from '@keepsake/filecoin/signature.ts'
import { findActor } from '@keepsake/filecoin/state-tree.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyMessage } from '../src/actors/machine.ts'
import { FIL } from '../src/chain/genesis.ts'
import { market, miner, SEND } from '../src/messages/methods.ts'
import { saveState } from '../src/state/state.ts'
import { type ChainByHand, openByHand } from './chain-by-hand.ts'
import { proposalFor, published } from './provider.ts'

let by: ChainByHand
beforeAll(async () => {
  by = await openByHand()
})
afterAll(() => by.close())

const f05 = idAddress(5)
const stranger = secpSigner(new Uint8Array(32).fill(9))

/** Heads of every actor but the senders' nonces: what a message that failed must not change. */
async function heads(): Promise<string> {
  const ids = [1, 5, by.actorId]
  const found = await Promise.all(ids.map((id) => findActor(by.chain.get, by.chain.head.state, idAddress(id))))
  return found.map((actor) => `${actor!.head} ${actor!.balance}`).join()
}

function proposal(changes: Parameters<ChainByHand['offer']>[1] = {}) {
  return proposalFor({ provider: by.actorId, epoch: by.chain.head.height }, by.client, by.piece(), changes)
}

async function publish(params: Uint8Array, signer = by.keys.control) {
  return await by.run(signer, { to: f05, method: market.publishStorageDeals, params })
}

describe('deals that the market does not take', () => {
  it.each([
    ['with a label that is no UTF-8', () => ({ label: { isText: true, bytes: Uint8Array.of(0xff, 0xfe) } }), 21],
    ['with a label that is too long', () => ({ label: { isText: false, bytes: new Uint8Array(257) } }), 16],
    ['of a client nobody knows', () => ({ client: stranger.address }), 16],
    ['with a provider nobody knows', () => ({ provider: idAddress(4_000) }), 17],
    ['that began before', () => ({ startEpoch: by.chain.head.height - 1 }), 16],
    ['that is too short', () => ({ startEpoch: by.chain.head.height + 100, endEpoch: by.chain.head.height + 110 }), 16],
    ['of a size that no piece has', () => ({ pieceSizeBytes: 1_000 }), 16],
    ['of a size that no sector has room for', () => ({ pieceSizeBytes: 2 ** 36 }), 16],
    ['with a negative price', () => ({ storagePricePerEpoch: -1n }), 16],
    ['that costs more than the client has in escrow', () => ({ storagePricePerEpoch: FIL }), 16],
  ])('%s: the message ends with an exit code and changes nothing', async (_, changes, exitCode) => {
    const before = await heads()
    const receipt = await publish(published(by.client, proposal(changes())))
    expect(receipt).toMatchObject({ exitCode, return: new Uint8Array() })
    expect(await heads()).toBe(before)
  })

  it('are those with a forged signature', async () => {
    const before = await heads()
    const proposalBytes = encodeDealProposal(proposal())
    const forged = encodePublishParams([{ proposalBytes, signature: stranger.sign(proposalBytes) }])
    expect((await publish(forged)).exitCode).toBe(16)
    expect(by.reasons.at(-1)).toMatch(/did not sign/)
    const signature = by.client.sign(encodeDealProposal(proposal()))
    expect((await publish(encodePublishParams([{ proposalBytes, signature }]))).exitCode).toBe(16)
    expect(await heads()).toBe(before)
  })

  it('are those that were published before, alone or in one message', async () => {
    const twice = proposal()
    const receipt = await publish(published(by.client, twice, twice))
    expect([...numbersOf(decodePublishReturn(receipt.return).validIndexes!)]).toEqual([0])
    expect((await publish(published(by.client, twice))).exitCode).toBe(16)
    expect(by.reasons.at(-1)).toMatch(/published before/)
  })

  it('are passed over where others of the message can be taken', async () => {
    const receipt = await publish(published(by.client, proposal({ startEpoch: 0 }), proposal(), proposal({ pieceSizeBytes: 3 })))
    const { dealIds, validIndexes } = decodePublishReturn(receipt.return)
    expect(dealIds).toHaveLength(1)
    expect([...numbersOf(validIndexes!)]).toEqual([1])
  })

  it('are those that somebody else publishes than their provider', async () => {
    expect((await publish(published(by.client, proposal()), by.client)).exitCode).toBe(18)
  })
})

describe('a label that is bytes', () => {
  it('stays what it is', async () => {
    const label = { isText: false, bytes: Uint8Array.of(0xff, 0x00, 0x81) }
    const dealId = await by.publish(published(by.client, proposal({ label })))
    expect((await by.deal(dealId)).proposal?.label).toEqual(label)
  })
})

describe('messages that fail', () => {
  it.each([
    ['parameters that are no CBOR', f05, market.publishStorageDeals, Uint8Array.of(0xff), 21],
    ['a method that is not there', f05, 77, new Uint8Array(), 22],
    ['a method of an account', idAddress(100), 5, new Uint8Array(), 22],
    ['an actor that is not there', idAddress(77_777), SEND, new Uint8Array(), 5],
    ['a sector that was never committed to', undefined, miner.proveCommitSectors3, Uint8Array.of(0x80), 21],
  ])('because of %s change nothing', async (_, to, method, params, exitCode) => {
    const before = await heads()
    expect((await by.run(by.keys.control, { to: to ?? idAddress(by.actorId), method, params })).exitCode).toBe(exitCode)
    expect(await heads()).toBe(before)
  })

  it('because their nonce is wrong change not even that', () => {
    const { chain, network, keys } = by
    const rules = network.parts.rules
    const execution = { state: chain.state, epoch: chain.head.height + 1, rules, backSince: -1, ...lookups() }
    for (const ahead of [-1, 1]) {
      const { message } = by.signed(keys.control, { to: f05, method: SEND })
      const before = saveState((bytes) => network.parts.blocks.put(bytes, 1), chain.state).toString()
      const { receipt } = applyMessage(execution, { ...message, nonce: message.nonce + ahead })
      expect(receipt.exitCode).toBe(2)
      expect(saveState((bytes) => network.parts.blocks.put(bytes, 1), chain.state).toString()).toBe(before)
    }
  })
})

function lookups() {
  return { beaconAt: by.network.parts.beacon.at, ticketAt: () => undefined }
}

describe('messages that the pool does not take', () => {
  const refused = (change: (message: Message) => Partial<Message>, reason: RegExp) => () => {
    const { message } = by.signed(by.client, { to: f05, method: SEND })
    const sent = by.signed(by.client, { ...message, ...change(message) })
    expect(() => by.chain.push(sent)).toThrow(
      expect.objectContaining({ name: 'RefusedMessage', message: expect.stringMatching(reason) }),
    )
  }
  it(
    'are those with a number that was used',
    refused(({ nonce }) => ({ nonce: nonce - 1 }), /nonce too low/),
  )
  it(
    'are those far ahead',
    refused(({ nonce }) => ({ nonce: nonce + 5_000 }), /nonce gap/),
  )
  it(
    'are those that send more than there is',
    refused(() => ({ value: 10n ** 30n }), /not enough funds/),
  )
  it(
    'are those that are too large',
    refused(() => ({ params: new Uint8Array(2 ** 21) }), /too large/),
  )
  it('are those of who has no account', () => {
    expect(() => by.chain.push(by.signed(stranger, { to: f05, method: SEND }))).toThrow(/no account/)
  })
  it('are those that somebody else signed', () => {
    const { message } = by.signed(by.client, { to: f05, method: SEND })
    const { signature } = by.signed(stranger, { ...message, from: stranger.address })
    expect(() => by.chain.push({ message, signature })).toThrow(/invalid signature/)
    const [, , other] = by.network.parts.parties.providers
    expect(() => by.chain.push({ message, signature: other!.keys.worker.sign(new Uint8Array(38)) })).toThrow(/invalid signature/)
  })
  it('are those for a number that is taken', () => {
    const first = by.signed(by.client, { to: f05, method: SEND })
    const cid = by.chain.push(first)
    expect(by.chain.push(first)).toEqual(cid)
    expect(() => by.chain.push(by.signed(by.client, { to: f05, method: SEND, value: 1n }))).toThrow(/already in mpool/)
    by.advance()
    expect(by.chain.mempool.list()).toEqual([])
    expect(formatAddress(first.message.from)).toBe(formatAddress(by.client.address))
  })
})
