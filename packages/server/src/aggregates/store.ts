import type { AggregateLayout } from '@keepsake/content/aggregate/recipe.ts'
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { ClosedBecause } from '../database/schema.ts'

/** "aggr" in ASCII: the advisory lock under which items are put into aggregates, by one process at a time. */
const planningLock = 0x61676772

/** A complete content that nobody has packed yet. */
export interface WaitingContent {
  id: number
  cid: Uint8Array
  completeAt: Date
  /** Whether somebody wants it here. */
  held: boolean
  /** Whether its root lies in an aggregate already: it was forgotten and stored again. */
  known: boolean
}

/** Whether anybody holds the content of that column, by an upload or by a pin. */
const isHeld = (contentId: RawBuilder<unknown>) => sql`(
  exists (select from upload u where u.content_id = ${contentId} and u.deleted_at is null)
  or exists (select from pin_request p where p.content_id = ${contentId} and p.released_at is null))`
const isContentHeld = isHeld(sql.ref('content.id'))

/** Contents that have settled, the oldest first. */
export async function listWaiting({ kysely }: Db, settledBefore: Date, limit: number): Promise<WaitingContent[]> {
  const { rows } = await sql<WaitingContent>`
    select id, cid, complete_at as "completeAt", ${isContentHeld} as held,
      exists (select from aggregate_entry e where e.cid = content.cid) as known
    from content where packing = 'waiting' and complete_at <= ${settledBefore}
    order by complete_at, id limit ${limit}`.execute(kysely)
  return rows
}

/** How many contents wait, counted up to `most`. */
export async function countWaiting({ kysely }: Db, most: number): Promise<number> {
  const { rows } = await sql<{ waiting: number }>`
    select count(*)::integer as waiting from (select from content where packing = 'waiting' and complete_at is not null limit ${most}) counted`.execute(
    kysely,
  )
  return rows[0]?.waiting ?? 0
}

/** When the next content that waits became complete. */
export async function oldestWaiting({ kysely }: Db): Promise<Date | undefined> {
  const { rows } = await sql<{ completeAt: Date }>`
    select complete_at as "completeAt" from content where packing = 'waiting' and complete_at is not null
    order by complete_at, id limit 1`.execute(kysely)
  return rows[0]?.completeAt
}

/** Until the transaction ends, nobody else puts items into aggregates. */
export async function lockPlanning({ kysely }: Db): Promise<void> {
  await sql`select pg_advisory_xact_lock(${planningLock})`.execute(kysely)
}

/** Sets contents aside that nobody holds: storing them again makes them wait again. Looked at once more, now that they are locked. */
export async function setAside({ kysely }: Db, contentIds: readonly number[]): Promise<void> {
  await sql`
    with locked as materialized (select id from content where id = any(${contentIds}::bigint[]) and packing = 'waiting' order by cid for update)
    update content set packing = 'aside' from locked where content.id = locked.id and not ${isContentHeld}`.execute(kysely)
}

/** Gives contents that lie in aggregates already back to their entries. */
export async function takeKnown({ kysely }: Db, contentIds: readonly number[]): Promise<void> {
  await sql`
    with given as (
      update content set packing = 'taken' where id = any(${contentIds}::bigint[]) and packing = 'waiting' returning id, cid
    )
    update aggregate_entry e set content_id = given.id from given where e.cid = given.cid`.execute(kysely)
}

/** Takes contents that still wait, and gives the ids of those that were taken. */
export async function takeWaiting({ kysely }: Db, contentIds: readonly number[]): Promise<Set<number>> {
  const { rows } = await sql<{ id: number }>`
    update content set packing = 'taken'
    where id = any(${contentIds}::bigint[]) and packing = 'waiting' and complete_at is not null and ${isContentHeld}
      and not exists (select from aggregate_entry e where e.cid = content.cid)
    returning id`.execute(kysely)
  return new Set(rows.map(({ id }) => id))
}

export interface CollectingRow {
  id: number
  items: number
  plannedBytes: number
  plannedBlocks: number
  oldestAt: Date | null
}

export async function listCollecting({ kysely }: Db, layout: AggregateLayout): Promise<CollectingRow[]> {
  const { rows } = await sql<CollectingRow>`
    select id, items, planned_bytes as "plannedBytes", planned_blocks as "plannedBlocks", oldest_at as "oldestAt"
    from aggregate where state = 'collecting' and layout = ${layout} order by id`.execute(kysely)
  return rows
}

