import type { Stats } from '@keepsake/api/service.ts'
import { sql } from 'kysely'
import type { Static } from 'typebox'
import type { Db } from '../database/database.ts'

/** What is active on Filecoin itself; simulated storage providers store nothing that counts. */
const dealtBytes = (before: ReturnType<typeof sql>) => sql`(
  select coalesce(sum(a.size_bytes), 0)::bigint from aggregate a where exists (
    select from deal d join provider p on p.id = d.provider_id join chain_source s on s.network = p.network
    where d.aggregate_id = a.id and d.state = 'active' and not s.is_devnet
      and s.genesis_at + d.activated_epoch * s.epoch_seconds * interval '1 second' < ${before}))`

/** Counts over all uploads, the deleted ones too, as nft.storage counted them; bytes in deals now and a week ago. */
export async function readStats({ database }: { database: Db }): Promise<Static<typeof Stats>> {
  const { rows } = await sql<Static<typeof Stats>>`
    select ${dealtBytes(sql`now()`)} as deals_size_total, ${dealtBytes(sql`now() - interval '7 days'`)} as deals_size_total_prev,
      count(*) filter (where created_at > now() - interval '7 days') as uploads_past_7_total,
      count(*) filter (where type = 'Blob') as uploads_blob_total,
      count(*) filter (where type = 'Car') as uploads_car_total,
      count(*) filter (where type = 'Nft') as uploads_nft_total,
      count(*) filter (where type = 'Remote') as uploads_remote_total,
      count(*) filter (where type = 'Multipart') as uploads_multipart_total
    from upload`.execute(database.kysely)
  return rows[0] as Static<typeof Stats>
}
