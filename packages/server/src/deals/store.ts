import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { DealState } from '../providers/deal.ts'

/** A deal with what it is about. */
export interface DealRow {
  id: number
  state: DealState
  driver: string
  network: string
  providerId: number
  actorId: number
  aggregateId: number
  root: Uint8Array | null
  pieceRoot: Uint8Array
  pieceHeight: number
  sizeBytes: number
  proposal: Uint8Array | null
  proposalCid: Uint8Array | null
  startEpoch: number | null
  endEpoch: number | null
  replacesId: number | null
}

export async function findDeal({ kysely }: Db, dealId: number): Promise<DealRow | undefined> {
  const { rows } = await sql<DealRow>`
    select d.id, d.state, d.driver, p.network, d.provider_id as "providerId", p.actor_id as "actorId", d.aggregate_id as "aggregateId", a.root,
      a.piece_root as "pieceRoot", a.piece_height as "pieceHeight", a.size_bytes as "sizeBytes", d.proposal, d.proposal_cid as "proposalCid",
      d.start_epoch as "startEpoch", d.end_epoch as "endEpoch", d.replaces_id as "replacesId"
    from deal d join provider p on p.id = d.provider_id join aggregate a on a.id = d.aggregate_id where d.id = ${dealId}`.execute(
    kysely,
  )
  return rows[0]
}

/**
 * The last proposal of the same piece to the same provider that was given up and can still be published: it is out there until its start.
 */
export async function findOutstanding(
  { kysely }: Db,
  { aggregateId, providerId }: Pick<DealRow, 'aggregateId' | 'providerId'>,
  epoch: number,
): Promise<{ id: number; proposal: Uint8Array; startEpoch: number } | undefined> {
  const { rows } = await sql<{ id: number; proposal: Uint8Array; startEpoch: number }>`
    select id, proposal, start_epoch as "startEpoch" from deal
    where aggregate_id = ${aggregateId} and provider_id = ${providerId} and state = 'failed' and proposal is not null
      and chain_deal_id is null and start_epoch > ${epoch}::bigint
    order by id desc limit 1`.execute(kysely)
  return rows[0]
}

/** Deals whose proposal nobody published, as of the tipset up to which their chain was followed. */
export async function listMissedStarts(
  { kysely }: Db,
  limit: number,
): Promise<{ id: number; state: 'proposed' | 'delivered'; startEpoch: number; epoch: number }[]> {
  const { rows } = await sql<{ id: number; state: 'proposed' | 'delivered'; startEpoch: number; epoch: number }>`
    select d.id, d.state, d.start_epoch as "startEpoch", h.epoch
    from deal d join provider p on p.id = d.provider_id join chain_head h on h.network = p.network
    where d.due_at <= clock_timestamp() and d.state in ('proposed', 'delivered') and d.start_epoch < h.epoch
    order by d.due_at limit ${limit}`.execute(kysely)
  return rows
}

/** Reservations for which no proposal came about in time. */
export async function listStaleReservations({ kysely }: Db, limit: number): Promise<{ id: number }[]> {
  const { rows } = await sql<{ id: number }>`
    select id from deal where state = 'reserved' and due_at <= clock_timestamp() order by due_at limit ${limit}`.execute(kysely)
  return rows
}

/** Deals that ended and of which it is not settled when their provider may have the piece again, with how often it failed with it. */
export async function listUnsettled({ kysely }: Db, limit: number): Promise<{ id: number; network: string; failures: number }[]> {
  const { rows } = await sql<{ id: number; network: string; failures: number }>`
    select d.id, p.network, (
        select count(*)::int from deal o where o.aggregate_id = d.aggregate_id and o.provider_id = d.provider_id
          and o.state in ('failed', 'terminated') and o.id <= d.id) as failures
    from deal d join provider p on p.id = d.provider_id
    where d.state in ('failed', 'terminated') and d.again_at is null order by d.id limit ${limit}`.execute(kysely)
  return rows
}

export async function settleAgain({ kysely }: Db, dealId: number, at: Date): Promise<void> {
  await sql`update deal set again_at = ${at} where id = ${dealId} and state in ('failed', 'terminated') and again_at is null`.execute(
    kysely,
  )
}

interface WhichEnding {
  network: string
  epoch: number
  renewEpochs: number
  /** Rows of providers that get nothing new. */
  notWith: readonly number[]
  limit: number
  /** Only this one. */
  id?: number
}

/** Active deals that end soon and that no other stands in for, at providers that are not suspended and may be asked at present. */
export async function listEnding(
  { kysely }: Db,
  { network, epoch, renewEpochs, notWith, limit, id }: WhichEnding,
): Promise<{ id: number; aggregateId: number; providerId: number; driver: string; endEpoch: number }[]> {
  const { rows } = await sql<{ id: number; aggregateId: number; providerId: number; driver: string; endEpoch: number }>`
    select d.id, d.aggregate_id as "aggregateId", d.provider_id as "providerId", d.driver, d.end_epoch as "endEpoch"
    from deal d join provider p on p.id = d.provider_id
    where p.network = ${network} and p.state = 'active' and d.state = 'active' and d.end_epoch > ${epoch}::bigint
      and ${id === undefined ? sql`true` : sql`d.id = ${id}`} and d.provider_id <> all(${notWith}::bigint[])
      and d.end_epoch - least(${renewEpochs}::bigint, (d.end_epoch - d.start_epoch) / 4) <= ${epoch}::bigint
      and not exists (
        select from deal o where o.aggregate_id = d.aggregate_id and o.provider_id = d.provider_id and o.id > d.id
          and (o.state in ('reserved', 'proposed', 'delivered', 'published', 'active')
            or o.state in ('failed', 'terminated') and coalesce(o.again_at, 'infinity') > clock_timestamp()))
    order by d.end_epoch limit ${limit}`.execute(kysely)
  return rows
}
