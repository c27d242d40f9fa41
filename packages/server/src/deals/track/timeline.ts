import type { TimelineStep } from '@keepsake/api/timeline.ts'
import { CID } from 'multiformats/cid'
import { listAggregated } from '../../aggregates/aggregated-parts.ts'
import { devnetLabel } from '../../chain/source.ts'
import type { Config } from '../../config.ts'
import type { Db } from '../../database/database.ts'
import type { TimelineSource } from '../../uploads/timeline.ts'
import { dateOfEpoch, listShownDeals, type ShownDeal, staleSince, statusText } from '../list-shown.ts'

interface Components {
  database: Db
  config: Pick<Config, 'FILECOIN_RPC'>
}

/** Steps shown; an aggregate has a handful of replicas, and a content is in one or two. */
const maxDeals = 10

/** What became of the deals a content is in: one step for each, with what shows it. There is none before storage providers can take the piece. */
export function dealTimeline({ database, config }: Components): TimelineSource {
  return async ({ contentId, cid, origin }) => {
    if (config.FILECOIN_RPC === 'off') return []
    const parts = await listAggregated(database, [contentId])
    if (parts.length === 0) return []
    const deals = await listShownDeals(database, [contentId])
    if (deals.length === 0) return [waiting(parts.at(-1)!.aggregate.builtAt)]
    return deals.slice(-maxDeals).map((deal) => stepOf(deal, { cid: cid.toString(), origin }))
  }
}

function waiting(since: Date): TimelineStep {
  return {
    step: 'deal',
    title: 'With storage providers',
    state: 'waiting',
    text: 'It waits for storage providers to take the piece it is in.',
    since: since.toISOString(),
    evidence: [],
    checks: [],
  }
}

const titles: Partial<Record<ShownDeal['state'], string>> = { published: 'Published on', terminated: 'Given up on' }

function titleOf(deal: ShownDeal): string {
  const { state, proving, actorId } = deal
  const { isDevnet, network } = deal.chain
  const where = isDevnet ? 'a devnet' : network === 'mainnet' ? 'Filecoin' : network
  const what =
    state === 'active'
      ? proving === 'proving' && !staleSince(deal)
        ? 'Proving on'
        : 'Active on'
      : (titles[state] ?? 'On its way to')
  return `${what} ${where}: f0${actorId}`
}

function stepOf(deal: ShownDeal, of: { cid: string; origin: string }): TimelineStep {
  const { id, state, proving, changedAt } = deal
  const isProving = state === 'active' && proving === 'proving' && !staleSince(deal)
  const isFailed = state === 'terminated' || (state === 'active' && proving === 'faulty')
  const at = changedAt.toISOString()
  return {
    step: `deal:${id}`,
    title: titleOf(deal),
    state: isFailed ? 'failed' : isProving ? 'done' : 'waiting',
    text: statusText(deal),
    ...(isProving || isFailed ? { at } : { since: at }),
    evidence: evidenceOf(deal),
    checks: checksOf(deal, of),
  }
}

function evidenceOf(deal: ShownDeal): TimelineStep['evidence'] {
  const number = (label: string, value: number | null) =>
    value === null ? [] : [{ label, value: String(value), kind: 'id' as const }]
  const epoch = (label: string, value: number | null) =>
    value === null
      ? []
      : [{ label: `${label} (epoch ${value})`, value: dateOfEpoch(deal.chain, value).toISOString(), kind: 'instant' as const }]
  return [
    { label: 'Storage provider', value: `f0${deal.actorId}`, kind: 'id' },
    ...number('Deal', deal.chainDealId),
    ...(deal.proposalCid ? [{ label: 'Proposal', value: CID.decode(deal.proposalCid).toString(), kind: 'id' as const }] : []),
    ...number('Sector', deal.sector),
    ...number('Deadline', deal.deadline),
    ...number('Partition', deal.partition),
    ...epoch('In a sector since', deal.activatedEpoch),
    ...epoch('Proving since', deal.provingSinceEpoch),
    ...epoch('Last proven in the window of', deal.lastProvenEpoch),
    ...epoch('Ends', deal.endEpoch),
    ...epoch('Chain read up to', deal.chain.lookedAtEpoch),
    {
      label: 'Network',
      value: deal.chain.isDevnet ? `${deal.chain.network}, a ${devnetLabel}` : deal.chain.network,
      kind: 'text',
    },
  ]
}

/** Any node of the network can be asked; of a devnet there is only the one of this machine. */
function checksOf(
  { chainDealId, state, actorId, sector, chain: { isDevnet } }: ShownDeal,
  { cid, origin }: { cid: string; origin: string },
): TimelineStep['checks'] {
  if (chainDealId === null || (state !== 'published' && state !== 'active')) return []
  const rpc = (method: string, params: string) =>
    `curl -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"Filecoin.${method}","params":[${params},null]}' FILECOIN_RPC_URL`
  return [
    {
      tells: isDevnet
        ? 'Asks the node of the devnet, which runs on the machine of this server, for the deal and its sector.'
        : 'Asks a Filecoin node of your choice for the deal and its sector, and compares the piece with the proof.',
      command: `npx keepsake verify ${cid} --endpoint ${origin} --filecoin-rpc FILECOIN_RPC_URL`,
    },
    { tells: 'The deal as the chain has it.', command: rpc('StateMarketStorageDeal', String(chainDealId)) },
    ...(sector === null
      ? []
      : [{ tells: 'Where its sector is proved.', command: rpc('StateSectorPartition', `"f0${actorId}",${sector}`) }]),
  ]
}
