import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { decodePublishReturn } from '@keepsake/filecoin/actors/market.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { findInAmt } from '@keepsake/filecoin/amt.ts'
import { listedCid, type Message, messageCid, type SignedMessage } from '@keepsake/filecoin/message.ts'
import { decodeReceipt, type Receipt } from '@keepsake/filecoin/receipt.ts'
import { type Signer, secpSigner } from '@keepsake/filecoin/signature.ts'
import { defaultRules, type Rules } from '../src/actors/rules.ts'
import { openChain } from '../src/chain/chain.ts'
import { FIL } from '../src/chain/genesis.ts'
import { openNetwork } from '../src/chain/network.ts'
import { market, miner, SEND } from '../src/messages/methods.ts'
import {
  activation,
  leavesFor,
  makePiece,
  preCommitment,
  proposalFor,
  published,
  type TestPiece,
  windowProof,
} from './provider.ts'
import { dealIn, sectorIn } from './reading.ts'

export type ChainByHand = Awaited<ReturnType<typeof openByHand>>

/** A chain whose epochs come when a test says so, with a client that has money. */
export async function openByHand({ directory, rules }: { directory?: string; rules?: Partial<Rules> } = {}) {
  const folder = directory ?? (await mkdtemp(join(tmpdir(), 'keepsake-devnet-')))
  const reasons: string[] = []
  const network = openNetwork({
    directory: folder,
    epochMs: 1_000,
    providers: 3,
    rules: { ...defaultRules, ...rules },
    onFailure: (_, __, reason) => reasons.push(reason),
  })
  const chain = await openChain(network.parts)
  const client = secpSigner(new Uint8Array(32).fill(7))
  const { actorId, keys } = network.parts.parties.providers[0]!
  const nonceOf = (signer: Signer): number =>
    chain.state.actors.get(chain.state.ids.get(formatAddress(signer.address))?.id ?? -1)?.nonce ?? 0

  function advance(epochs = 1): void {
    for (let left = epochs; left > 0; left--) chain.extend(chain.head.height + 1)
  }

  function signed(signer: Signer, order: Partial<Message> & Pick<Message, 'to' | 'method'>): SignedMessage {
    const defaults = { version: 0, from: signer.address, value: 0n, gasLimit: 1, gasFeeCap: 0n, gasPremium: 0n }
    const message = { ...defaults, nonce: nonceOf(signer), params: new Uint8Array(), ...order }
    return { message, signature: signer.sign(messageCid(message).bytes) }
  }

  /** Sends a message, has it executed, and reads its receipt. */
  async function run(signer: Signer, order: Partial<Message> & Pick<Message, 'to' | 'method'>): Promise<Receipt> {
    const sent = signed(signer, order)
    chain.push(sent)
    advance()
    const { place } = network.parts.index.findMessage(listedCid(sent))!
    return decodeReceipt((await findInAmt(chain.get, chain.head.receipts, place))!)
  }

  async function done(signer: Signer, order: Partial<Message> & Pick<Message, 'to' | 'method'>): Promise<Receipt> {
    const receipt = await run(signer, order)
    if (receipt.exitCode !== 0) throw new Error(`exit ${receipt.exitCode}: ${reasons.at(-1)}`)
    return receipt
  }

  async function publish(params: Uint8Array): Promise<number> {
    const receipt = await done(keys.control, { to: idAddress(5), method: market.publishStorageDeals, params })
    return decodePublishReturn(receipt.return).dealIds[0]!
  }

  /** Brings a piece into a sector with its deal, and says in which window it is to be proven next. */
  async function store(sector: number, held: TestPiece, dealId: number): Promise<{ opens: number }> {
    const params = preCommitment(actorId, sector, held, chain.head.height + 100_000)
    await done(keys.control, { to: idAddress(actorId), method: miner.preCommitSectorBatch2, params })
    const asked = chain.head.height + network.parts.rules.preCommitDelayEpochs
    advance(network.parts.rules.preCommitDelayEpochs)
    const proof = await leavesFor(network.parts.beacon.at(asked), actorId, sector, held)
    const message = { to: idAddress(actorId), method: miner.proveCommitSectors3, params: activation(sector, held, dealId, proof) }
    await done(keys.control, message)
    return { opens: chain.head.height + 2 }
  }

  /** Parameters of a proof of a sector in the window that opened at an epoch. */
  async function proofOf(sector: number, held: TestPiece, opened: number, deadline: number): Promise<Uint8Array> {
    const { height, block } = chain.head
    const proof = await leavesFor(network.parts.beacon.at(opened), actorId, sector, held)
    return windowProof(deadline, proof, { epoch: height, ticket: chain.header(block).ticket! })
  }

  if (chain.head.height === 0) await done(network.parts.parties.faucet, { to: client.address, method: SEND, value: 1_000n * FIL })
  return {
    ...{ folder, network, chain, client, actorId, keys, reasons, advance, signed, run, publish, store, proofOf },
    miner: (method: number, params: Uint8Array) => run(keys.control, { to: idAddress(actorId), method, params }),
    deal: (dealId: number) => dealIn(chain.get, chain.head.state, dealId),
    sector: (sector: number) => sectorIn(chain.get, chain.head.state, actorId, sector),
    /** Parameters that publish one deal about a piece. */
    offer: (held: TestPiece, changes: Partial<DealProposal> = {}) =>
      published(client, proposalFor({ provider: actorId, epoch: chain.head.height }, client, held, changes)),
    piece: makePiece,
    async close(): Promise<void> {
      network.close()
      if (!directory) await rm(folder, { recursive: true, force: true })
    },
  }
}
