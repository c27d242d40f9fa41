import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'
import type { PinStatus } from '../../database/schema.ts'

interface Filter {
  backend?: string | undefined
  /** CIDv1 in binary. */
  roots?: readonly Uint8Array[] | undefined
}

const matches = ({ backend, roots }: Filter) => sql`
  ${backend === undefined ? sql`true` : sql`pin.backend = ${backend}`}
  and ${roots === undefined ? sql`true` : sql`pin.content_id in (select id from content where cid = any(${roots}::bytea[]))`}`

/** Failed pins are due now, with all their attempts. Gives how many. */
export async function rescheduleFailed({ kysely }: Db, filter: Filter): Promise<number> {
  const done = await sql`
    update pin set next_step = 'retry', next_attempt_at = clock_timestamp(), attempts = 0
    where status = 'failed' and claimed_at is null and ${matches(filter)}`.execute(kysely)
  return Number(done.numAffectedRows ?? 0n)
}

export interface PinListRow {
  contentId: number
  cid: Uint8Array
  backend: string
  status: PinStatus
  since: Date
  error: string | null
  attempts: number
  handedOverAt: Date | null
  checkedAt: Date | null
  nextAttemptAt: Date | null
}

interface Page {
  status?: PinStatus | undefined
  after: { contentId: number; backend: string }
  limit: number
}

/** Pins in the order of their contents and backends, page by page. */
export async function listPinRows({ kysely }: Db, { status, after, limit, ...filter }: Filter & Page): Promise<PinListRow[]> {
  const { rows } = await sql<PinListRow>`
    select pin.content_id as "contentId", content.cid, pin.backend, pin.status, pin.since, pin.last_error as error, pin.attempts,
      pin.handed_over_at as "handedOverAt", pin.checked_at as "checkedAt", pin.next_attempt_at as "nextAttemptAt"
    from pin join content on content.id = pin.content_id join pin_backend b on b.name = pin.backend and b.retired_at is null
    where (pin.content_id, pin.backend) > (${after.contentId}, ${after.backend})
      and ${status === undefined ? sql`true` : sql`pin.status = ${status}`} and ${matches(filter)}
    order by pin.content_id, pin.backend limit ${limit}`.execute(kysely)
  return rows
}

export interface PinCount {
  backend: string
  status: PinStatus
  count: number
}

/** Over all backends, from the indexes alone where there are rows; our own shards have none but for what is wrong with them. */
export async function countPins({ kysely }: Db): Promise<PinCount[]> {
  const { rows } = await sql<PinCount>`
    select pin.backend, pin.status, count(*) from pin join pin_backend b on b.name = pin.backend and b.retired_at is null
    where pin.backend <> 'embedded' or pin.status = 'failed' group by 1, 2
    union all
    select 'embedded', 'pinned', count(*) - (select count(*) from pin where backend = 'embedded' and status = 'failed')
    from content where complete_at is not null
    union all
    select 'embedded', 'pinning', count(*) from content where complete_at is null`.execute(kysely)
  return rows
}

/** Of every backend: since when the pin waits that is due for longest, and how many roots are to be unpinned. */
export async function countWaiting({ kysely }: Db): Promise<Map<string, { overdueSeconds: number; unpins: number }>> {
  const { rows } = await sql<{ name: string; overdueSeconds: number; unpins: number }>`
    select name, (select count(*) from unpin where backend = name) as unpins,
      coalesce((
        select greatest(0, extract(epoch from clock_timestamp() - min(first)))::float8 from unnest(array['add', 'track', 'retry']) as step, lateral (
          select next_attempt_at as first from pin where backend = name and next_step = step and claimed_at is null
          order by next_attempt_at limit 1) due), 0) as "overdueSeconds"
    from pin_backend where retired_at is null`.execute(kysely)
  return new Map(rows.map(({ name, ...waiting }) => [name, waiting]))
}

export interface PinOfContent {
  backend: string
  status: PinStatus | null
  since: Date | null
  error: string | null
  attempts: number | null
  handedOverAt: Date | null
  checkedAt: Date | null
  nextAttemptAt: Date | null
}

/** The pins of one content, and what is known of it where there is no row. */
export async function findPins(
  { kysely }: Db,
  contentId: number,
): Promise<{ completeAt: Date | null; createdAt: Date; pins: PinOfContent[] }> {
  const { rows } = await sql<PinOfContent & { completeAt: Date | null; createdAt: Date }>`
    select content.complete_at as "completeAt", content.created_at as "createdAt", b.name as backend, pin.status, pin.since, pin.last_error as error,
      pin.attempts, pin.handed_over_at as "handedOverAt", pin.checked_at as "checkedAt", pin.next_attempt_at as "nextAttemptAt"
    from content cross join pin_backend b left join pin on pin.content_id = content.id and pin.backend = b.name
    where content.id = ${contentId} and b.retired_at is null order by b.position`.execute(kysely)
  const { completeAt = null, createdAt = new Date(0) } = rows[0] ?? {}
  return { completeAt, createdAt, pins: rows.map(({ completeAt: _c, createdAt: _d, ...pin }) => pin) }
}

/** The id of a content, where there is one. */
export async function findContentId({ kysely }: Db, cid: Uint8Array): Promise<number | undefined> {
  const { rows } = await sql<{ id: number }>`select id from content where cid = ${cid}`.execute(kysely)
  return rows[0]?.id
}
