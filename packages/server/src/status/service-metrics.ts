import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { UploadType } from '../database/schema.ts'
import type { Collector } from '../http/metrics.ts'

interface Totals {
  users: number
  contentBytes: number
}

/** Accounts, uploads and bytes, under the names that nft.storage had; deleted uploads count too, as there. */
export function serviceMetrics({ database: { kysely } }: { database: Db }): Collector {
  return async () => {
    const [{ rows: totals }, { rows: uploads }] = await Promise.all([
      sql<Totals>`
        select (select count(*) from "user" where deleted_at is null) as users,
          (select coalesce(sum(dag_bytes), 0)::bigint from content) as "contentBytes"`.execute(kysely),
      sql<{ type: UploadType; count: number }>`select type, count(*) from upload group by 1 order by 1`.execute(kysely),
    ])
    const { users, contentBytes } = totals[0] as Totals
    return [
      { name: 'nftstorage_users_total', help: 'Accounts.', type: 'gauge', samples: [{ value: users }] },
      {
        name: 'nftstorage_content_bytes_total',
        help: 'Bytes of all DAGs whose size is known.',
        type: 'gauge',
        samples: [{ value: contentBytes }],
      },
      {
        name: 'nftstorage_uploads_total',
        help: 'Uploads, the deleted ones too.',
        type: 'gauge',
        samples: uploads.map(({ type, count }) => ({ labels: { type }, value: count })),
      },
    ]
  }
}
