import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../../database/database.ts'
import type { BackendName } from '../backend.ts'

/** A root that nobody holds any more and that a backend may still keep for us. */
export interface Unpin {
  root: CID
  attempts: number
}

/** Gives back what an earlier run was working on when it died. */
export async function releaseUnpins({ kysely }: Db, backend: BackendName): Promise<void> {
  await sql`update unpin set begun_at = null where backend = ${backend} and begun_at is not null`.execute(kysely)
}

/**
 * Takes roots to unpin. One that was stored again meanwhile is dropped from the list; as long as an unpin is under way, no pin of the same root is
 * handed over (`claimPins`), so neither can undo the other.
 */
export async function claimUnpins({ kysely }: Db, backend: BackendName, limit: number): Promise<Unpin[]> {
  return await kysely.transaction().execute(async (tx) => {
    await sql`delete from unpin using content join pin on pin.content_id = content.id
      where unpin.backend = ${backend} and unpin.begun_at is null and content.cid = unpin.cid and pin.backend = unpin.backend`.execute(
      tx,
    )
    const { rows } = await sql<{ cid: Uint8Array; attempts: number }>`
      with due as (
        select cid from unpin where backend = ${backend} and begun_at is null and next_attempt_at <= clock_timestamp()
        order by next_attempt_at limit ${limit} for update skip locked
      )
      update unpin set begun_at = clock_timestamp(), attempts = attempts + 1 from due
      where unpin.cid = due.cid and unpin.backend = ${backend}
        and not exists (select from content join pin on pin.content_id = content.id where content.cid = due.cid and pin.backend = ${backend})
      returning unpin.cid, unpin.attempts`.execute(tx)
    return rows.map(({ cid, attempts }) => ({ root: CID.decode(cid), attempts }))
  })
}

export async function endUnpin({ kysely }: Db, backend: BackendName, root: CID): Promise<void> {
  await sql`delete from unpin where cid = ${root.toV1().bytes} and backend = ${backend}`.execute(kysely)
}

export async function postponeUnpin({ kysely }: Db, backend: BackendName, root: CID, until: Date, reason: string): Promise<void> {
  await sql`update unpin set begun_at = null, next_attempt_at = ${until}, last_error = ${reason}
    where cid = ${root.toV1().bytes} and backend = ${backend}`.execute(kysely)
}

/** Has a root unpinned whose content was forgotten while it was being handed over. */
export async function addUnpins({ kysely }: Db, backend: BackendName, roots: readonly CID[]): Promise<void> {
  await sql`insert into unpin (cid, backend) select unnest(${roots.map((root) => root.toV1().bytes)}::bytea[]), ${backend}
    on conflict (cid, backend) do nothing`.execute(kysely)
}

export async function nextUnpin({ kysely }: Db, backends: readonly BackendName[]): Promise<Date | undefined> {
  const { rows } = await sql<{ at: Date | null }>`
    select min(next_attempt_at) as at from unpin where begun_at is null and backend = any(${backends}::text[])`.execute(kysely)
  return rows[0]?.at ?? undefined
}
