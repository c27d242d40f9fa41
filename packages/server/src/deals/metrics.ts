import type { DealState } from '@keepsake/api/deals.ts'
import { sql } from 'kysely'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { Collector } from '../http/metrics.ts'
import { countPieces, countProviders } from './overview.ts'

/** How many deals there are, and what is still without. */
export function dealMetrics({ database, config }: { database: Db; config: Pick<Config, 'DEAL_REPLICAS'> }): Collector {
  return async () => {
    const [deals, pieces, providers, overdue] = await Promise.all([
      countDeals(database),
      countPieces(database, config.DEAL_REPLICAS),
      countProviders(database),
      countOverdue(database),
    ])
    return [
      {
        name: 'keepsake_deals',
        help: 'Deals by how far they are, in which way they were made, and on which network.',
        type: 'gauge',
        samples: deals.map(({ count, ...labels }) => ({ labels, value: count })),
      },
      {
        name: 'keepsake_deals_overdue',
        help: 'Deals that should have gone on by now.',
        type: 'gauge',
        samples: [{ value: overdue }],
      },
      {
        name: 'keepsake_pieces_without_deal',
        help: 'Built aggregates that no storage provider has or has asked for.',
        type: 'gauge',
        samples: [{ value: pieces.withoutDeal }],
      },
      {
        name: 'keepsake_pieces_short_of_deals',
        help: 'Built aggregates with fewer live deals than DEAL_REPLICAS.',
        type: 'gauge',
        samples: [{ value: pieces.short }],
      },
      {
        name: 'keepsake_storage_providers',
        help: 'Registered storage providers of the network in use.',
        type: 'gauge',
        samples: (['active', 'suspended'] as const).map((state) => ({ labels: { state }, value: providers[state] })),
      },
    ]
  }
}

type DealCount = { state: DealState; driver: string; network: string; count: number }

async function countDeals({ kysely }: Db): Promise<DealCount[]> {
  const { rows } = await sql<DealCount>`
    select d.state, d.driver, p.network, count(*)::int as count from deal d join provider p on p.id = d.provider_id
    group by d.state, d.driver, p.network order by 1, 2, 3`.execute(kysely)
  return rows
}

async function countOverdue({ kysely }: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from deal
    where due_at < clock_timestamp() and state in ('reserved', 'proposed', 'delivered', 'published')`.execute(kysely)
  return rows[0]?.count ?? 0
}
