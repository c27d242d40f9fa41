import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { RetrievalOutcome, RetrievalWay } from '../database/schema-retrievals.ts'
import type { RetrievalRecord, RetrievalStep } from '../providers/retrieval-records.ts'
import { standingChecks, standingDays } from './retrievals.ts'

/** A provider whose turn may have come. */
export interface ProviderToCheck {
  id: number
  actorId: number
  retrievalUrl: string | null
  lastAt: Date | null
  lastDealId: number | null
}

/** Providers of a network, each with its last check. */
export async function listProviders({ kysely }: Db, network: string): Promise<ProviderToCheck[]> {
  const { rows } = await sql<ProviderToCheck>`
    select p.id, p.actor_id as "actorId", p.retrieval_url as "retrievalUrl", last.at as "lastAt", last.deal_id as "lastDealId"
    from provider p left join lateral (
      select r.at, r.deal_id from retrieval r where r.provider_id = p.id order by r.id desc limit 1
    ) last on true
    where p.network = ${network} order by p.id`.execute(kysely)
  return rows
}

/** How many of a provider's newest deals are looked at for one that was never checked. */
const newestDeals = 50

/** Active deals of a provider that nothing was ever fetched back from, the newest first. */
export async function listUnchecked({ kysely }: Db, providerId: number, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select d.id from (
      select id from deal where provider_id = ${providerId} and state = 'active' order by id desc limit ${newestDeals}
    ) d where not exists (select from retrieval r where r.deal_id = d.id) order by d.id desc limit ${limit}`.execute(kysely)
  return rows.map(({ id }) => id)
}

/** The next active deals of a provider in the order of their numbers, from the beginning again after the last. */
export async function listNext({ kysely }: Db, providerId: number, after: number, limit: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    (select id from deal where provider_id = ${providerId} and state = 'active' and id > ${after} order by id limit ${limit})
    union all
    (select id from deal where provider_id = ${providerId} and state = 'active' and id <= ${after} order by id limit ${limit})
    limit ${limit}`.execute(kysely)
  return rows.map(({ id }) => id)
}

/** An item of a deal's piece, chosen by chance: a DAG, or the part of one that lies in several pieces. */
export interface SampledItem {
  contentId: number | null
  cid: Uint8Array
  dagBytes: number
  byteOffset: number | null
  links: number[] | null
  layout: 'unixfs-2021' | 'segments'
  aggregateRoot: Uint8Array | null
  pieceRoot: Uint8Array
  /** How many pieces the DAG lies in, and which of its blocks are in this one, in the order of a walk. */
  parts: number
  firstBlock: number
  endBlock: number
}

/** Undefined for a deal whose piece has nothing in it that can be told apart. */
export async function sampleItem({ kysely }: Db, dealId: number): Promise<SampledItem | undefined> {
  const { rows } = await sql<SampledItem>`
    with piece as (
      select a.id, a.layout, a.root, a.piece_root, a.items from deal d join aggregate a on a.id = d.aggregate_id where d.id = ${dealId}
    ), place as materialized (select floor(random() * greatest(items, 1))::bigint as at from piece)
    select e.content_id as "contentId", e.cid, e.dag_bytes as "dagBytes", e.byte_offset as "byteOffset", e.path_indexes as links,
      piece.layout, piece.root as "aggregateRoot", piece.piece_root as "pieceRoot", e.parts, e.first_block as "firstBlock",
      coalesce(e.end_block, e.dag_blocks) as "endBlock"
    from piece, lateral (
      select * from aggregate_entry where aggregate_id = piece.id order by cid offset (select at from place) limit 1
    ) e`.execute(kysely)
  return rows[0]
}

export interface NewRetrieval {
  providerId: number
  dealId: number
  contentId: number | null
  cid: Uint8Array
  way: RetrievalWay
  outcome: RetrievalOutcome
  reason: string | null
  firstByteMs: number | null
  durationMs: number
  bytes: number
}

export async function saveRetrievals({ kysely }: Db, retrievals: readonly NewRetrieval[]): Promise<void> {
  // What was fetched together has one time, by which it is found together.
  const at = new Date()
  const rows = retrievals.map((one) => ({
    at,
    provider_id: one.providerId,
    deal_id: one.dealId,
    content_id: one.contentId,
    cid: one.cid,
    way: one.way,
    outcome: one.outcome,
    reason: one.reason,
    first_byte_ms: one.firstByteMs,
    duration_ms: one.durationMs,
    bytes: one.bytes,
  }))
  await kysely.insertInto('retrieval').values(rows).execute()
}

