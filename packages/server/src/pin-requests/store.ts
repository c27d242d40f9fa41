import { identityBytes, isIdentity } from '@keepsake/content/dag/identity.ts'
import { type RawBuilder, sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import { outwardLinks } from '../blocks/dag-check.ts'
import type { Db } from '../database/database.ts'
import type { PinStatus } from '../database/schema.ts'
import type { WantedPin } from './parse-pin.ts'
import type { PinFilter } from './parse-query.ts'

/** A request to keep what is below a CID, as its owner may see it. */
export interface PinRequestRow {
  id: string
  userId: number
  contentId: number | null
  cid: string
  name: string | null
  origins: string[]
  meta: Record<string, string>
  status: PinStatus
  reason: string | null
  blocks: number
  bytes: number
  attempts: number
  nextAttemptAt: Date
  giveUpAt: Date
  createdAt: Date
  /** Somebody is fetching it at this moment. */
  isLeased: boolean
  /** Every block of it is here by now, whoever brought them. */
  isComplete: boolean
  dagBytes: number | null
}

const rowColumns = sql`
  r.id, r.user_id as "userId", r.content_id as "contentId", r.cid, r.name, r.origins, r.meta, r.status, r.reason, r.blocks, r.bytes, r.attempts,
  r.next_attempt_at as "nextAttemptAt", r.give_up_at as "giveUpAt", r.created_at as "createdAt",
  coalesce(r.leased_until > clock_timestamp(), false) as "isLeased",
  content.complete_at is not null as "isComplete", content.dag_bytes as "dagBytes"`

const fromRequests = sql`from pin_request r left join content on content.id = r.content_id`

export async function findRequest({ kysely }: Db, userId: number, id: string): Promise<PinRequestRow | undefined> {
  const { rows } = await sql<PinRequestRow>`
    select ${rowColumns} ${fromRequests} where r.id = ${id} and r.user_id = ${userId} and r.deleted_at is null`.execute(kysely)
  return rows[0]
}

const likePattern = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`

function nameCondition({ text, match }: NonNullable<PinFilter['name']>): RawBuilder<unknown> {
  switch (match) {
    case 'exact':
      return sql`r.name = ${text}`
    case 'iexact':
      return sql`lower(r.name) = lower(${text})`
    case 'partial':
      return sql`r.name like ${likePattern(text)}`
    case 'ipartial':
      return sql`r.name ilike ${likePattern(text)}`
  }
}

function conditions(userId: number, filter: PinFilter): RawBuilder<unknown> {
  const parts = [sql`r.user_id = ${userId} and r.deleted_at is null and r.status = any(${filter.statuses}::text[])`]
  if (filter.roots) parts.push(sql`r.root = any(${filter.roots}::bytea[])`)
  if (filter.name) parts.push(nameCondition(filter.name))
  if (filter.before) parts.push(sql`r.created_at < ${filter.before}`)
  if (filter.after) parts.push(sql`r.created_at > ${filter.after}`)
  if (filter.meta) parts.push(sql`r.meta @> ${JSON.stringify(filter.meta)}::jsonb`)
  return sql.join(parts, sql` and `)
}

/** Newest first. */
export async function listRequests({ kysely }: Db, userId: number, filter: PinFilter): Promise<PinRequestRow[]> {
  const { rows } = await sql<PinRequestRow>`
    select ${rowColumns} ${fromRequests} where ${conditions(userId, filter)} order by r.created_at desc limit ${filter.limit}`.execute(
    kysely,
  )
  return rows
}

/** How many match, over all pages. */
export async function countRequests({ kysely }: Db, userId: number, filter: PinFilter): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) from pin_request r where ${conditions(userId, filter)}`.execute(kysely)
  return rows[0]!.count
}

/** How many requests of an account wait or are fetched. */
export async function countOpen({ kysely }: Db, userId: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) from pin_request
    where user_id = ${userId} and status in ('queued', 'pinning') and deleted_at is null`.execute(kysely)
  return rows[0]!.count
}

/**
 * Has the transaction wait for others that change requests of this account, so that their instants differ and what they hold is counted once.
 * Contents are locked after it, never before.
 */
export async function lockAccount({ kysely }: Db, userId: number): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('pin_request', ${userId}))`.execute(kysely)
}

/**
 * The content of a root, made where it is not known; kept from the collector until the transaction ends. What is not known to be here
 * is at least the root itself, unless the CID carries all of it.
 */
export async function ensureContent({ kysely }: Db, root: CID): Promise<{ id: number; isComplete: boolean }> {
  const cid = root.toV1().bytes
  const completeAt = carriesAll(root) ? sql`clock_timestamp()` : sql`null`
  const { rows } = await sql<{ id: number; isComplete: boolean; isNew: boolean }>`
    insert into content (cid, complete_at) values (${cid}, ${completeAt}) on conflict (cid) do update set cid = excluded.cid
    returning id, complete_at is not null as "isComplete", xmax = 0 as "isNew"`.execute(kysely)
  const { id, isComplete, isNew } = rows[0]!
  if (isNew && !isComplete) await sql`insert into missing_block (content_id, cid) values (${id}, ${cid})`.execute(kysely)
  return { id, isComplete }
}

/** Whether an identity CID, whose block stands in it, leads to no other block. */
function carriesAll(root: CID): boolean {
  return isIdentity(root) && outwardLinks(root, identityBytes(root))?.length === 0
}

