import { sql } from 'kysely'
import { devnetLabel } from '../chain/source.ts'
import type { Db } from '../database/database.ts'
import type { DealTable } from '../database/schema-filecoin.ts'
import type { DealState } from '../providers/deal.ts'

/** A deal as everybody may see it. */
export interface ShownDeal {
  id: number
  aggregateId: number
  state: DealState
  reason: string | null
  /** Of the provider, as in f01234. */
  actorId: number
  chainDealId: number | null
  proposalCid: Uint8Array | null
  endEpoch: number | null
  activatedEpoch: number | null
  sector: number | null
  proving: DealTable['proving']
  deadline: number | null
  partition: number | null
  provingSinceEpoch: number | null
  lastProvenEpoch: number | null
  changedAt: Date
  /** The same object for all that were listed together. */
  chain: SeenChain
}

/** The network this server follows, and how far. */
export interface SeenChain {
  network: string
  isDevnet: boolean
  genesisAt: Date
  epochSeconds: number
  /** Epoch up to which the chain was looked at; null where it never was. */
  lookedAtEpoch: number | null
  /** When that was, or of when what was seen is: a node may be behind. */
  lookedAt: Date | null
}

async function findSeenChain({ kysely }: Db): Promise<SeenChain | undefined> {
  const { rows } = await sql<SeenChain>`
    select s.network, s.is_devnet as "isDevnet", s.genesis_at as "genesisAt", s.epoch_seconds as "epochSeconds", h.epoch as "lookedAtEpoch",
      h.seen_at as "lookedAt" from chain_source s left join chain_head h on h.network = s.network`.execute(kysely)
  return rows[0]
}

/** The deals of the aggregates that contents are in, on the network this server follows now: those that live, and those that were given up. */
export async function listShownDeals(db: Db, contentIds: readonly number[]): Promise<ShownDeal[]> {
  return await listOf(
    db,
    sql`array(select distinct e.aggregate_id from aggregate_entry e where e.content_id = any(${contentIds}::bigint[]))`,
  )
}

/** The same of aggregates. */
export async function listDealsOfAggregates(db: Db, aggregateIds: readonly number[]): Promise<ShownDeal[]> {
  return await listOf(db, sql`${aggregateIds}::bigint[]`)
}

async function listOf(db: Db, aggregateIds: ReturnType<typeof sql>): Promise<ShownDeal[]> {
  const [chain, { rows }] = await Promise.all([
    findSeenChain(db),
    sql<ShownDeal>`
      select d.id, d.aggregate_id as "aggregateId", d.state, d.reason, p.actor_id as "actorId", d.chain_deal_id as "chainDealId",
        d.proposal_cid as "proposalCid", d.end_epoch as "endEpoch", d.activated_epoch as "activatedEpoch", d.sector, d.proving, d.deadline,
        d.partition, d.proving_since_epoch as "provingSinceEpoch", d.last_proven_epoch as "lastProvenEpoch", d.changed_at as "changedAt"
      from deal d join provider p on p.id = d.provider_id
      where d.aggregate_id = any(${aggregateIds}) and p.network = (select network from chain_source)
        and d.state in ('reserved', 'proposed', 'delivered', 'published', 'active', 'terminated')
      order by d.id`.execute(db.kysely),
  ])
  if (!chain) return []
  for (const row of rows) row.chain = chain
  return rows
}

export function dateOfEpoch({ genesisAt, epochSeconds }: Pick<SeenChain, 'genesisAt' | 'epochSeconds'>, epoch: number): Date {
  return new Date(genesisAt.getTime() + epoch * epochSeconds * 1000)
}

/** A look at the chain that is older than this says nothing of now. */
const staleLookMs = 15 * 60_000

/** Since when nobody has looked, where that is too long ago to say how a deal stands now; undefined while the chain is followed. */
export function staleSince({ chain: { lookedAt } }: ShownDeal, now = new Date()): Date | undefined {
  return lookedAt && now.getTime() - lookedAt.getTime() > staleLookMs ? lookedAt : undefined
}

function standing(deal: ShownDeal): string {
  const { state, reason, sector, proving, provingSinceEpoch } = deal
  switch (state) {
    case 'reserved':
      return 'A storage provider has asked for it.'
    case 'proposed':
      return 'A proposal is signed and waits for the storage provider.'
    case 'delivered':
      return reason ?? 'The storage provider has the proposal and fetches the piece.'
    case 'published':
      return 'On the chain, and not in a sector yet.'
    case 'active':
      if (proving === 'proving') return `Sector ${sector} is proving, since epoch ${provingSinceEpoch}.`
      return reason ?? `Active in sector ${sector}; nothing is known of its proofs yet.`
    default:
      return reason ?? 'Given up before its end.'
  }
}

/** How a deal stands, in a sentence, and with whatever is to be known before it is believed. */
export function statusText(deal: ShownDeal): string {
  const stale = staleSince(deal)
  const asOf =
    stale && deal.chainDealId !== null ? ` This was so at epoch ${deal.chain.lookedAtEpoch}; the chain was not read since.` : ''
  return `${standing(deal)}${asOf}${deal.chain.isDevnet ? ` (${devnetLabel})` : ''}`
}