export async function findCollecting({ kysely }: Db, id: number): Promise<CollectingRow | undefined> {
  const { rows } = await sql<CollectingRow>`
    select id, items, planned_bytes as "plannedBytes", planned_blocks as "plannedBlocks", oldest_at as "oldestAt"
    from aggregate where state = 'collecting' and id = ${id}`.execute(kysely)
  return rows[0]
}

export async function insertAggregate({ kysely }: Db, layout: AggregateLayout): Promise<number> {
  const { rows } = await sql<{ id: number }>`insert into aggregate (layout) values (${layout}) returning id`.execute(kysely)
  return rows[0]!.id
}

export interface NewEntry {
  aggregateId: number
  contentId: number
  cid: Uint8Array
  part: number
  parts: number
  firstBlock: number
  endBlock: number | null
  dagBytes: number
  dagBlocks: number
  plannedBytes: number
  plannedBlocks: number
  completeAt: Date
}

/** Enters items into collecting aggregates, and has the shards of their contents kept from now on. */
export async function insertEntries({ kysely }: Db, layout: AggregateLayout, entries: readonly NewEntry[]): Promise<void> {
  const column = <T>(of: (entry: NewEntry) => T) => sql`${entries.map(of)}`
  await sql`
    insert into aggregate_entry (layout, aggregate_id, content_id, cid, part, parts, first_block, end_block,
      dag_bytes, dag_blocks, planned_bytes, planned_blocks, complete_at)
    select ${layout}, * from unnest(
      ${column((e) => e.aggregateId)}::bigint[], ${column((e) => e.contentId)}::bigint[], ${column((e) => e.cid)}::bytea[],
      ${column((e) => e.part)}::integer[], ${column((e) => e.parts)}::integer[],
      ${column((e) => e.firstBlock)}::bigint[], ${column((e) => e.endBlock)}::bigint[],
      ${column((e) => e.dagBytes)}::bigint[], ${column((e) => e.dagBlocks)}::bigint[],
      ${column((e) => e.plannedBytes)}::bigint[], ${column((e) => e.plannedBlocks)}::bigint[], ${column((e) => e.completeAt)}::timestamptz[])`.execute(
    kysely,
  )
  await sql`
    insert into aggregate_shard (aggregate_id, shard_id)
    select distinct given.aggregate_id, s.shard_id
    from unnest(${column((e) => e.aggregateId)}::bigint[], ${column((e) => e.contentId)}::bigint[]) as given (aggregate_id, content_id)
    join content_shard s on s.content_id = given.content_id
    on conflict do nothing`.execute(kysely)
  await sumUp(
    { kysely },
    entries.map((e) => e.aggregateId),
    entries,
  )
}

async function sumUp({ kysely }: Db, aggregateIds: readonly number[], entries: readonly NewEntry[]): Promise<void> {
  await sql`
    update aggregate set items = aggregate.items + added.items, planned_bytes = aggregate.planned_bytes + added.bytes,
      planned_blocks = aggregate.planned_blocks + added.blocks, oldest_at = least(oldest_at, added.oldest), changed_at = clock_timestamp()
    from (
      select id, count(*) as items, sum(bytes)::bigint as bytes, sum(blocks)::bigint as blocks, min(oldest) as oldest
      from unnest(${aggregateIds}::bigint[], ${entries.map((e) => e.plannedBytes)}::bigint[], ${entries.map((e) => e.plannedBlocks)}::bigint[],
        ${entries.map((e) => e.completeAt)}::timestamptz[]) as given (id, bytes, blocks, oldest) group by id
    ) as added where aggregate.id = added.id`.execute(kysely)
}

/** Takes what nobody holds any more out of an aggregate that is being closed. Gives how many are left. */
export async function dropUnheld({ kysely }: Db, aggregateId: number): Promise<number> {
  const { rows } = await sql<{ items: number }>`
    with unheld as (
      delete from aggregate_entry e
      where e.aggregate_id = ${aggregateId} and e.parts = 1
        and not ${isHeld(sql.ref('e.content_id'))}
      returning e.content_id, e.planned_bytes, e.planned_blocks
    ), released as (
      update content set packing = 'aside' from unheld where content.id = unheld.content_id
    )
    update aggregate set items = items - (select count(*) from unheld),
      planned_bytes = planned_bytes - coalesce((select sum(planned_bytes)::bigint from unheld), 0),
      planned_blocks = planned_blocks - coalesce((select sum(planned_blocks)::bigint from unheld), 0)
    where id = ${aggregateId} returning items`.execute(kysely)
  return rows[0]?.items ?? 0
}

