import type { ImportOutcome } from '@keepsake/api/deals.ts'
import { type DealProposal, decodeClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { formatAddress, isSameAddress } from '@keepsake/filecoin/address.ts'
import { RpcError } from '@keepsake/filecoin/rpc/errors.ts'
import { type MarketDeal, marketDeal } from '@keepsake/filecoin/rpc/market.ts'
import { lookUpId } from '@keepsake/filecoin/rpc/state.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Chain } from '../chain/chain.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import { changeDeal } from '../providers/deal-change.ts'
import { type DealRow, findDeal } from './store.ts'

interface Components {
  database: Db
  facts: Facts
  chain: Chain | undefined
}

/** What somebody says: our deal, by its number or the CID of its proposal, has this number on the chain. */
export interface Claim {
  deal: number | string
  chainDealId: number
}

/**
 * Takes the chain's numbers of deals that were handed over by other means. Nobody is believed: the node is asked for the deal, and every field has to be what
 * was proposed. Only then is it `published`; whether it is active is read from the chain later, as for every other.
 *
 * @throws KeepsakeError `ERROR_UNAVAILABLE` without a Filecoin network; RpcError where no node answers
 */
export async function importDeals(
  components: Components,
  claims: readonly Claim[],
  signal?: AbortSignal,
): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = []
  for (const claim of claims) {
    signal?.throwIfAborted()
    outcomes.push({ ...claim, ...(await importDeal(components, claim, signal)) })
  }
  return outcomes
}

type Outcome = Pick<ImportOutcome, 'outcome' | 'reason'>

function refused(reason: string): Outcome {
  return { outcome: 'refused', reason }
}

async function importDeal(components: Components, { deal: named, chainDealId }: Claim, signal?: AbortSignal): Promise<Outcome> {
  const { database, facts, chain } = components
  if (!chain)
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      'This server has no Filecoin network (FILECOIN_RPC=off), so nothing can be checked.',
    )
  const deal = await findNamed(database, named)
  if (!deal) return refused(`There is no such deal: ${named}.`)
  if (deal.state === 'published' || deal.state === 'active') return await known(database, deal, chainDealId)
  if (!deal.proposal) return refused(`Deal ${deal.id} has no proposal: it is ${deal.state}.`)
  const { network } = await chain.source()
  if (network !== deal.network) return refused(`Deal ${deal.id} is on ${deal.network}; this server is on ${network}.`)
  const { proposal } = decodeClientDealProposal(new Uint8Array(deal.proposal))
  const found = await findOnChain(chain, chainDealId, proposal, signal)
  if (typeof found === 'string') return refused(found)
  if (deal.state !== 'proposed' && deal.state !== 'delivered' && deal.state !== 'failed')
    return refused(`Deal ${deal.id} is ${deal.state}.`)
  await changeDeal(database, facts, deal.id, {
    from: ['proposed', 'delivered', 'failed'],
    to: 'published',
    reason: 'The operator gave its number, and the chain has the same deal under it.',
    epoch: await chain.epochNow(),
    evidence: { chainDealId },
    set: { chain_deal_id: chainDealId },
  })
  return { outcome: 'published', reason: null }
}

async function known({ kysely }: Db, { id }: DealRow, chainDealId: number): Promise<Outcome> {
  const row = await kysely.selectFrom('deal').select('chain_deal_id').where('id', '=', id).executeTakeFirst()
  return row?.chain_deal_id === chainDealId
    ? { outcome: 'known', reason: null }
    : refused(`Deal ${id} is on the chain already, as number ${row?.chain_deal_id}.`)
}

async function findNamed(db: Db, named: number | string): Promise<DealRow | undefined> {
  if (typeof named === 'number') return await findDeal(db, named)
  let cid: Uint8Array
  try {
    cid = CID.parse(named).bytes
  } catch {
    return undefined
  }
  const { rows } = await sql<{ id: number }>`
    select id from deal where proposal_cid = ${cid} order by state = 'failed', id desc limit 1`.execute(db.kysely)
  return rows[0] && (await findDeal(db, rows[0].id))
}

/** The deal of that number where it is the one that was proposed; else what is wrong. */
async function findOnChain(chain: Chain, id: number, ours: DealProposal, signal?: AbortSignal): Promise<MarketDeal | string> {
  const rpc = await chain.rpc()
  try {
    const found = await marketDeal(rpc, id, { signal })
    const client = await lookUpId(rpc, ours.client, { signal })
    const differences = differencesOf(found.proposal, { ...ours, client })
    if (differences.length > 0) return `The chain's deal ${id} is another one: ${differences.join('; ')}.`
    return found.slashEpoch >= 0 ? `The chain's deal ${id} was terminated at epoch ${found.slashEpoch}.` : found
  } catch (error) {
    if (error instanceof RpcError && error.code === 'REFUSED') return `The chain has no deal ${id}: ${error.message}`
    throw error
  }
}

const attoFil = (amount: bigint) => `${amount} attoFIL`

/** What of two proposals differs, as people say it: that of the chain first. */
export function differencesOf(theirs: DealProposal, ours: DealProposal): string[] {
  const label = ({ label: { bytes } }: DealProposal) => JSON.stringify(new TextDecoder().decode(bytes))
  const fields: [string, boolean, string, string][] = [
    ['piece', theirs.pieceCid.equals(ours.pieceCid), String(theirs.pieceCid), String(ours.pieceCid)],
    ['piece size', theirs.pieceSizeBytes === ours.pieceSizeBytes, String(theirs.pieceSizeBytes), String(ours.pieceSizeBytes)],
    ['provider', isSameAddress(theirs.provider, ours.provider), formatAddress(theirs.provider), formatAddress(ours.provider)],
    ['client', isSameAddress(theirs.client, ours.client), formatAddress(theirs.client), formatAddress(ours.client)],
    ['label', label(theirs) === label(ours), label(theirs), label(ours)],
    ['start', theirs.startEpoch === ours.startEpoch, String(theirs.startEpoch), String(ours.startEpoch)],
    ['end', theirs.endEpoch === ours.endEpoch, String(theirs.endEpoch), String(ours.endEpoch)],
    ['verified', theirs.verifiedDeal === ours.verifiedDeal, String(theirs.verifiedDeal), String(ours.verifiedDeal)],
    amounts('price', theirs.storagePricePerEpoch, ours.storagePricePerEpoch),
    amounts('provider collateral', theirs.providerCollateral, ours.providerCollateral),
    amounts('client collateral', theirs.clientCollateral, ours.clientCollateral),
  ]
  return fields.filter(([, isSame]) => !isSame).map(([name, , there, here]) => `${name} ${there} instead of ${here}`)
}

function amounts(name: string, theirs: bigint, ours: bigint): [string, boolean, string, string] {
  return [name, theirs === ours, attoFil(theirs), attoFil(ours)]
}
