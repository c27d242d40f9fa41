import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import {
  type ClientDealProposal,
  dealProposalCid,
  decodeClientDealProposal,
  encodeClientDealProposal,
  verifyClientDealProposal,
} from '@keepsake/filecoin/actors/deal-proposal.ts'
import { formatAddress } from '@keepsake/filecoin/address.ts'
import { dateOf } from '@keepsake/filecoin/epoch.ts'
import { dataCapOf, dealCollateralBounds } from '@keepsake/filecoin/rpc/market.ts'
import type { Chain } from '../chain/chain.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import { backingRefusal, dataCapOn } from '../providers/backing.ts'
import { changeDeal } from '../providers/deal-change.ts'
import { isStillRight, proposalFor, signProposal } from './proposal.ts'
import type { DealRules } from './rules.ts'
import { type DealRow, findDeal, findOutstanding } from './store.ts'
import type { Wallet } from './wallet/wallet.ts'

export interface ProposeComponents {
  database: Db
  facts: Facts
  chain: Chain | undefined
  wallet: Wallet
  rules: DealRules
}

/** An earlier proposal is used again while so much of its time is left; later a new one gives the provider more. */
const leastShareOfStart = 1 / 4
/** What nobody backs is not tried again with every round: DataCap is given by people. */
const unbackedRestMs = 3_600_000

/**
 * Signs the proposal of a reserved deal. Everything up to the last step leaves no trace, and that is one transaction: whenever it is broken off, there is
 * either no proposal, or this one and no other.
 *
 * @throws KeepsakeError `ERROR_UNAVAILABLE` without a Filecoin network or where the wallet cannot be opened; RpcError
 */
export async function proposeDeal(components: ProposeComponents, dealId: number, signal?: AbortSignal): Promise<void> {
  const { database, facts, chain } = components
  const deal = await findDeal(database, dealId)
  if (deal?.state !== 'reserved') return
  if (!chain)
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      'This server has no Filecoin network (FILECOIN_RPC=off), so nothing can be proposed.',
    )
  const { network } = await chain.source()
  if (network !== deal.network) {
    const reason = `It was reserved on ${deal.network}; this server is on ${network} now.`
    await changeDeal(database, facts, dealId, { from: 'reserved', to: 'failed', reason })
    return
  }
  const epoch = await chain.epochNow()
  const made = await makeProposal(components, deal, { chain, epoch }, signal)
  if ('unbacked' in made) {
    const again_at = new Date(Date.now() + unbackedRestMs)
    await changeDeal(database, facts, dealId, { from: 'reserved', to: 'failed', reason: made.unbacked, set: { again_at } })
    return
  }
  if ('blockedUntil' in made) {
    const until = dateOf(await chain.clock(), made.blockedUntil)
    const reason = `An earlier proposal of the same piece to the same provider, with other terms, can be published until epoch ${made.blockedUntil}: a new one before then could make two deals.`
    await changeDeal(database, facts, dealId, { from: 'reserved', to: 'failed', reason, set: { again_at: until } })
    return
  }
  await recordProposal(components, deal, { ...made, epoch, due: dateOf(await chain.clock(), made.signed.proposal.startEpoch) })
}

type Made = { signed: ClientDealProposal; repeats: number | undefined } | { blockedUntil: number } | { unbacked: string }

async function makeProposal(
  { database, wallet, rules }: ProposeComponents,
  deal: DealRow,
  { chain, epoch }: { chain: Chain; epoch: number },
  signal?: AbortSignal,
): Promise<Made> {
  const size = { pieceSizeBytes: paddedBytes(deal.pieceHeight), isVerified: rules.isVerified }
  const { min: minCollateral } = await dealCollateralBounds(await chain.rpc(), size, { signal })
  const signer = await wallet.defaultSigner()
  if (rules.isVerified) {
    const bytes = await dataCapOf(await chain.rpc(), signer.address, { signal })
    const refusal = backingRefusal(await dataCapOn(database, deal.network, bytes, { before: deal.id }), deal.pieceHeight)
    if (refusal) return { unbacked: `${refusal.line} Its address is ${formatAddress(signer.address)}.` }
  }
  const proposal = proposalFor({ subject: deal, client: signer.address, epoch, minCollateral, rules })
  const outstanding = await findOutstanding(database, deal, epoch)
  if (!outstanding) return { signed: checked(signProposal(proposal, signer)), repeats: undefined }
  const old = decodeClientDealProposal(new Uint8Array(outstanding.proposal))
  const leastStart = epoch + Math.ceil(rules.startEpochs * leastShareOfStart)
  if (isStillRight(old.proposal, proposal, leastStart, minCollateral)) return { signed: checked(old), repeats: outstanding.id }
  return { blockedUntil: outstanding.startEpoch }
}

/** A signature that others would refuse is never handed out. */
function checked(signed: ClientDealProposal): ClientDealProposal {
  if (!verifyClientDealProposal(signed)) throw new Error('A proposal just signed does not verify.')
  return signed
}

interface Recorded {
  signed: ClientDealProposal
  repeats: number | undefined
  epoch: number
  due: Date
}

async function recordProposal(
  { database, facts }: ProposeComponents,
  deal: DealRow,
  { signed, repeats, epoch, due }: Recorded,
): Promise<void> {
  const { proposal } = signed
  const cid = dealProposalCid(proposal)
  await changeDeal(database, facts, deal.id, {
    from: 'reserved',
    to: 'proposed',
    epoch,
    evidence: {
      proposalCid: cid.toString(),
      client: formatAddress(proposal.client),
      startEpoch: proposal.startEpoch,
      endEpoch: proposal.endEpoch,
      ...(repeats !== undefined && { repeatsDeal: repeats }),
    },
    set: {
      proposal: encodeClientDealProposal(signed),
      proposal_cid: cid.bytes,
      start_epoch: proposal.startEpoch,
      end_epoch: proposal.endEpoch,
      due_at: due,
    },
  })
}