/** False where it does not collect any more. */
export async function markClosed({ kysely }: Db, aggregateId: number, because: ClosedBecause): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update aggregate set state = 'building', closed_because = ${because}, closed_at = clock_timestamp(), changed_at = clock_timestamp()
    where id = ${aggregateId} and state = 'collecting'`.execute(kysely)
  return numAffectedRows === 1n
}

export async function deleteAggregate({ kysely }: Db, aggregateId: number): Promise<void> {
  await sql`delete from aggregate where id = ${aggregateId}`.execute(kysely)
}

/**
 * Has failed aggregates built again whose time has come. Also those that nobody seems to be working on: their job was given up or lost; a job
 * that is there already stays the only one.
 */
export async function listStalled(
  { kysely }: Db,
  now: Date,
  idleBefore: Date,
): Promise<{ id: number; state: 'building' | 'validating' }[]> {
  await sql`
    update aggregate set state = 'building', changed_at = ${now}
    where state = 'failed' and retry_at <= ${now}`.execute(kysely)
  const { rows } = await sql<{ id: number; state: 'building' | 'validating' }>`
    select id, state from aggregate
    where state in ('building', 'validating') and (changed_at <= ${idleBefore} or changed_at = ${now}) order by id`.execute(
    kysely,
  )
  return rows
}

/** When a failed aggregate or a content with an obstacle is tried again next. */
export async function nextRetry({ kysely }: Db): Promise<Date | undefined> {
  const { rows } = await sql<{ at: Date | null }>`
    select least((select min(retry_at) from aggregate where state = 'failed'), (select min(retry_at) from aggregate_obstacle o
      join content c on c.id = o.content_id where c.packing = 'aside')) as at`.execute(kysely)
  return rows[0]?.at ?? undefined
}

/** Makes contents wait again whose obstacle may be gone by now. */
export async function reviveObstructed({ kysely }: Db, now: Date): Promise<void> {
  await sql`
    update content set packing = 'waiting' from aggregate_obstacle o
    where o.content_id = content.id and o.retry_at <= ${now} and content.packing = 'aside'`.execute(kysely)
}

/** Notes why a content cannot be packed; the time until it is tried again doubles each time. */
export async function noteObstacle(
  { kysely }: Db,
  contentId: number,
  reason: string,
  delaysMs: { first: number; longest: number },
): Promise<void> {
  await sql`
    insert into aggregate_obstacle as known (content_id, reason, retry_at)
    values (${contentId}, ${reason}, clock_timestamp() + ${delaysMs.first} * interval '1 millisecond')
    on conflict (content_id) do update set reason = excluded.reason, attempts = known.attempts + 1,
      retry_at = clock_timestamp() + least(${delaysMs.longest}::float8, ${delaysMs.first}::float8 * 2 ^ least(known.attempts, 30)) * interval '1 millisecond'`.execute(
    kysely,
  )
  await sql`update content set packing = 'aside' where id = ${contentId}`.execute(kysely)
}

/**
 * Deletes aggregates whose every content has been forgotten, and with them their claim on shards. Parts of one DAG go together. One that a storage provider
 * asked for stays, whatever became of the deal: it may be asked for its bytes, and for its history.
 */
export async function dropForgotten({ kysely }: Db): Promise<number> {
  const hasLive = (id: ReturnType<typeof sql.ref>) =>
    sql`exists (select from aggregate_entry live where live.aggregate_id = ${id} and live.content_id is not null)`
  const { numAffectedRows } = await sql`
    delete from aggregate a where a.state in ('built', 'failed') and not exists (select from deal d where d.aggregate_id = a.id) and not ${hasLive(sql.ref('a.id'))}
      and not exists (
        select from aggregate_entry e join aggregate_entry o on o.cid = e.cid and o.layout = e.layout
        where e.aggregate_id = a.id and e.parts > 1 and ${hasLive(sql.ref('o.aggregate_id'))})`.execute(kysely)
  return Number(numAffectedRows ?? 0n)
}
