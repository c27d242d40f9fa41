import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import { isHeldNow } from '../../blocks/content.ts'
import type { Db } from '../../database/database.ts'

/** Those of the roots that are contents here. */
export async function findStandings(
  { kysely }: Db,
  roots: readonly CID[],
): Promise<{ cid: Uint8Array; completeAt: Date | null }[]> {
  const { rows } = await sql<{ cid: Uint8Array; completeAt: Date | null }>`
    select cid, complete_at as "completeAt" from content where cid = any(${roots.map((root) => root.toV1().bytes)}::bytea[])`.execute(
    kysely,
  )
  return rows
}

/** Up to `count` complete contents that somebody holds, from random places. */
export async function sampleComplete({ kysely }: Db, count: number): Promise<{ id: number; cid: Uint8Array }[]> {
  const { rows } = await sql<{ id: number; cid: Uint8Array }>`
    with bounds as (select min(id) as first, max(id) as last from content),
      place as (select distinct first + floor(random() * (last - first + 1))::bigint as start from bounds, generate_series(1, ${count}))
    select distinct on (picked.id) picked.id, picked.cid from place, lateral (
      select id, cid from content
      where id >= place.start and complete_at is not null
        and ${isHeldNow}
      order by id limit 1) picked`.execute(kysely)
  return rows
}
