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

export function proposalFor(
  node: DevnetNode,
  client: Signer,
  { piece }: TestPiece,
  changes: Partial<DealProposal> = {},
): DealProposal {
  return {
    pieceCid: pieceCidV1(piece),
    pieceSizeBytes: paddedBytes(piece.height),
    verifiedDeal: false,
    client: client.address,
    provider: idAddress(node.providers[0]!.actorId),
    label: { isText: true, bytes: new TextEncoder().encode('a label') },
    startEpoch: node.height + 200,
    endEpoch: node.height + 10_000,
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

/** What the first provider does with a piece, step by step, as a storage provider does it. */
export function testProvider(node: DevnetNode, rpc: Rpc, index = 0) {
  const { actorId, keys } = node.providers[index]!
  const run = (method: number, params: Uint8Array, to = actorId): Promise<Outcome> =>
    node.outcome(node.send(keys.control, { to: idAddress(to), method, params }))

  async function publish(params: Uint8Array): Promise<number[]> {
    const outcome = await run(market.publishStorageDeals, params, 5)
    if (outcome.exitCode !== 0) throw new Error(`exit ${outcome.exitCode}: ${outcome.reason}`)
    return decodePublishReturn(outcome.return).dealIds
  }

  /** Commits to a sector and waits. @returns the epoch of the pre-commitment */
  async function preCommit(sector: number, held: TestPiece, expiration: number): Promise<number> {
    const sealedCid = devnetSealedCid(actorId, sector, [held.piece.root])
    const said = { sealProof: DEVNET_PROOF, sector, sealedCid, sealRandomnessEpoch: node.height, dealIds: [], expiration }
    const outcome = await run(
      miner.preCommitSectorBatch2,
      encodePreCommitParams([{ ...said, unsealedCid: pieceCidV1(held.piece) }]),
    )
    if (outcome.exitCode !== 0) throw new Error(`exit ${outcome.exitCode}: ${outcome.reason}`)
    // Its receipt is in the tipset after the one it is in.
    const { blocks } = await tipSetByHeight(rpc, outcome.height)
    return (await getTipSet(rpc, blocks[0]!.parents)).height
  }

  async function leaves(sector: number, held: TestPiece, epoch: number) {
    const beacon = await beaconEntry(rpc, epoch)
    const asked = challengedLeaves({ beacon, provider: actorId, sector, piece: 0, height: held.piece.height })
    return encodeLeafProofs([{ sector, pieces: [await proveLeaves(held.tree, held.read, hashPairs, asked)] }])
  }

  async function proveCommit(sector: number, held: TestPiece, dealId: number, proof: Uint8Array): Promise<Outcome> {
    const piece = { pieceCid: pieceCidV1(held.piece), pieceSizeBytes: paddedBytes(held.piece.height), allocation: null }
    return await run(
      miner.proveCommitSectors3,
      encodeProveCommitParams({
        sectors: [{ sector, pieces: [{ ...piece, notify: [dealNotice(dealId)] }] }],
        proofs: [proof],
        aggregateProof: new Uint8Array(),
        aggregateProofType: null,
        requireActivationSuccess: true,
        requireNotificationSuccess: true,
      }),
    )
  }

  /** Proves one sector in the window that opened at an epoch. */
  async function prove(deadline: number, sector: number, held: TestPiece, opened: number): Promise<Outcome> {
    const head = await chainHead(rpc)
    return await run(
      miner.submitWindowedPoSt,
      encodeWindowPostParams({
        deadline,
        partitions: [{ index: 0, skipped: bitfieldOf([]) }],
        proofs: [{ type: DEVNET_PROOF, bytes: await leaves(sector, held, opened) }],
        chainCommitEpoch: head.height,
        chainCommitRandomness: ticketRandomness(head.blocks[0]!.ticket!),
      }),
    )
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
    run,
    publish,
    preCommit,
    proveCommit,
    leaves,
    prove,
    reach,
    /** The whole way of one piece to an active deal. */
    async store(sector: number, held: TestPiece, dealId: number, expiration = node.height + 100_000): Promise<void> {
      const epoch = (await preCommit(sector, held, expiration)) + node.rules.preCommitDelayEpochs
      await reach(epoch)
      const outcome = await proveCommit(sector, held, dealId, await leaves(sector, held, epoch))
      if (outcome.exitCode !== 0) throw new Error(`exit ${outcome.exitCode}: ${outcome.reason}`)
    },
  }
}
