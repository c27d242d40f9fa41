import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import { isHeldNow } from '../../blocks/content.ts'
import type { Db } from '../../database/database.ts'
import type { BackendName } from '../backend.ts'
import type { ClaimedPin, PinChange, PinStep } from '../pins.ts'

/** Gives back what an earlier run of the same sweep was working on when it died: no two runs of one sweep are ever beside each other. */
export async function releaseOrphans({ kysely }: Db, backend: BackendName, step: PinStep): Promise<void> {
  await sql`update pin set claimed_at = null where backend = ${backend} and next_step = ${step} and claimed_at is not null`.execute(
    kysely,
  )
}

export interface ClaimOptions {
  backend: BackendName
  step: PinStep
  limit: number
  /** Also what is due within this time. */
  aheadMs?: number
}

/** A pin of which it is not known yet whether anything is to be done. */
export interface DuePin extends ClaimedPin {
  /** Somebody holds the content. */
  isHeld: boolean
  /** The same root is being unpinned there at this moment. */
  isBeingUnpinned: boolean
}

interface DueRow extends Omit<DuePin, 'root'> {
  cid: Uint8Array
}

/**
 * Takes pins that are due, the longest waiting first. What was handed over counts as an attempt only when it is (`beginAttempts`).
 *
 * A root that waits to be unpinned there, because it was deleted before it was stored again, is not unpinned any more. Where that has begun
 * already, the pin has to wait until it is over.
 */
export async function claimPins({ kysely }: Db, { backend, step, limit, aheadMs = 0 }: ClaimOptions): Promise<DuePin[]> {
  return await kysely.transaction().execute(async (tx) => {
    const { rows } = await sql<{ contentId: number }>`
      with due as (
        select content_id from pin
        where backend = ${backend} and next_step = ${step} and claimed_at is null
          and next_attempt_at <= clock_timestamp() + make_interval(secs => ${aheadMs / 1000})
        order by next_attempt_at limit ${limit} for update skip locked
      )
      update pin set claimed_at = clock_timestamp() from due where pin.content_id = due.content_id and pin.backend = ${backend}
      returning pin.content_id as "contentId"`.execute(tx)
    if (rows.length === 0) return []
    const ids = rows.map(({ contentId }) => contentId)
    await sql`delete from unpin using content
      where content.id = any(${ids}::bigint[]) and unpin.cid = content.cid and unpin.backend = ${backend} and unpin.begun_at is null`.execute(
      tx,
    )
    const { rows: due } = await sql<DueRow>`
      select pin.content_id as "contentId", content.cid, pin.attempts, pin.handed_over_at as "handedOverAt",
        ${isHeldNow} as "isHeld",
        exists (select from unpin u where u.cid = content.cid and u.backend = pin.backend) as "isBeingUnpinned"
      from pin join content on content.id = pin.content_id
      where pin.content_id = any(${ids}::bigint[]) and pin.backend = ${backend}
      order by pin.next_attempt_at, pin.content_id`.execute(tx)
    return due.map(({ cid, ...pin }) => ({ ...pin, root: CID.decode(cid) }))
  })
}

/** Notes, before it happens, that pins are handed over: whatever comes of it, the backend may have them from now on. */
export async function beginAttempts({ kysely }: Db, backend: BackendName, contentIds: readonly number[]): Promise<void> {
  await sql`update pin set attempts = attempts + 1, handed_over_at = clock_timestamp()
    where content_id = any(${contentIds}::bigint[]) and backend = ${backend}`.execute(kysely)
}

/** Gives pins back as they were; they are due then. An attempt that the backend as a whole was the reason of does not count. */
export async function releasePins(
  { kysely }: Db,
  backend: BackendName,
  { contentIds, dueAt, attemptsBack = 0 }: { contentIds: readonly number[]; dueAt: Date; attemptsBack?: number },
): Promise<void> {
  await sql`update pin set claimed_at = null, next_attempt_at = ${dueAt}, attempts = greatest(0, attempts - ${attemptsBack})
    where content_id = any(${contentIds}::bigint[]) and backend = ${backend}`.execute(kysely)
}

export interface Settled extends PinChange {
  contentId: number
  /** It was there before anybody handed it over, so it is not ours to unpin. */
  wasThere?: boolean
}

