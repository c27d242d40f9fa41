import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'
import type { ChainHeadTable, DealTable } from '../../database/schema-filecoin.ts'
import type { DealState } from '../../providers/deal.ts'

/** A deal as the follower of the chain sees it. */
export interface TrackedDeal {
  id: number
  providerId: number
  /** Of the provider, as in f01234. */
  actorId: number
  state: DealState
  chainDealId: number | null
  /** A signed proposal in CBOR. */
  proposal: Uint8Array | null
  proposalCid: Uint8Array
  startEpoch: number
  endEpoch: number
  /** When it was first seen on the chain; null while only somebody's word says that it is there. */
  publishedEpoch: number | null
  activatedEpoch: number | null
  sector: number | null
  proving: DealTable['proving']
  deadline: number | null
  partition: number | null
  provingSinceEpoch: number | null
  lastProvenEpoch: number | null
}

const columns = sql`d.id, d.provider_id as "providerId", p.actor_id as "actorId", d.state, d.chain_deal_id as "chainDealId", d.proposal,
  d.proposal_cid as "proposalCid", d.start_epoch as "startEpoch", d.end_epoch as "endEpoch", d.published_epoch as "publishedEpoch",
  d.activated_epoch as "activatedEpoch", d.sector,
  d.proving, d.deadline, d.partition, d.proving_since_epoch as "provingSinceEpoch", d.last_proven_epoch as "lastProvenEpoch"`

async function listWhere({ kysely }: Db, network: string, where: ReturnType<typeof sql>): Promise<TrackedDeal[]> {
  const { rows } = await sql<TrackedDeal>`
    select ${columns} from deal d join provider p on p.id = d.provider_id
    where p.network = ${network} and d.proposal_cid is not null and ${where} order by d.id`.execute(kysely)
  return rows
}

/** Deals that could come to be on the chain, or come to be there once more: nothing is published after it should have started. */
export async function listPublishable(db: Db, network: string, epoch: number): Promise<TrackedDeal[]> {
  return await listWhere(
    db,
    network,
    sql`d.start_epoch >= ${epoch} and d.state in ('proposed', 'delivered', 'published', 'active', 'failed')`,
  )
}

/** Those of whom the chain may say something else than before. */
export async function listByChainId(db: Db, network: string, chainDealIds: readonly number[]): Promise<TrackedDeal[]> {
  if (chainDealIds.length === 0) return []
  return await listWhere(db, network, sql`d.chain_deal_id = any(${chainDealIds}::bigint[])`)
}

/** Those to which only the time says something: their end, or that they did not begin. */
export async function listDueBy(db: Db, network: string, epoch: number, missedAfter: number): Promise<TrackedDeal[]> {
  return await listWhere(
    db,
    network,
    sql`(d.state in ('published', 'active') and d.end_epoch <= ${epoch} or d.state = 'published' and d.start_epoch < ${epoch - missedAfter})`,
  )
}

/** Those of which somebody says that they are on the chain: that is looked up, not believed. */
export async function listClaimed(db: Db, network: string): Promise<TrackedDeal[]> {
  return await listWhere(
    db,
    network,
    sql`d.chain_deal_id is not null and (d.state in ('proposed', 'delivered') or d.state = 'published' and d.published_epoch is null)`,
  )
}

/** Ids on the chain of every deal of which the chain may still say something, ascending. */
export async function listChainIds({ kysely }: Db, network: string): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select d.chain_deal_id as id from deal d join provider p on p.id = d.provider_id
    where p.network = ${network} and d.chain_deal_id is not null order by d.chain_deal_id`.execute(kysely)
  return rows.map(({ id }) => id)
}

/** Providers that have active deals. */
export async function listProvidersAtWork({ kysely }: Db, network: string): Promise<{ id: number; actorId: number }[]> {
  const { rows } = await sql<{ id: number; actorId: number }>`
    select p.id, p.actor_id as "actorId" from provider p
    where p.network = ${network} and exists (select from deal d where d.provider_id = p.id and d.state = 'active') order by p.id`.execute(
    kysely,
  )
  return rows
}

/** Active deals of a provider whose sectors are proved in these deadlines, or of which that is not known; all of them where none are named. */
export async function listAtWork(
  db: Db,
  network: string,
  providerId: number,
  deadlines: readonly number[] | undefined,
): Promise<TrackedDeal[]> {
  const among = deadlines
    ? sql`(d.deadline = any(${deadlines}::smallint[]) or d.deadline is null or d.proving = 'unknown')`
    : sql`true`
  return await listWhere(db, network, sql`d.provider_id = ${providerId} and d.state = 'active' and ${among}`)
}

export interface Head {
  network: string
  epoch: number
  tipSet: Uint8Array[]
  parentState: Uint8Array
  /** Null while there was none that could be read. */
  marketState: Uint8Array | null
  nextDealId: number | null
}

function headOf(row: Omit<ChainHeadTable, 'seen_at'>): Head {
  const { network, epoch, tip_set: tipSet, parent_state: parentState, market_state: marketState, next_deal_id: nextDealId } = row
  return { network, epoch, tipSet, parentState, marketState, nextDealId }
}

/** Up to where the chain was followed. */
export async function findHead({ kysely }: Db, network: string): Promise<Head | undefined> {
  const row = await kysely.selectFrom('chain_head').selectAll().where('network', '=', network).executeTakeFirst()
  return row && headOf(row)
}

/** The same, and nobody else writes it before the transaction ends. */
export async function lockHead({ kysely }: Db, network: string): Promise<Head | undefined> {
  const row = await kysely.selectFrom('chain_head').selectAll().where('network', '=', network).forUpdate().executeTakeFirst()
  return row && headOf(row)
}

/** @param seenAt of when the state is that was read: a node that is behind shows the past */
export async function writeHead({ kysely }: Db, head: Head, seenAt: Date): Promise<void> {
  const row = {
    epoch: head.epoch,
    tip_set: head.tipSet,
    parent_state: head.parentState,
    market_state: head.marketState,
    next_deal_id: head.nextDealId,
    seen_at: seenAt,
  }
  await kysely
    .insertInto('chain_head')
    .values({ network: head.network, ...row })
    .onConflict((conflict) => conflict.column('network').doUpdateSet(row))
    .execute()
}

/** Locks deals in the order of their ids, so that whoever changes several does not wait for another in a circle. */
export async function lockDeals({ kysely }: Db, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await sql`select from deal where id = any(${ids}::bigint[]) order by id for update`.execute(kysely)
}
