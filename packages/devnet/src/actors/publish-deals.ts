import { parsePieceCid } from '@keepsake/content/piece/piece-cid.ts'
import {
  type ClientDealProposal,
  type DealProposal,
  dealProposalCid,
  decodePublishParams,
  encodeDealProposal,
  verifyClientDealProposal,
} from '@keepsake/filecoin/actors/deal-proposal.ts'
import { encodePublishReturn } from '@keepsake/filecoin/actors/market.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { bitfieldOf } from '@keepsake/filecoin/bitfield.ts'
import { addTo } from '../state/balances.ts'
import { lookAt } from '../state/market.ts'
import { findId, MARKET, touch } from '../state/state.ts'
import type { Execution } from './execution.ts'
import { ActorExit, exit, exitOf, require } from './exit.ts'
import { available, lockFor, requirementOf } from './market-funds.ts'
import { requireProvider } from './provider.ts'

const minPieceBytes = 128
const maxLabelBytes = 256

/** A proposal that passed every check, with its parties by number as the chain keeps it. */
interface Accepted {
  proposal: DealProposal
  cidText: string
}

/**
 * Method 4 of the market: takes deals that a provider and a client agreed on. A proposal that cannot be taken is passed over; where none can, the
 * message fails.
 */
export function publishStorageDeals(execution: Execution, caller: number, params: Uint8Array): Uint8Array {
  const { state } = execution
  const { market } = state
  const deals = decodePublishParams(params)
  const [first] = deals
  require(first !== undefined, exit.illegalArgument, 'There is no deal to publish.')
  for (const { proposal } of deals) requireText(proposal)
  const provider = requireProvider(state, caller, findId(state, first.proposal.provider))
  const accepted: Accepted[] = []
  const validIndexes: number[] = []
  let refusal: ActorExit | undefined
  const wanted = new Map<number, bigint>()
  for (const [index, deal] of deals.entries()) {
    try {
      accepted.push(check(execution, provider, deal, accepted, wanted))
      validIndexes.push(index)
    } catch (error) {
      refusal ??= exitOf(error)
    }
  }
  if (accepted.length === 0) throw new ActorExit(exit.illegalArgument, `No proposal can be taken: ${refusal?.message}`)
  const dealIds = accepted.map(({ proposal, cidText }) => {
    const dealId = market.nextDealId++
    market.proposals.set(dealId, encodeDealProposal(proposal))
    market.pending.set(cidText, dealProposalCid(proposal))
    lookAt(market, dealId, proposal.startEpoch)
    lookAt(market, dealId, proposal.endEpoch)
    lockFor(market, proposal)
    return dealId
  })
  touch(state, MARKET)
  return encodePublishReturn({ dealIds, validIndexes: bitfieldOf(validIndexes) })
}

/** Since actors v8 a text is UTF-8; a message with another one cannot be read at all. */
function requireText({ label }: DealProposal): void {
  if (!label.isText) return
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(label.bytes)
  } catch (cause) {
    throw new ActorExit(exit.serialization, 'A label that says it is a text is not UTF-8.', { cause })
  }
}

/** @throws ActorExit where the deal cannot be taken */
function check(
  execution: Execution,
  provider: number,
  deal: ClientDealProposal,
  accepted: readonly Accepted[],
  wanted: Map<number, bigint>,
): Accepted {
  const { state } = execution
  const { proposal } = deal
  require(findId(state, proposal.provider) === provider, exit.illegalArgument, 'It is with another provider than the first.')
  const client = findId(state, proposal.client)
  const key = client === undefined ? undefined : state.accounts.get(client)
  require(client !== undefined && key !== undefined, exit.notFound, `There is no client ${formatAddress(proposal.client)}.`)
  checkTerms(execution, proposal, state.miners.get(provider)!.info.sectorSizeBytes)
  const kept = { ...proposal, client: idAddress(client), provider: idAddress(provider) }
  const cidText = dealProposalCid(kept).toString()
  const isKnown = state.market.pending.has(cidText) || accepted.some((other) => other.cidText === cidText)
  require(!isKnown, exit.illegalArgument, 'It was published before.')
  require(verifyClientDealProposal(deal, key), exit.illegalArgument, 'Its client did not sign it.')
  reserve(execution, kept, { client, provider }, wanted)
  return { proposal: kept, cidText }
}

function checkTerms({ epoch, rules }: Execution, proposal: DealProposal, sectorSizeBytes: number): void {
  const { pieceCid, pieceSizeBytes, startEpoch, endEpoch } = proposal
  const duration = endEpoch - startEpoch
  const isPowerOfTwo = pieceSizeBytes >= minPieceBytes && Number.isInteger(Math.log2(pieceSizeBytes))
  const bad = exit.illegalArgument
  require(proposal.label.bytes.length <= maxLabelBytes, bad, `A label has at most ${maxLabelBytes} bytes.`)
  require(parsePieceCid(pieceCid).version === 1, bad, 'A deal names its piece by a CID of version 1.')
  require(isPowerOfTwo, bad, `A piece has a power of two bytes, not ${pieceSizeBytes}.`)
  require(pieceSizeBytes <=
    sectorSizeBytes, bad, `A piece of ${pieceSizeBytes} bytes does not fit a sector of ${sectorSizeBytes}.`)
  require(startEpoch >= epoch, bad, `It begins at epoch ${startEpoch}, and this is ${epoch}.`)
  require(duration >= rules.minDealEpochs, bad, `It lasts ${duration} epochs, and at least ${rules.minDealEpochs} are asked for.`)
  require(duration <= rules.maxDealEpochs, bad, `It lasts ${duration} epochs, and at most ${rules.maxDealEpochs} are allowed.`)
  const amounts = [proposal.storagePricePerEpoch, proposal.providerCollateral, proposal.clientCollateral]
  require(amounts.every((amount) => amount >= 0n), bad, 'An amount is negative.')
}

/** Counts what the deals of one message take from the same escrow together. */
function reserve(
  { state }: Execution,
  proposal: DealProposal,
  { client, provider }: { client: number; provider: number },
  wanted: Map<number, bigint>,
): void {
  const requirement = requirementOf(proposal)
  const sums = new Map(wanted)
  addTo(sums, client, requirement.client)
  addTo(sums, provider, requirement.provider)
  for (const id of [client, provider]) {
    const has = available(state.market, id)
    const needs = sums.get(id) ?? 0n
    require(needs <= has, exit.insufficientFunds, `f0${id} has ${has} attoFIL free in escrow, and ${needs} are needed.`)
  }
  for (const [id, sum] of sums) wanted.set(id, sum)
}