/** Forgets what is older, but never the last check of a provider or a deal's only ones; some at a time. */
export async function forgetBefore({ kysely }: Db, before: Date, limit: number): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    delete from retrieval where id in (
      select r.id from retrieval r where r.at < ${before}
        and exists (select from retrieval later where later.deal_id = r.deal_id and later.id > r.id + 8)
      order by r.at limit ${limit}
    ) returning id`.execute(kysely)
  return rows.length
}

/** What the last checks of a provider came to. */
export type Summary = { providerId: number } & Omit<RetrievalRecord, 'standing'>

/** The checks that make the standing of provider `p`. */
const lastChecks = sql`(
  select * from retrieval r where r.provider_id = p.id and r.at > clock_timestamp() - make_interval(days => ${standingDays})
  order by r.id desc limit ${standingChecks}) last`

/** How many went well, and how fast those were. */
const measures = sql`(count(*) filter (where outcome = 'ok'))::int as verified,
  percentile_cont(0.5) within group (order by first_byte_ms) filter (where outcome = 'ok') as "firstByteMs",
  (sum(bytes) filter (where outcome = 'ok') * 1000.0 / nullif(sum(duration_ms) filter (where outcome = 'ok'), 0))::float8 as "bytesPerSecond"`

/** Over the last `standingChecks` checks of each provider of a network, or of one of them. */
export async function summarise({ kysely }: Db, network: string, providerId?: number): Promise<Summary[]> {
  const { rows } = await sql<Summary>`
    select p.id as "providerId", s.*, f.reason as "lastFailure", f.at as "lastFailureAt"
    from provider p
    left join lateral (select count(*)::int as checks, max(at) as "lastAt", ${measures} from ${lastChecks}) s on true
    left join lateral (select reason, at from ${lastChecks} where outcome <> 'ok' order by id desc limit 1) f on true
    where p.network = ${network} and ${providerId === undefined ? sql`true` : sql`p.id = ${providerId}`} order by p.id`.execute(
    kysely,
  )
  return rows
}

/** When the oldest check was made that is kept, of a network or one provider of it. */
export async function findOldest({ kysely }: Db, network: string, providerId?: number): Promise<Date | null> {
  const { rows } = await sql<{ at: Date | null }>`
    select min(first.at) as at from provider p, lateral (
      select at from retrieval r where r.provider_id = p.id order by r.id limit 1
    ) first where p.network = ${network} and ${providerId === undefined ? sql`true` : sql`p.id = ${providerId}`}`.execute(kysely)
  return rows[0]?.at ?? null
}

/** Checks since a moment, by steps of time of which that is the first. */
export async function countBySteps(
  { kysely }: Db,
  {
    network,
    providerId,
    since,
    stepSeconds,
  }: { network: string; providerId?: number | undefined; since: Date; stepSeconds: number },
): Promise<({ providerId: number } & RetrievalStep)[]> {
  const { rows } = await sql<{ providerId: number } & RetrievalStep>`
    select r.provider_id as "providerId", date_bin(make_interval(secs => ${stepSeconds}), r.at, ${since}) as at,
      count(*)::int as checks, ${measures}
    from retrieval r join provider p on p.id = r.provider_id
    where p.network = ${network} and r.at >= ${since} and ${providerId === undefined ? sql`true` : sql`p.id = ${providerId}`}
    group by 1, 2 order by 1, 2`.execute(kysely)
  return rows
}

/** What the last check of a content at a provider came to; where some way failed, that one. */
export interface ContentRetrieval {
  actorId: number
  name: string
  way: RetrievalWay
  outcome: RetrievalOutcome
  reason: string | null
  firstByteMs: number | null
  durationMs: number
  bytes: number
  at: Date
}

export async function listOfContent({ kysely }: Db, contentId: number, network: string): Promise<ContentRetrieval[]> {
  const { rows } = await sql<ContentRetrieval>`
    select * from (
      select distinct on (r.provider_id) p.actor_id as "actorId", p.name, r.way, r.outcome, r.reason, r.first_byte_ms as "firstByteMs",
        r.duration_ms as "durationMs", r.bytes, r.at
      from retrieval r join provider p on p.id = r.provider_id
      where r.content_id = ${contentId} and p.network = ${network} order by r.provider_id, r.at desc, r.outcome = 'ok', r.id desc
    ) last order by at desc`.execute(kysely)
  return rows
}

/** Single checks, the newest first. */
export interface ListedRetrieval extends ContentRetrieval {
  id: number
  providerId: number
  dealId: number
  cid: Uint8Array
}

export async function listRetrievals(
  { kysely }: Db,
  { providerId, before, limit }: { providerId?: number | undefined; before?: number | undefined; limit: number },
): Promise<ListedRetrieval[]> {
  const { rows } = await sql<ListedRetrieval>`
    select r.id, r.provider_id as "providerId", p.actor_id as "actorId", p.name, r.deal_id as "dealId", r.cid, r.way, r.outcome, r.reason,
      r.first_byte_ms as "firstByteMs", r.duration_ms as "durationMs", r.bytes, r.at
    from retrieval r join provider p on p.id = r.provider_id
    where ${providerId === undefined ? sql`true` : sql`r.provider_id = ${providerId}`}
      and ${before === undefined ? sql`true` : sql`r.id < ${before}`}
    order by r.id desc limit ${limit}`.execute(kysely)
  return rows
}
