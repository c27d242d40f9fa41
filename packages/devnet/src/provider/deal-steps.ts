import { access } from 'node:fs/promises'
import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import { encodePublishParams } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { decodePublishReturn } from '@keepsake/filecoin/actors/market.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import { has } from '@keepsake/filecoin/bitfield.ts'
import { chainHead, getTipSet } from '@keepsake/filecoin/rpc/chain.ts'
import { beaconEntry, type FoundMessage } from '@keepsake/filecoin/rpc/state.ts'
import { defaultRules } from '../actors/rules.ts'
import { encodeLeafProofs } from '../messages/leaf-proofs.ts'
import { market, miner } from '../messages/methods.ts'
import { encodePreCommitParams } from '../messages/pre-commit.ts'
import { DEVNET_PROOF } from '../messages/proof-types.ts'
import { dealNotice, encodeProveCommitParams } from '../messages/prove-commit.ts'
import { devnetSealedCid } from '../messages/sealed-cid.ts'
import { awaitMessage, restAfterFailure, sendFor } from './await-message.ts'
import { download } from './download.ts'
import type { HeldDeal } from './held-deals.ts'
import { minerOf, type ProviderParts, pieceOf, piecePath, proposalOf } from './parts.ts'
import { indexPiece } from './piece-blocks.ts'
import { proveStored, removePiece, verifyPiece, WrongPiece } from './stored-piece.ts'

/** A sector lives a little longer than the deal in it. */
const sectorMarginEpochs = 100

/** Takes a deal one step further, or finds that it has to wait. Whatever happened before it was interrupted, it may be called again. */
export async function advanceDeal(parts: ProviderParts, deal: HeldDeal, signal: AbortSignal): Promise<void> {
  if ((deal.restUntil ?? 0) > Date.now()) return
  try {
    if (deal.stage === 'agreed') await store(parts, deal, signal)
    else if (deal.stage === 'stored') await publish(parts, deal, signal)
    else if (deal.stage === 'published') await commit(parts, deal, signal)
  } catch (error) {
    signal.throwIfAborted()
    parts.tell(`cannot take ${deal.proposalCid} further: ${(error as Error).message}`)
    const current = parts.deals.find(deal.proposalCid) ?? deal
    // A message that may be on its way is waited for; everything else is tried anew.
    if (!current.message) await restAfterFailure(parts, current)
  }
}

/** Downloads the piece, and takes nothing on trust: what is not the piece of the deal is thrown away, and the deal refused. */
async function store(parts: ProviderParts, deal: HeldDeal, signal: AbortSignal): Promise<void> {
  const { deals, tell } = parts
  const { payloadBytes, height } = pieceOf(deal)
  const path = piecePath(parts, deal)
  const isHere = await access(path).then(
    () => true,
    () => false,
  )
  if (!isHere) await download({ sources: deal.sources, sizeBytes: payloadBytes, path, signal })
  try {
    await verifyPiece(path, { pieceCid: proposalOf(deal).proposal.pieceCid, height }, signal)
  } catch (error) {
    if (!(error instanceof WrongPiece)) throw error
    await removePiece(path)
    await deals.save({ ...deal, stage: 'refused', reason: error.message })
    return tell(`refuses ${deal.proposalCid}: ${error.message}`)
  }
  await indexPiece(path, payloadBytes, signal)
  await deals.save(rested(deal, { stage: 'stored' }))
  tell(`has stored ${deal.pieceCidV2}`)
}

/** Has the chain know the deal. */
async function publish(parts: ProviderParts, deal: HeldDeal, signal: AbortSignal): Promise<void> {
  const { deals, rpc, tell } = parts
  const signed = proposalOf(deal)
  if (!deal.message) {
    const { height } = await chainHead(rpc, { signal })
    const { startEpoch } = signed.proposal
    if (height >= startEpoch)
      return await deals.save({
        ...deal,
        stage: 'ended',
        reason: `It was not published before its start in epoch ${startEpoch}.`,
      })
    const order = { to: idAddress(5), method: market.publishStorageDeals, params: encodePublishParams([signed]) }
    return await sendFor(parts, deal, { purpose: 'publish', order }, signal)
  }
  const found = await awaitMessage(parts, deal, signal)
  if (!found) return
  const { dealIds, validIndexes } = decodePublishReturn(found.return)
  if (validIndexes && !has(validIndexes, 0)) return await restAfterFailure(parts, deal)
  const dealId = dealIds[0] as number
  await deals.save(rested(deal, { stage: 'published', dealId }))
  tell(`has published ${deal.proposalCid} as deal ${dealId}`)
}

