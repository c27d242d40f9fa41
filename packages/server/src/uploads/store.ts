import { type RawBuilder, sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { PinStatus, UploadType } from '../database/schema.ts'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import type { Cursor, ListOrder } from './list-order.ts'

/** Where a content stands with one of those who keep it; no status where there is no row. */
export interface PinEntry {
  backend: string
  status: PinStatus | null
  since: string | null
  error: string | null
  nextAttempt: string | null
}

/** One upload joined with what it is a claim on. */
export interface UploadRow {
  id: number
  userId: number
  contentId: number
  sourceCid: string
  type: UploadType
  mimeType: string
  name: string
  scope: string
  files: { name: string; type: string }[]
  parts: string[]
  createdAt: Date
  dagBytes: number | null
  completeAt: Date | null
  contentCreatedAt: Date
  /** Blocks known to be missing, and a few of their CIDs in binary. */
  missingBlocks: number
  missingCids: Uint8Array[]
  obstacle: string | null
  /** The primary backend first; null where none but our own shards was ever made known. */
  pins: PinEntry[] | null
}

/** Looked up by the primary key of `pin`, once for each of the few backends. */
const pinEntries = sql`(
  select jsonb_agg(jsonb_build_object('backend', b.name, 'status', p.status, 'since', p.since, 'error', p.last_error, 'nextAttempt', p.next_attempt_at)
    order by b.position)
  from pin_backend b left join pin p on p.content_id = content.id and p.backend = b.name where b.retired_at is null)`

/** Only incomplete contents have missing blocks, so the sub-selects touch nothing for all others. */
const rowColumns = sql`
  upload.id, upload.user_id as "userId", upload.content_id as "contentId", upload.source_cid as "sourceCid", upload.type,
  upload.mime_type as "mimeType", upload.name, upload.scope, upload.files, upload.parts, upload.created_at as "createdAt",
  content.dag_bytes as "dagBytes", content.complete_at as "completeAt", content.created_at as "contentCreatedAt", content.obstacle,
  case when content.complete_at is null then (select count(*) from missing_block m where m.content_id = content.id) else 0 end as "missingBlocks",
  case when content.complete_at is null
    then array(select m.cid from missing_block m where m.content_id = content.id limit 10) else '{}' end as "missingCids",
  ${pinEntries} as pins`

export interface NewUpload {
  userId: number
  keyId: number | null
  contentId: number
  sourceCid: string
  type: UploadType
  mimeType: string
  name: string | undefined
  scope: string
  files: { name: string; type: string }[]
  meta: Record<string, unknown>
  /** CAR CID of what was received. */
  part: CID
  partBytes: number
  createdAt: Date
}

/**
 * Enters users' claims on contents, or renews them; the answer is in the order given. A renewed claim is live again, says what the newest
 * request said, knows the parts of all of them, and keeps when, by which key and with which files it was made first. (nft.storage,
 * `create_upload`.) One statement however many there are; no two may be of the same user and CID.
 */
export async function upsertUploads({ kysely }: Db, uploads: readonly NewUpload[]): Promise<UploadRow[]> {
  const column = <T>(of: (upload: NewUpload) => T) => sql`${uploads.map(of)}`
  const { rows } = await sql<UploadRow>`
    with given as (
      select * from unnest(
        ${column((u) => u.userId)}::bigint[], ${column((u) => u.keyId)}::bigint[], ${column((u) => u.contentId)}::bigint[],
        ${column((u) => u.sourceCid)}::text[], ${column((u) => u.type)}::text[], ${column((u) => u.mimeType)}::text[],
        ${column((u) => u.name ?? `Upload at ${u.createdAt.toISOString()}`)}::text[], ${column((u) => u.scope)}::text[],
        ${column((u) => JSON.stringify(u.files))}::text[]::jsonb[], ${column((u) => JSON.stringify(u.meta))}::text[]::jsonb[],
        ${column((u) => u.part.toString())}::text[], ${column((u) => u.partBytes)}::bigint[], ${column((u) => u.createdAt)}::timestamptz[]
      ) with ordinality as given (
        user_id, key_id, content_id, source_cid, type, mime_type, name, scope, files, meta, part, part_bytes, created_at, place)
    ), upload as (
      insert into upload as known (
        user_id, key_id, content_id, source_cid, type, mime_type, name, scope, files, meta, parts, received_bytes, created_at)
      select user_id, key_id, content_id, source_cid, type, mime_type, name, scope, files, meta, array[part], part_bytes, created_at
      from given order by user_id, source_cid
      on conflict (user_id, source_cid) do update set
        deleted_at = null, type = excluded.type, name = excluded.name, mime_type = excluded.mime_type, meta = excluded.meta,
        updated_at = clock_timestamp(),
        received_bytes = known.received_bytes + case when excluded.parts <@ known.parts then 0 else excluded.received_bytes end,
        parts = known.parts || array(select p from unnest(excluded.parts) p where p <> all (known.parts))
      returning *
    )
    select ${rowColumns} from upload join content on content.id = upload.content_id
    join given on given.user_id = upload.user_id and given.source_cid = upload.source_cid order by given.place`.execute(kysely)
  return rows
}

export async function findUpload({ kysely }: Db, userId: number, sourceCid: string): Promise<UploadRow | undefined> {
  const { rows } = await sql<UploadRow>`
    select ${rowColumns} from upload join content on content.id = upload.content_id
    where upload.user_id = ${userId} and upload.source_cid = ${sourceCid} and upload.deleted_at is null`.execute(kysely)
  return rows[0]
}

export interface ListFilter {
  userId: number
  /** Created then or earlier. */
  before?: Date | undefined
  order: ListOrder
  after?: Cursor | undefined
  nameContains?: string | undefined
  /** CIDv1 in binary; any of them. */
  cids?: Uint8Array[] | undefined
  limit: number
}

type Matching = Omit<ListFilter, 'limit' | 'after' | 'order'>

function conditions(filter: Matching): RawBuilder<unknown> {
  const parts = [sql`upload.user_id = ${filter.userId} and upload.deleted_at is null`]
  if (filter.before) parts.push(sql`upload.created_at <= ${filter.before}`)
  if (filter.nameContains) parts.push(sql`upload.name ilike ${`%${filter.nameContains.replace(/[\\%_]/g, '\\$&')}%`}`)
  if (filter.cids) parts.push(sql`content.cid = any(${filter.cids}::bytea[])`)
  return sql.join(parts, sql` and `)
}

export async function listUploads({ kysely }: Db, filter: ListFilter): Promise<(UploadRow & Cursor)[]> {
  const { key, keyText, parseKey, isDescending } = filter.order
  const direction = isDescending ? sql`desc` : sql`asc`
  const beyond = isDescending ? sql`<` : sql`>`
  const after = filter.after ? sql`and (${key}, upload.id) ${beyond} (${parseKey(filter.after.key)}, ${filter.after.id})` : sql``
  const { rows } = await sql<UploadRow & Cursor>`
    select ${rowColumns}, ${keyText} as key from upload join content on content.id = upload.content_id
    where ${conditions(filter)} ${after}
    order by ${key} ${direction}, upload.id ${direction} limit ${filter.limit}`.execute(kysely)
  return rows
}

/** How many live uploads match, over all pages. */
export async function countUploads({ kysely }: Db, filter: Matching): Promise<number> {
  const isPlain = filter.nameContains === undefined && filter.cids === undefined
  const query = isPlain
    ? countByTally(filter.userId, filter.before)
    : sql<{ count: number }>`
    select count(*) from upload join content on content.id = upload.content_id where ${conditions(filter)}`
  const { rows } = await query.execute(kysely)
  return rows[0]?.count ?? 0
}

/** Sums whole days, then the hours of the last day, and counts only the last hour: the time does not grow with the number of uploads. */
function countByTally(userId: number, before: Date | undefined) {
  if (before === undefined) {
    return sql<{ count: number }>`
      select coalesce(sum(uploads), 0)::bigint as count from upload_tally where user_id = ${userId} and span = 'day'`
  }
  const day = sql`date_trunc('day', ${before}::timestamptz, 'UTC')`
  const hour = sql`date_trunc('hour', ${before}::timestamptz, 'UTC')`
  return sql<{ count: number }>`
    select (select coalesce(sum(uploads), 0)::bigint from upload_tally where user_id = ${userId} and span = 'day' and since < ${day})
      + (select coalesce(sum(uploads), 0)::bigint from upload_tally
         where user_id = ${userId} and span = 'hour' and since >= ${day} and since < ${hour})
      + (select count(*) from upload
         where user_id = ${userId} and deleted_at is null and created_at >= ${hour} and created_at <= ${before}) as count`
}

/** Soft, and by the exact spelling. False where there is no such live upload. */
export async function markDeleted(db: Db, userId: number, sourceCid: string): Promise<boolean> {
  return (await markManyDeleted(db, userId, [sourceCid])).length > 0
}

/** The same for many at once. Gives those that were live. */
export async function markManyDeleted(db: Db, userId: number, sourceCids: readonly string[]): Promise<string[]> {
  return await setDeleted(
    db,
    sql`user_id = ${userId} and source_cid = any(${sourceCids}::text[]) and deleted_at is null`,
    new Date(),
  )
}

/** Brings deleted uploads back, as long as their contents are not forgotten. Gives those that were. */
export async function unmarkDeleted(db: Db, userId: number, sourceCids: readonly string[]): Promise<string[]> {
  return await setDeleted(
    db,
    sql`user_id = ${userId} and source_cid = any(${sourceCids}::text[]) and deleted_at is not null`,
    null,
  )
}

/** So many in one transaction, so that an account with millions of uploads holds nobody up. */
const deletedAtOnce = 5_000

/** Deletes some of a user's uploads, as `markDeleted` does. False when none are left. */
export async function markAllDeleted(db: Db, userId: number): Promise<boolean> {
  const live = sql`user_id = ${userId} and deleted_at is null`
  const some = sql`id in (select id from upload where ${live} order by id limit ${deletedAtOnce}) and deleted_at is null`
  return (await setDeleted(db, some, new Date())).length > 0
}

/**
 * Contents are locked before the uploads of them, and in the order of their CIDs, as whoever uploads does it: the tallies lock them anyway,
 * and locked the other way round, a delete and an upload of the same bytes would wait for each other.
 */
async function setDeleted({ kysely }: Db, condition: RawBuilder<unknown>, deletedAt: Date | null): Promise<string[]> {
  return await changeWatched(
    { kysely },
    sql`
    with held as materialized (
      select id from content where id in (select content_id from upload where ${condition}) order by cid for share
    )
    update upload set deleted_at = ${deletedAt}::timestamptz, updated_at = ${new Date()}
    where ${condition} and content_id in (select id from held)`,
  )
}

/** False where there is no such live upload. */
export async function renameUpload(db: Db, userId: number, sourceCid: string, name: string): Promise<boolean> {
  const renamed = await changeWatched(
    db,
    sql`update upload set name = ${name}, updated_at = ${new Date()}
      where user_id = ${userId} and source_cid = ${sourceCid} and deleted_at is null`,
  )
  return renamed.length > 0
}

/** Changes uploads in the caller's transaction, or in one of its own, and tells whoever watches them. Gives which it were. */
async function changeWatched({ kysely }: Db, update: RawBuilder<unknown>): Promise<string[]> {
  const change = async (tx: Db['kysely']) => {
    const { rows } = await sql<{ contentId: number; sourceCid: string }>`
      ${update} returning content_id as "contentId", source_cid as "sourceCid"`.execute(tx)
    await tellContentsChanged(
      { kysely: tx },
      rows.map(({ contentId }) => contentId),
    )
    return rows.map(({ sourceCid }) => sourceCid)
  }
  return kysely.isTransaction ? await change(kysely) : await kysely.transaction().execute(change)
}

export async function findHolders(
  { kysely }: Db,
  { contentIds, userIds }: { contentIds: readonly number[]; userIds: readonly number[] },
): Promise<{ userId: number; sourceCid: string }[]> {
  const { rows } = await sql<{ userId: number; sourceCid: string }>`
    select user_id as "userId", source_cid as "sourceCid" from upload
    where content_id = any(${contentIds}::bigint[]) and user_id = any(${userIds}::bigint[])`.execute(kysely)
  return rows
}

export interface ContentStanding {
  id: number
  cid: Uint8Array
  dagBytes: number | null
  completeAt: Date | null
  createdAt: Date
  missingBlocks: number
  missingCids: Uint8Array[]
  obstacle: string | null
  pins: PinEntry[] | null
  /** It was to be fetched, that failed, and nobody holds it. */
  isGivenUp: boolean
}

export async function findContent({ kysely }: Db, cid: CID): Promise<ContentStanding | undefined> {
  const { rows } = await sql<ContentStanding>`
    select content.id, content.cid, content.dag_bytes as "dagBytes", content.complete_at as "completeAt", content.created_at as "createdAt", content.obstacle,
      case when content.complete_at is null then (select count(*) from missing_block m where m.content_id = content.id) else 0 end as "missingBlocks",
      case when content.complete_at is null
        then array(select m.cid from missing_block m where m.content_id = content.id limit 10) else '{}' end as "missingCids",
      ${pinEntries} as pins,
      content.complete_at is null
        and exists (select from pin_request p where p.content_id = content.id and p.status = 'failed')
        and not exists (select from pin_request p where p.content_id = content.id and p.released_at is null)
        and not exists (select from upload u where u.content_id = content.id and u.deleted_at is null) as "isGivenUp"
    from content where content.cid = ${cid.toV1().bytes}`.execute(kysely)
  return rows[0]
}

/** Joins the slots of days and hours that are over: one row each is left, none where nothing is. */
export async function compactTallies({ kysely }: Db): Promise<void> {
  await sql`
    with old as (
      delete from upload_tally where since < date_trunc(span, now(), 'UTC') returning user_id, span, since, uploads
    )
    insert into upload_tally (user_id, span, since, slot, uploads)
    select user_id, span, since, -1, sum(uploads) from old group by user_id, span, since having sum(uploads) <> 0`.execute(kysely)
}
