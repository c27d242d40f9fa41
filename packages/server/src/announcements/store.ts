import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import { isHeldNow } from '../blocks/content.ts'
import type { Db } from '../database/database.ts'

/** A CID whose turn it is. */
export interface DueRow {
  contentId: number
  cid: Uint8Array
  isEntry: boolean
  attempts: number
  /** Somebody holds the content, and it is complete; otherwise the network is not told of it any more. */
  isHeld: boolean
  /** Of a root: its entries have not been entered. */
  needsEntries: boolean
}

const isHeld = sql`exists (select from content where content.id = taken.content_id and content.complete_at is not null and ${isHeldNow})`

/**
 * Takes up to `limit` CIDs that are due, for `leaseMs`: who takes them and dies leaves them due again after that. Half are new, the newest first;
 * half have to be told again, the longest due first; what one half does not need the other gets.
 */
export async function takeDue({ kysely }: Db, { limit, leaseMs }: { limit: number; leaseMs: number }): Promise<DueRow[]> {
  const { rows } = await sql<DueRow>`
    with fresh as materialized (
      select content_id, cid, due_at from announcement where announced_at is null and due_at <= clock_timestamp()
      order by due_at desc limit ${limit} for update skip locked
    ), again as materialized (
      select content_id, cid, due_at from announcement where announced_at is not null and due_at <= clock_timestamp()
      order by due_at limit ${limit} for update skip locked
    ), chosen as (
      select content_id, cid from (
        select content_id, cid, row_number() over (order by due_at desc) as turn from fresh
        union all
        select content_id, cid, row_number() over (order by due_at) as turn from again
      ) as both_queues order by turn limit ${limit}
    ), taken as (
      update announcement set due_at = clock_timestamp() + make_interval(secs => ${leaseMs / 1000}) from chosen
      where announcement.content_id = chosen.content_id and announcement.cid = chosen.cid
      returning announcement.*
    )
    select content_id as "contentId", cid, is_entry as "isEntry", attempts, ${isHeld} as "isHeld",
      (not is_entry and entries_at is null) as "needsEntries"
    from taken`.execute(kysely)
  return rows
}

/** What came of telling the network of a CID. */
export type Outcome = Pick<DueRow, 'contentId' | 'cid'> & {
  /** When to tell it the next time; null for never, unless somebody holds it again. */
  dueAt: Date | null
  /** How many took the record; left out where nobody was told. */
  peers?: number
  error?: string
}

export async function saveOutcomes({ kysely }: Db, outcomes: readonly Outcome[]): Promise<void> {
  if (outcomes.length === 0) return
  await sql`
    update announcement as a set
      due_at = coalesce(o.due_at, 'infinity'),
      announced_at = case when o.peers > 0 then clock_timestamp() else a.announced_at end,
      peers = case when o.peers > 0 then o.peers else a.peers end,
      attempts = case when o.error is null then 0 else least(a.attempts + 1, 1000) end,
      last_error = o.error
    from unnest(
      ${outcomes.map((o) => o.contentId)}::bigint[], ${outcomes.map((o) => o.cid)}::bytea[], ${outcomes.map((o) => o.dueAt)}::timestamptz[],
      ${outcomes.map((o) => o.peers ?? 0)}::integer[], ${outcomes.map((o) => o.error ?? null)}::text[]
    ) as o (content_id, cid, due_at, peers, error)
    where a.content_id = o.content_id and a.cid = o.cid`.execute(kysely)
}

/** Has CIDs that were taken, and not told, wait for their turn again. */
export async function giveBack({ kysely }: Db, rows: readonly Pick<DueRow, 'contentId' | 'cid'>[]): Promise<void> {
  if (rows.length === 0) return
  await sql`
    update announcement as a set due_at = clock_timestamp()
    from unnest(${rows.map((row) => row.contentId)}::bigint[], ${rows.map((row) => row.cid)}::bytea[]) as given (content_id, cid)
    where a.content_id = given.content_id and a.cid = given.cid`.execute(kysely)
}

