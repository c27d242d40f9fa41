import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'
import type { BackendName } from '../backend.ts'

/** What is remembered of a backend beside its pins. */
export interface BackendRow {
  name: BackendName
  /** It could not be used, and is left alone until then. */
  restingUntil: Date | null
  /** In a row. */
  failures: number
  lastError: string | null
  /** Since when it cannot be used. */
  awaySince: Date | null
  /** Contents that were complete before it was added have rows up to this one; null when all have. */
  filledTo: number | null
}

/** How long a new backend waits for uploads under way to end; they are short. */
const lockTimeout = '30s'

/**
 * Makes the configured backends known: from then on every content that becomes complete has a pin at each. A new one is added while nobody is
 * entering contents, so that what was there before and what comes after leave no gap between them.
 */
export async function registerBackends({ kysely }: Db, names: readonly BackendName[]): Promise<void> {
  const { rows } = await sql<{ name: string }>`select name from pin_backend where retired_at is null order by position`.execute(
    kysely,
  )
  if (rows.map(({ name }) => name).join() === names.join()) return
  await kysely.transaction().execute(async (tx) => {
    await sql`set local lock_timeout = ${sql.lit(lockTimeout)}`.execute(tx)
    await sql`lock table content in share row exclusive mode`.execute(tx)
    await sql`update pin_backend set retired_at = clock_timestamp() where retired_at is null and name <> all(${names}::text[])`.execute(
      tx,
    )
    // One that comes back may have missed what came meanwhile. Our own shards have all there is.
    await sql`insert into pin_backend as known (name, position, filled_to)
      select name, place - 1, case when name = 'embedded' then null else 0 end from unnest(${names}::text[]) with ordinality as given (name, place)
      on conflict (name) do update set position = excluded.position, retired_at = null,
        filled_to = case when known.retired_at is null then known.filled_to else excluded.filled_to end`.execute(tx)
  })
}

export async function listBackends({ kysely }: Db): Promise<BackendRow[]> {
  const { rows } = await sql<BackendRow>`
    select name, resting_until as "restingUntil", failures, last_error as "lastError", away_since as "awaySince", filled_to as "filledTo"
    from pin_backend where retired_at is null order by position`.execute(kysely)
  return rows
}

/** Makes pins for up to `limit` contents that were there before the backend was added. False when there are no more. */
export async function fillBackend({ kysely }: Db, name: BackendName, limit: number): Promise<boolean> {
  const { rows } = await sql<{ contents: number }>`
    with place as (
      select name, filled_to from pin_backend where name = ${name} and retired_at is null and filled_to is not null for update
    ), page as (
      select content.id, complete_at from content, place where content.id > place.filled_to order by content.id limit ${limit}
    ), made as (
      insert into pin (content_id, backend) select id, ${name} from page where complete_at is not null order by id on conflict do nothing
    )
    update pin_backend set filled_to = (select case when count(*) < ${limit} then null else max(id) end from page)
    from place where pin_backend.name = place.name
    returning (select count(*) from page) as contents`.execute(kysely)
  return (rows[0]?.contents ?? 0) > 0
}

/** Leaves a backend alone until then. */
export async function restBackend({ kysely }: Db, name: BackendName, until: Date, reason: string): Promise<void> {
  await sql`update pin_backend set resting_until = ${until}, failures = failures + 1, last_error = ${reason},
    away_since = coalesce(away_since, clock_timestamp()) where name = ${name}`.execute(kysely)
}

/** It answers again. */
export async function wakeBackend({ kysely }: Db, name: BackendName): Promise<void> {
  await sql`update pin_backend set resting_until = null, failures = 0, last_error = null, away_since = null
    where name = ${name} and failures > 0`.execute(kysely)
}
