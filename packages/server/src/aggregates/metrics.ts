import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { AggregateState } from '../database/schema.ts'
import type { Collector } from '../http/metrics.ts'
import { countByState } from './overview.ts'

const states: readonly AggregateState[] = ['collecting', 'building', 'validating', 'built', 'failed']

/** How much is packed, and what waits. */
export function aggregateMetrics({ database }: { database: Db }): Collector {
  return async () => {
    const [counts, waiting] = await Promise.all([countByState(database), countWaiting(database)])
    const each = (of: 'aggregates' | 'items' | 'bytes') =>
      states.map((state) => ({ labels: { state }, value: counts.find((row) => row.state === state)?.[of] ?? 0 }))
    return [
      { name: 'keepsake_aggregates', help: 'Aggregates by how far they are.', type: 'gauge', samples: each('aggregates') },
      { name: 'keepsake_aggregate_items', help: 'Contents in them.', type: 'gauge', samples: each('items') },
      { name: 'keepsake_aggregate_bytes', help: 'Bytes of them.', type: 'gauge', samples: each('bytes') },
      {
        name: 'keepsake_packing_waiting_seconds',
        help: 'How long the content has waited that is in no built aggregate for longest; 0 where none waits.',
        type: 'gauge',
        samples: [{ value: waiting.seconds }],
      },
      {
        name: 'keepsake_packing_obstacles',
        help: 'Contents that cannot be packed because a block of them cannot be read.',
        type: 'gauge',
        samples: [{ value: waiting.obstacles }],
      },
    ]
  }
}

/** All by indexes: how many wait is not counted, for they may be a million. */
async function countWaiting({ kysely }: Db): Promise<{ seconds: number; obstacles: number }> {
  const { rows } = await sql<{ seconds: number; obstacles: number }>`
    select greatest(0, extract(epoch from clock_timestamp() - least(
        (select min(complete_at) from content where packing = 'waiting' and complete_at is not null),
        (select min(oldest_at) from aggregate where state <> 'built'))))::float8 as seconds,
      (select count(*) from aggregate_obstacle o join content c on c.id = o.content_id where c.packing = 'aside') as obstacles`.execute(
    kysely,
  )
  return { seconds: rows[0]?.seconds ?? 0, obstacles: rows[0]?.obstacles ?? 0 }
}