/** Enters what became of pins. Gives the contents whose pins are gone by now. */
export async function settlePins({ kysely }: Db, backend: BackendName, changes: readonly Settled[]): Promise<number[]> {
  const { rows } = await sql<{ contentId: number }>`
    update pin set
      status = given.status, next_step = given.next_step, next_attempt_at = given.next_attempt_at, last_error = given.last_error,
      claimed_at = null, checked_at = clock_timestamp(), was_there = pin.was_there or given.was_there,
      attempts = case when given.status = 'pinned' then 0 else pin.attempts end,
      pinned_at = case when given.status <> 'pinned' then null else coalesce(pin.pinned_at, clock_timestamp()) end,
      since = case when pin.status = given.status then pin.since else clock_timestamp() end
    from unnest(
      ${changes.map(({ contentId }) => contentId)}::bigint[], ${changes.map(({ status }) => status)}::text[],
      ${changes.map(({ nextStep }) => nextStep)}::text[], ${changes.map(({ nextAttemptAt }) => nextAttemptAt)}::timestamptz[],
      ${changes.map(({ lastError }) => lastError)}::text[], ${changes.map(({ wasThere = false }) => wasThere)}::boolean[]
    ) as given (content_id, status, next_step, next_attempt_at, last_error, was_there)
    where pin.content_id = given.content_id and pin.backend = ${backend}
    returning pin.content_id as "contentId"`.execute(kysely)
  const there = new Set(rows.map(({ contentId }) => contentId))
  return changes.map(({ contentId }) => contentId).filter((contentId) => !there.has(contentId))
}

/** When the next pin of any of the backends is due. */
export async function nextDue({ kysely }: Db, backends: readonly BackendName[], step: PinStep): Promise<Map<BackendName, Date>> {
  const { rows } = await sql<{ backend: BackendName; at: Date }>`
    select backend.name as backend, due.next_attempt_at as at from unnest(${backends}::text[]) as backend (name), lateral (
      select next_attempt_at from pin
      where pin.backend = backend.name and next_step = ${step} and claimed_at is null and next_attempt_at is not null
      order by next_attempt_at limit 1) due`.execute(kysely)
  return new Map(rows.map(({ backend, at }) => [backend, at]))
}

/** Up to `count` pins that are said to be there, from random places. */
export async function samplePinned({ kysely }: Db, backend: BackendName, count: number): Promise<ClaimedPin[]> {
  const { rows } = await sql<Omit<ClaimedPin, 'root'> & { cid: Uint8Array }>`
    with bounds as (
      select (select content_id from pin order by content_id limit 1) as first, (select content_id from pin order by content_id desc limit 1) as last
    ), place as (
      select distinct first + floor(random() * (last - first + 1))::bigint as start from bounds, generate_series(1, ${count})
    )
    select distinct on (picked.content_id) picked.content_id as "contentId", content.cid, picked.attempts, picked.handed_over_at as "handedOverAt"
    from place, lateral (
      select content_id, attempts, handed_over_at from pin
      where content_id >= place.start and backend = ${backend} and status = 'pinned' order by content_id limit 1
    ) picked join content on content.id = picked.content_id`.execute(kysely)
  return rows.map(({ cid, ...pin }) => ({ ...pin, root: CID.decode(cid) }))
}

/** A pin that an audit did not find is a failed one, to be tried again at once. Only our own shards have no row until then. */
export async function saveLost({ kysely }: Db, backend: BackendName, contentId: number, reason: string): Promise<void> {
  await sql`
    insert into pin (content_id, backend, status, next_step, last_error) select id, ${backend}, 'failed', 'retry', ${reason}
    from content where id = ${contentId}
    on conflict (content_id, backend) do update set status = 'failed', next_step = 'retry', next_attempt_at = clock_timestamp(),
      last_error = excluded.last_error, pinned_at = null, checked_at = clock_timestamp(), since = clock_timestamp(), attempts = 0
    where pin.status = 'pinned'`.execute(kysely)
}

export async function saveChecked({ kysely }: Db, backend: BackendName, contentIds: readonly number[]): Promise<void> {
  await sql`update pin set checked_at = clock_timestamp() where content_id = any(${contentIds}::bigint[]) and backend = ${backend}`.execute(
    kysely,
  )
}

/** Our own shards need no row to say that a content is pinned. */
export async function forgetMended({ kysely }: Db): Promise<void> {
  await sql`delete from pin where backend = 'embedded' and status = 'pinned'`.execute(kysely)
}
