import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

// The SQL of fetching: who fetches which request, and how far it is.

/** A request that this process fetches, for as long as it renews the lease. */
export interface Claim {
  id: string
  lease: string
  userId: number
  contentId: number
  /** CIDv1 in binary. */
  root: Uint8Array
  origins: string[]
  /** This attempt, from 1. */
  attempt: number
  giveUpAt: Date
  /** Whether every block is here by now, so that nothing has to be fetched. */
  isComplete: boolean
}

/** How long a lease holds. A process that is killed holds its requests up for so long. */
const leaseSeconds = 20

/**
 * Takes the request that has waited longest, new ones before those that are tried again. Not one of an account that has as many under way as it
 * may, and none for a content that is being fetched already. Undefined where nothing is due.
 */
export async function claimRequest({ kysely }: Db, lease: string, maxPerUser: number): Promise<Claim | undefined> {
  const { rows } = await sql<Claim>`
    with leased as materialized (select user_id, content_id from pin_request where leased_until > clock_timestamp()),
    due as (
      select id from pin_request
      where status in ('queued', 'pinning') and deleted_at is null and next_attempt_at <= clock_timestamp()
        and (leased_until is null or leased_until <= clock_timestamp())
        and user_id <> all (array(select user_id from leased group by user_id having count(*) >= ${maxPerUser}))
        and content_id <> all (array(select content_id from leased where content_id is not null))
      order by attempts > 0, next_attempt_at limit 1 for update skip locked
    )
    update pin_request r set status = 'pinning', lease = ${lease}, leased_until = clock_timestamp() + ${leaseSeconds} * interval '1 second',
      attempts = attempts + 1, blocks = 0, bytes = 0
    from due where r.id = due.id
    returning r.id, r.lease, r.user_id as "userId", r.content_id as "contentId", r.root, r.origins, r.attempts as attempt,
      r.give_up_at as "giveUpAt",
      exists (select from content where content.id = r.content_id and complete_at is not null) as "isComplete"`.execute(kysely)
  return rows[0]
}

/** Renews a lease and notes the progress. Gives undefined where it is not ours any more, or the request is not open. */
export async function renewLease(
  { kysely }: Db,
  { id, lease }: Claim,
  { blocks, bytes }: { blocks: number; bytes: number },
): Promise<{ isComplete: boolean } | undefined> {
  const { rows } = await sql<{ isComplete: boolean }>`
    update pin_request r set leased_until = clock_timestamp() + ${leaseSeconds} * interval '1 second', blocks = ${blocks}, bytes = ${bytes}
    where id = ${id} and lease = ${lease} and status = 'pinning' and deleted_at is null
    returning exists (select from content where content.id = r.content_id and complete_at is not null) as "isComplete"`.execute(
    kysely,
  )
  return rows[0]
}

/** Counts what a request holds by now to its account. False where the lease is not ours any more. */
export async function holdBytes({ kysely }: Db, { id, lease }: Claim, heldBytes: number): Promise<boolean> {
  const { rows } = await sql`
    update pin_request r set held_bytes = case
      when exists (
        select from pin_request o
        where o.user_id = r.user_id and o.content_id = r.content_id and o.id <> r.id and o.held_bytes > 0) then 0
      else ${heldBytes}::bigint end
    where id = ${id} and lease = ${lease} and status = 'pinning' and deleted_at is null returning id`.execute(kysely)
  return rows.length === 1
}

/** Lets a request go, to be tried again; `reason` is what its owner is told meanwhile. */
export async function retryRequest({ kysely }: Db, { id, lease }: Claim, at: Date, reason: string | null): Promise<void> {
  await sql`
    update pin_request set lease = null, leased_until = null, next_attempt_at = ${at}, reason = ${reason}
    where id = ${id} and lease = ${lease}`.execute(kysely)
}

/** Lets a request go that was broken off here for no fault of its own: somebody else goes on with it at once. */
export async function returnRequest({ kysely }: Db, { id, lease }: Claim): Promise<void> {
  await sql`
    update pin_request set lease = null, leased_until = null, attempts = greatest(attempts - 1, 0)
    where id = ${id} and lease = ${lease}`.execute(kysely)
}

export async function listOwnShards({ kysely }: Db, contentId: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select shard_id as id from content_shard where content_id = ${contentId}`.execute(
    kysely,
  )
  return rows.map(({ id }) => id)
}
