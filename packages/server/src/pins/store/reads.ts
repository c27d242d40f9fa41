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
  attempts: number
  lastError: string | null
  since: Date
  createdAt: Date
  handedOverAt: Date | null
  checkedAt: Date | null
  pinnedAt: Date | null
  nextAttemptAt: Date | null
}

const columns = sql`
  pin.content_id as "contentId", content.cid, pin.backend, pin.status, pin.attempts, pin.last_error as "lastError", pin.since,
  pin.created_at as "createdAt", pin.handed_over_at as "handedOverAt", pin.checked_at as "checkedAt", pin.pinned_at as "pinnedAt",
  pin.next_attempt_at as "nextAttemptAt"`

/** Pins in the order of their contents, page by page. */
export async function listPinRows(
  { kysely }: Db,
  { status, afterId, limit, ...filter }: Filter & { status?: PinStatus | undefined; afterId: number; limit: number },
): Promise<PinListRow[]> {
  const { rows } = await sql<PinListRow>`
    select ${columns} from pin join content on content.id = pin.content_id join pin_backend b on b.name = pin.backend and b.retired_at is null
    where pin.content_id > ${afterId} and ${status === undefined ? sql`true` : sql`pin.status = ${status}`} and ${matches(filter)}
    order by pin.content_id, b.position limit ${limit}`.execute(kysely)
  return rows
}

export interface PinCount {
  backend: string
  status: PinStatus
  count: number
}

/** Over all backends but our own shards, from the index alone. */
export async function countPins({ kysely }: Db): Promise<PinCount[]> {
  const { rows } = await sql<PinCount>`
    select pin.backend, pin.status, count(*) from pin join pin_backend b on b.name = pin.backend and b.retired_at is null
    where pin.backend <> 'embedded' group by 1, 2 order by 1, 2`.execute(kysely)
  return rows
}