/** Puts the piece into a sector: says that it will, and then shows that it has it. */
async function commit(parts: ProviderParts, deal: HeldDeal, signal: AbortSignal): Promise<void> {
  const { deals, tell } = parts
  if (!deal.message) return await preCommit(parts, deal, signal)
  const found = await awaitMessage(parts, deal, signal)
  if (!found) return
  if (deal.message.purpose === 'pre-commit') return await proveCommit(parts, deal, found, signal)
  await deals.save(rested(deal, { stage: 'committed' }))
  tell(`has deal ${deal.dealId} in sector ${deal.sector}`)
}

async function preCommit(parts: ProviderParts, deal: HeldDeal, signal: AbortSignal): Promise<void> {
  const { actorId, rpc, deals } = parts
  const { height: epoch } = await chainHead(rpc, { signal })
  const { proposal } = proposalOf(deal)
  if (epoch >= proposal.startEpoch)
    return await deals.save({
      ...deal,
      stage: 'ended',
      reason: `It was not in a sector before its start in epoch ${proposal.startEpoch}.`,
    })
  // A number is used once: also one of which a try failed.
  const sector = nextSector(deals.list())
  const params = encodePreCommitParams([
    {
      sealProof: DEVNET_PROOF,
      sector,
      sealedCid: devnetSealedCid(actorId, sector, [pieceOf(deal).root]),
      sealRandomnessEpoch: epoch,
      dealIds: [],
      expiration: proposal.endEpoch + sectorMarginEpochs,
      unsealedCid: proposal.pieceCid,
    },
  ])
  const order = { to: minerOf(parts), method: miner.preCommitSectorBatch2, params }
  await sendFor(parts, deal, { purpose: 'pre-commit', order, also: { sector } }, signal)
}

function nextSector(deals: readonly HeldDeal[]): number {
  return Math.max(0, ...deals.map(({ sector }) => sector ?? 0)) + 1
}

/** The beacon of an epoch after the pre-commitment says which leaves of the piece are to be shown. */
async function proveCommit(parts: ProviderParts, deal: HeldDeal, preCommitted: FoundMessage, signal: AbortSignal): Promise<void> {
  const { actorId, rpc } = parts
  const sector = deal.sector as number
  const challengeEpoch = (await executedAt(parts, preCommitted, signal)) + defaultRules.preCommitDelayEpochs
  const { height: epoch } = await chainHead(rpc, { signal })
  if (epoch < challengeEpoch) return
  const beacon = await beaconEntry(rpc, challengeEpoch, { signal })
  const { height } = pieceOf(deal)
  const leaves = await proveStored(piecePath(parts, deal), { beacon, provider: actorId, sector, piece: 0, height })
  const piece = {
    pieceCid: proposalOf(deal).proposal.pieceCid,
    pieceSizeBytes: paddedBytes(height),
    allocation: null,
    notify: [dealNotice(deal.dealId as number)],
  }
  const params = encodeProveCommitParams({
    sectors: [{ sector, pieces: [piece] }],
    proofs: [encodeLeafProofs([{ sector, pieces: [leaves] }])],
    aggregateProof: new Uint8Array(),
    aggregateProofType: null,
    requireActivationSuccess: true,
    requireNotificationSuccess: true,
  })
  const order = { to: minerOf(parts), method: miner.proveCommitSectors3, params }
  await sendFor(parts, deal, { purpose: 'prove-commit', order }, signal)
}

/** The epoch of the tipset that has a message; its receipt is told of by the next one. */
async function executedAt({ rpc }: ProviderParts, { tipSet }: FoundMessage, signal: AbortSignal): Promise<number> {
  const after = await getTipSet(rpc, tipSet, { signal })
  const { height } = await getTipSet(rpc, after.blocks[0]!.parents, { signal })
  return height
}

/** A deal that has come further: what was said of the step before is forgotten. */
function rested({ message: _, restUntil: _rest, failures: _failures, ...deal }: HeldDeal, further: Partial<HeldDeal>): HeldDeal {
  return { ...deal, ...further }
}
