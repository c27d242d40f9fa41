import { randomBytes } from 'node:crypto'
import { fastestPairs } from '@keepsake/commp/native-pairs.ts'
import { commPHasher } from '@keepsake/content/piece/commp.ts'
import { type Piece, paddedBytes } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { type PieceTree, pieceTree } from '@keepsake/content/piece/tree.ts'
import { type DealProposal, encodeDealProposal, encodePublishParams } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { decodePublishReturn } from '@keepsake/filecoin/actors/market.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { bitfieldOf } from '@keepsake/filecoin/bitfield.ts'
import { chainHead, getTipSet, tipSetByHeight } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { beaconEntry } from '@keepsake/filecoin/rpc/state.ts'
import type { Signer } from '@keepsake/filecoin/signature.ts'
import { ticketRandomness } from '../src/chain/randomness.ts'
import { challengedLeaves, encodeLeafProofs, proveLeaves } from '../src/messages/leaf-proofs.ts'
import { market, miner } from '../src/messages/methods.ts'
import { encodePreCommitParams } from '../src/messages/pre-commit.ts'
import { DEVNET_PROOF } from '../src/messages/proof-types.ts'
import { dealNotice, encodeProveCommitParams } from '../src/messages/prove-commit.ts'
import { devnetSealedCid } from '../src/messages/sealed-cid.ts'
import { encodeWindowPostParams } from '../src/messages/window-post.ts'
import type { DevnetNode, Outcome } from '../src/node.ts'

const { hashPairs } = fastestPairs()

export interface TestPiece {
  data: Uint8Array
  piece: Piece
  tree: PieceTree
  read(offset: number, length: number): Promise<Uint8Array>
}

/** A piece of random bytes with what is needed to prove leaves of it. */
export function makePiece(sizeBytes = 10_000): TestPiece {
  const data = new Uint8Array(randomBytes(sizeBytes))
  const hasher = commPHasher(hashPairs, { keepLevel: 4 })
  hasher.write(data)
  const piece = hasher.digest()
  const tree = pieceTree(hasher.keptLevel(), piece.height, hashPairs)
  return { data, piece, tree, read: (offset, length) => Promise.resolve(data.subarray(offset, offset + length)) }
}

/** A proposal that the market takes at an epoch. */
export function proposalFor(
  { provider, epoch }: { provider: number; epoch: number },
  client: Signer,
  { piece }: TestPiece,
  changes: Partial<DealProposal> = {},
): DealProposal {
  return {
    pieceCid: pieceCidV1(piece),
    pieceSizeBytes: paddedBytes(piece.height),
    verifiedDeal: false,
    client: client.address,
    provider: idAddress(provider),
    label: { isText: true, bytes: new TextEncoder().encode('a label') },
    startEpoch: epoch + 200,
    endEpoch: epoch + 10_000,
    storagePricePerEpoch: 0n,
    providerCollateral: 5n,
    clientCollateral: 0n,
    ...changes,
  }
}

/** Parameters that publish proposals, each signed by the client. */
export function published(client: Signer, ...proposals: DealProposal[]): Uint8Array {
  return encodePublishParams(
    proposals.map((proposal) => {
      const proposalBytes = encodeDealProposal(proposal)
      return { proposalBytes, signature: client.sign(proposalBytes) }
    }),
  )
}

export function preCommitment(provider: number, sector: number, { piece }: TestPiece, expiration: number): Uint8Array {
  return encodePreCommitParams([
    {
      sealProof: DEVNET_PROOF,
      sector,
      sealedCid: devnetSealedCid(provider, sector, [piece.root]),
      sealRandomnessEpoch: 0,
      dealIds: [],
      expiration,
      unsealedCid: pieceCidV1(piece),
    },
  ])
}

/** The leaves of the one piece of a sector that a beacon asks for. */
export async function leavesFor(beacon: Uint8Array, provider: number, sector: number, held: TestPiece): Promise<Uint8Array> {
  const asked = challengedLeaves({ beacon, provider, sector, piece: 0, height: held.piece.height })
  return encodeLeafProofs([{ sector, pieces: [await proveLeaves(held.tree, held.read, hashPairs, asked)] }])
}

export function activation(sector: number, { piece }: TestPiece, dealId: number, proof: Uint8Array): Uint8Array {
  const manifest = { pieceCid: pieceCidV1(piece), pieceSizeBytes: paddedBytes(piece.height), allocation: null }
  return encodeProveCommitParams({
    sectors: [{ sector, pieces: [{ ...manifest, notify: [dealNotice(dealId)] }] }],
    proofs: [proof],
    aggregateProof: new Uint8Array(),
    aggregateProofType: null,
    requireActivationSuccess: true,
    requireNotificationSuccess: true,
  })
}

/** @param seen an epoch before, and the ticket of its block */
export function windowProof(deadline: number, proof: Uint8Array, seen: { epoch: number; ticket: Uint8Array }): Uint8Array {
  return encodeWindowPostParams({
    deadline,
    partitions: [{ index: 0, skipped: bitfieldOf([]) }],
    proofs: [{ type: DEVNET_PROOF, bytes: proof }],
    chainCommitEpoch: seen.epoch,
    chainCommitRandomness: ticketRandomness(seen.ticket),
  })
}

/** What a provider does with a piece, step by step, against a node that runs: everything it knows it asked for by RPC. */
export function testProvider(node: DevnetNode, rpc: Rpc, index = 0) {
  const { actorId, keys } = node.providers[index]!
  const here = () => ({ provider: actorId, epoch: node.height })

  async function run(method: number, params: Uint8Array, to = actorId): Promise<Outcome> {
    const outcome = await node.outcome(node.send(keys.control, { to: idAddress(to), method, params }))
    if (outcome.exitCode !== 0) throw new Error(`exit ${outcome.exitCode}: ${outcome.reason}`)
    return outcome
  }

  async function reach(epoch: number): Promise<void> {
    while (node.height < epoch) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const end = node.onHead(() => resolve())
      await promise
      end()
    }
  }

  return {
    actorId,
    keys,
    here,
    reach,
    async publish(params: Uint8Array): Promise<number[]> {
      return decodePublishReturn((await run(market.publishStorageDeals, params, 5)).return).dealIds
    },
    /** The whole way of one piece to an active deal. */
    async store(sector: number, held: TestPiece, dealId: number): Promise<void> {
      const said = preCommitment(actorId, sector, held, node.height + 100_000)
      const { height } = await run(miner.preCommitSectorBatch2, said)
      // Its receipt is in the tipset after the one it is in.
      const { blocks } = await tipSetByHeight(rpc, height)
      const included = await getTipSet(rpc, blocks[0]!.parents)
      const epoch = included.height + node.rules.preCommitDelayEpochs
      await reach(epoch)
      const proof = await leavesFor(await beaconEntry(rpc, epoch), actorId, sector, held)
      await run(miner.proveCommitSectors3, activation(sector, held, dealId, proof))
    },
    /** Proves one sector in the window that opened at an epoch. */
    async prove(deadline: number, sector: number, held: TestPiece, opened: number): Promise<void> {
      const { blocks } = await chainHead(rpc)
      const proof = await leavesFor(await beaconEntry(rpc, opened), actorId, sector, held)
      const seen = { epoch: blocks[0]!.height, ticket: blocks[0]!.ticket! }
      await run(miner.submitWindowedPoSt, windowProof(deadline, proof, seen))
    },
  }
}