export interface NewRequest {
  id: string
  userId: number
  contentId: number
  wanted: WantedPin
  /** How long it is tried. */
  giveUpAfterMs: number
}

/** Enters a request that waits. The account must be locked: it comes at least a millisecond after every other of its user. */
export async function insertRequest({ kysely }: Db, { id, userId, contentId, wanted, giveUpAfterMs }: NewRequest): Promise<void> {
  await sql`
    insert into pin_request (id, user_id, content_id, cid, root, name, origins, meta, give_up_at, created_at)
    select ${id}, ${userId}::bigint, ${contentId}::bigint, ${wanted.cid}, ${wanted.root.toV1().bytes}, ${wanted.name},
      ${wanted.origins}::text[], ${JSON.stringify(wanted.meta)}::jsonb, clock_timestamp() + ${giveUpAfterMs} * interval '1 millisecond',
      greatest(date_trunc('milliseconds', clock_timestamp()),
        (select max(created_at) + interval '1 millisecond' from pin_request where user_id = ${userId}))`.execute(kysely)
}

/** Bytes of a content: of its DAG where that is known, else of its shards. */
const contentBytes = (contentId: RawBuilder<unknown>) => sql`coalesce(
  (select dag_bytes from content where id = ${contentId}),
  (select sum(size_bytes)::bigint from shard join content_shard on shard_id = shard.id where content_id = ${contentId}), 0)`

/** Whether another request of the account counts for the same content. */
const countsElsewhere = sql`exists (
  select from pin_request o
  where o.user_id = r.user_id and o.content_id = r.content_id and o.id <> r.id and o.held_bytes > 0)`

/**
 * Notes that all of it is here, and so many bytes are held by it: those of the content where that was not counted. False where the request is not
 * open any more. The account must be locked.
 */
export async function markPinned({ kysely }: Db, id: string, counted?: { blocks: number; bytes: number }): Promise<boolean> {
  const bytes = counted ? sql`${counted.bytes}::bigint` : contentBytes(sql`r.content_id`)
  const { rows } = await sql`
    update pin_request r set status = 'pinned', reason = null, lease = null, leased_until = null,
      held_bytes = case when ${countsElsewhere} then 0 else ${bytes} end, bytes = ${bytes}, blocks = ${counted?.blocks ?? 0}
    where id = ${id} and status in ('queued', 'pinning') and deleted_at is null returning id`.execute(kysely)
  return rows.length === 1
}

/**
 * Ends a request's hold on its content: `deleted` by its owner, or `failed` for a reason. What it counted for is counted with another
 * request of the account for the same content, where there is one. False where there was no such hold. The account must be locked.
 */
export async function releaseRequest({ kysely }: Db, id: string, how: { deleted: true } | { failed: string }): Promise<boolean> {
  const set =
    'deleted' in how
      ? sql`deleted_at = clock_timestamp(), released_at = coalesce(r.released_at, clock_timestamp())`
      : sql`status = 'failed', reason = ${how.failed}, released_at = clock_timestamp()`
  const open = 'deleted' in how ? sql`` : sql`and r.status in ('queued', 'pinning')`
  const { rows } = await sql<{ userId: number; contentId: number | null; heldBytes: number }>`
    with before as (select id, held_bytes from pin_request where id = ${id} for update)
    update pin_request r set ${set}, held_bytes = 0, lease = null, leased_until = null
    from before where r.id = before.id and r.deleted_at is null ${open}
    returning r.user_id as "userId", r.content_id as "contentId", before.held_bytes as "heldBytes"`.execute(kysely)
  const [released] = rows
  if (!released) return false
  const { userId, contentId, heldBytes } = released
  if (heldBytes > 0 && contentId !== null) {
    await sql`
      update pin_request set held_bytes = ${heldBytes} where id = (
        select id from pin_request where user_id = ${userId} and content_id = ${contentId} and released_at is null
        order by created_at limit 1)`.execute(kysely)
  }
  return true
}

export interface OpenRequest {
  id: string
  userId: number
}

/** Requests that wait for a content which is complete by now. */
export async function listSettled({ kysely }: Db, contentId?: number): Promise<OpenRequest[]> {
  const of = contentId === undefined ? sql`` : sql`and r.content_id = ${contentId}`
  const { rows } = await sql<OpenRequest>`
    select r.id, r.user_id as "userId" from pin_request r join content on content.id = r.content_id
    where r.status in ('queued', 'pinning') and r.deleted_at is null and content.complete_at is not null ${of} limit 1000`.execute(
    kysely,
  )
  return rows
}

/** Some live requests of an account. */
export async function listLive({ kysely }: Db, userId: number, limit: number): Promise<OpenRequest[]> {
  const { rows } = await sql<OpenRequest>`
    select id, user_id as "userId" from pin_request where user_id = ${userId} and deleted_at is null limit ${limit}`.execute(
    kysely,
  )
  return rows
}

/** Deletes the rows of requests that were deleted before `since` and are not the last that the collector knows a content by. */
export async function forgetDeleted({ kysely }: Db, since: Date): Promise<void> {
  await sql`
    delete from pin_request r where deleted_at < ${since} and (
      content_id is null
      or exists (select from upload u where u.content_id = r.content_id and u.deleted_at is null)
      or exists (select from pin_request o where o.content_id = r.content_id and o.released_at is null))`.execute(kysely)
}
