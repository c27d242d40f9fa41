import type { Stats } from '@keepsake/api/service.ts'
import { sql } from 'kysely'
import type { Static } from 'typebox'
import type { Db } from '../database/database.ts'

/** Counts over all uploads, the deleted ones too, as nft.storage counted them. */
export async function readStats({ database }: { database: Db }): Promise<Static<typeof Stats>> {
  const { rows } = await sql<Static<typeof Stats>>`
    select 0 as deals_size_total, 0 as deals_size_total_prev,
      count(*) filter (where created_at > now() - interval '7 days') as uploads_past_7_total,
      count(*) filter (where type = 'Blob') as uploads_blob_total,
      count(*) filter (where type = 'Car') as uploads_car_total,
      count(*) filter (where type = 'Nft') as uploads_nft_total,
      count(*) filter (where type = 'Remote') as uploads_remote_total,
      count(*) filter (where type = 'Multipart') as uploads_multipart_total
    from upload`.execute(database.kysely)
  return rows[0] as Static<typeof Stats>
}
