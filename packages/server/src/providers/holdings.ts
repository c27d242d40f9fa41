import type { DealState } from '@keepsake/api/deals.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'

/** Deals of one provider in one state. */
export interface StateCount {
  providerId: number
  state: DealState
  deals: number
  /** Padded. */
  bytes: number
}

/** What every provider of a network has, by state. */
export async function countByState({ kysely }: Db, network: string, providerId?: number): Promise<StateCount[]> {
  const { rows } = await sql<StateCount>`
    select d.provider_id as "providerId", d.state, count(*)::int as deals, sum(32 * 2 ^ a.piece_height)::bigint as bytes
    from deal d join provider p on p.id = d.provider_id join aggregate a on a.id = d.aggregate_id
    where p.network = ${network} and ${providerId === undefined ? sql`true` : sql`d.provider_id = ${providerId}`}
    group by d.provider_id, d.state order by d.provider_id, d.state`.execute(kysely)
  return rows
}

/** A deal as its provider, and everybody, may see it. */
export interface HeldDeal {
  id: number
  providerId: number
  pieceCid: string
  proposalCid: string | null
  /** Padded. */
  bytes: number
  /** What there is to download. */
  dataBytes: number
  state: DealState
  reason: string | null
  proving: 'proving' | 'unproven' | 'faulty' | 'unknown' | null
  chainDealId: number | null
  startEpoch: number | null
  endEpoch: number | null
  dueAt: Date | null
  changedAt: Date
}

type Row = Omit<HeldDeal, 'pieceCid' | 'proposalCid'> & { root: Uint8Array; proposal: Uint8Array | null }

/** Deals of a provider, the newest first; `overdue`: only those whose next step should have happened by now. */
export async function listDeals(
  { kysely }: Db,
  { providerId, overdue = false, limit }: { providerId: number; overdue?: boolean; limit: number },
): Promise<HeldDeal[]> {
  const { rows } = await sql<Row>`
    select d.id, d.provider_id as "providerId", a.piece_root as root, d.proposal_cid as proposal, (32 * 2 ^ a.piece_height)::bigint as bytes,
      a.size_bytes as "dataBytes", d.state, d.reason, d.proving,
      d.chain_deal_id as "chainDealId", d.start_epoch as "startEpoch", d.end_epoch as "endEpoch", d.due_at as "dueAt", d.changed_at as "changedAt"
    from deal d join aggregate a on a.id = d.aggregate_id where d.provider_id = ${providerId}
      and ${overdue ? sql`d.due_at < clock_timestamp() and d.state in ('reserved', 'proposed', 'delivered', 'published')` : sql`true`}
    order by d.id desc limit ${limit}`.execute(kysely)
  return rows.map(({ root, proposal, ...row }) => ({
    ...row,
    pieceCid: pieceCidV1({ root }).toString(),
    proposalCid: proposal && CID.decode(proposal).toString(),
  }))
}

/** How many deals of each provider of a network have a step that should have happened by now. */
export async function countOverdue({ kysely }: Db, network: string): Promise<Map<number, number>> {
  const { rows } = await sql<{ id: number; deals: number }>`
    select d.provider_id as id, count(*)::int as deals from deal d join provider p on p.id = d.provider_id
    where p.network = ${network} and d.due_at < clock_timestamp() and d.state in ('reserved', 'proposed', 'delivered', 'published')
    group by d.provider_id`.execute(kysely)
  return new Map(rows.map(({ id, deals }) => [id, deals]))
}