/** Enters the ways into a content, due at once, and that they were entered. */
export async function insertEntries({ kysely }: Db, contentId: number, cids: readonly CID[]): Promise<void> {
  await sql`
    with root as (update announcement set entries_at = clock_timestamp() where content_id = ${contentId} and not is_entry returning content_id)
    insert into announcement (content_id, cid, is_entry, due_at)
    select distinct root.content_id, entry.cid, true, clock_timestamp() from root, unnest(${cids.map((cid) => cid.toV1().bytes)}::bytea[]) as entry (cid)
    on conflict (content_id, cid) do update set due_at = excluded.due_at where announcement.due_at = 'infinity'`.execute(kysely)
}

/** Has the entries of these contents entered anew the next time their roots are announced. */
export async function forgetEntries({ kysely }: Db, contentIds: readonly number[]): Promise<void> {
  await sql`update announcement set entries_at = null where content_id = any(${contentIds}::bigint[]) and entries_at is not null`.execute(
    kysely,
  )
}

/** When the next CID is due that is not due yet, or was taken; undefined where there is none. */
export async function findNextDue({ kysely }: Db): Promise<Date | undefined> {
  const { rows } = await sql<{ dueAt: Date | null }>`
    select least(
      (select min(due_at) from announcement where announced_at is null and due_at < 'infinity'),
      (select min(due_at) from announcement where announced_at is not null and due_at < 'infinity')) as "dueAt"`.execute(kysely)
  return rows[0]?.dueAt ?? undefined
}

export interface AnnouncementRow {
  dueAt: Date | null
  announcedAt: Date | null
  peers: number
  attempts: number
  lastError: string | null
  isEntry: boolean
}

/** Where announcing a CID stands, as a root or as a way into one; undefined where it is not announced by itself. */
export async function findAnnouncement({ kysely }: Db, cid: CID): Promise<AnnouncementRow | undefined> {
  const bytes = cid.toV1().bytes
  const { rows } = await sql<AnnouncementRow>`
    select nullif(due_at, 'infinity') as "dueAt", announced_at as "announcedAt", peers, attempts, last_error as "lastError", is_entry as "isEntry"
    from (
      select * from announcement where cid = ${bytes} and is_entry
      union all
      select a.* from content join announcement a on a.content_id = content.id and a.cid = content.cid where content.cid = ${bytes}
    ) as found
    order by announced_at desc nulls last, due_at limit 1`.execute(kysely)
  return rows[0]
}

export async function findContentAnnouncement({ kysely }: Db, contentId: number): Promise<AnnouncementRow | undefined> {
  const { rows } = await sql<AnnouncementRow>`
    select nullif(due_at, 'infinity') as "dueAt", announced_at as "announcedAt", peers, attempts, last_error as "lastError", is_entry as "isEntry"
    from announcement where content_id = ${contentId} and not is_entry`.execute(kysely)
  return rows[0]
}

export interface QueueRow {
  dueNew: number
  dueAgain: number
  oldestDueAt: Date | null
  inLastHour: number
  failing: number
  announced: number
}

/** `intervalMs` after a CID was told it is due again, which tells from the queue itself how many were told in the last hour. */
export async function readQueue({ kysely }: Db, intervalMs: number): Promise<QueueRow> {
  const seconds = intervalMs / 1000
  const { rows } = await sql<QueueRow>`
    select
      (select count(*) from announcement where announced_at is null and due_at <= now()) as "dueNew",
      (select count(*) from announcement where announced_at is not null and due_at <= now()) as "dueAgain",
      least(
        (select min(due_at) from announcement where announced_at is null and due_at <= now()),
        (select min(due_at) from announcement where announced_at is not null and due_at <= now())) as "oldestDueAt",
      (select count(*) from announcement where announced_at is not null
        and due_at > now() + make_interval(secs => ${seconds - 3600}) and due_at < 'infinity') as "inLastHour",
      (select count(*) from announcement where announced_at is null and attempts > 0 and due_at < 'infinity') as failing,
      (select count(*) from announcement where announced_at is not null and due_at < 'infinity') as announced`.execute(kysely)
  return rows[0] as QueueRow
}

/** Has what failed told again at once. Gives how many there are. */
export async function retryFailed({ kysely }: Db): Promise<number> {
  const { numAffectedRows } = await sql`
    update announcement set due_at = clock_timestamp() where attempts > 0 and due_at > clock_timestamp() and due_at < 'infinity'`.execute(
    kysely,
  )
  return Number(numAffectedRows ?? 0n)
}
