import { setTimeout as sleep } from 'node:timers/promises'
import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import { chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import { minerInfo } from '@keepsake/filecoin/rpc/state.ts'
import { checkProposal, UnfitProposal } from './check-proposal.ts'
import type { HeldDeal } from './held-deals.ts'
import { minerOf, type ProviderParts } from './parts.ts'
import { type PendingProposal, PortalRefusal } from './portal.ts'

/** Pieces asked for in one round, so that other providers get theirs too. */
const requestsPerRound = 3
/** A piece that was refused is not asked for again before this. */
const refusedRestMs = 60_000
/** After it asked for something, a provider looks a few times more often whether it was proposed. */
const looksAfterAsking = 3
const betweenLooksMs = 1_000

/** One round of what a provider does at the portal: take what was proposed to it, and ask for more. */
export function workFinder(parts: ProviderParts): (signal: AbortSignal) => Promise<void> {
  const restUntil = new Map<string, number>()
  return async (signal) => {
    await takeProposals(parts, signal)
    let waiting = await askForPieces(parts, restUntil, signal)
    // What was asked for is often proposed soon; what is not comes with the next round.
    for (let look = 0; look < looksAfterAsking && waiting > 0; look++) {
      await sleep(betweenLooksMs, undefined, { signal })
      waiting -= await takeProposals(parts, signal)
    }
  }
}

/** @returns how many were new */
async function takeProposals(parts: ProviderParts, signal: AbortSignal): Promise<number> {
  const { portal, deals } = parts
  const fresh = (await portal.pendingProposals(signal)).filter(({ proposalCid }) => !deals.find(proposalCid))
  for (const pending of fresh) await takeProposal(parts, pending, signal)
  return fresh.length
}

async function takeProposal(parts: ProviderParts, pending: PendingProposal, signal: AbortSignal): Promise<void> {
  const { rpc, actorId, deals, tell } = parts
  const { proposalCid, pieceCidV2, sources } = pending
  const signedProposal = Buffer.from(pending.signedProposal).toString('base64')
  const deal: HeldDeal = { proposalCid, signedProposal, pieceCidV2, sources, stage: 'agreed' }
  try {
    const { height: epochNow } = await chainHead(rpc, { signal })
    await checkProposal(pending, { rpc, actorId, epochNow }, signal)
    await deals.save(deal)
    tell(`agrees to ${proposalCid} about ${pieceCidV2}`)
  } catch (error) {
    if (!(error instanceof UnfitProposal)) throw error
    await deals.save({ ...deal, stage: 'refused', reason: error.message })
    tell(`refuses ${proposalCid}: ${error.message}`)
  }
}

async function askForPieces(parts: ProviderParts, restUntil: Map<string, number>, signal: AbortSignal): Promise<number> {
  const { portal, rpc, tell } = parts
  const { sectorSizeBytes } = await minerInfo(rpc, minerOf(parts), { signal })
  const fitting = (await portal.eligiblePieces(signal)).filter(
    ({ paddedBytes: size }) => size <= sectorSizeBytes && size >= paddedBytes(2),
  )
  const wanted = fitting.filter(({ pieceCid }) => (restUntil.get(pieceCid) ?? 0) <= Date.now()).slice(0, requestsPerRound)
  let asked = 0
  for (const { pieceCid } of wanted) {
    try {
      await portal.requestPiece(pieceCid, signal)
      asked++
      tell(`asked for ${pieceCid}`)
    } catch (error) {
      if (!(error instanceof PortalRefusal)) throw error
      restUntil.set(pieceCid, Date.now() + refusedRestMs)
      tell(`may not have ${pieceCid} now: ${error.message} (${error.errorCode})`)
    }
  }
  return asked
}
