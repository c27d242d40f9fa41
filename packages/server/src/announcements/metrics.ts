import type { Db } from '../database/database.ts'
import type { Collector } from '../http/metrics.ts'
import { announcementQueue } from './announcements.ts'

/** The queue of what the IPFS network is to be told: how long, how old, how fast. */
export function announcementMetrics({ database }: { database: Db }): Collector {
  return async () => {
    const { dueNew, dueAgain, oldestMs, inLastHour, failing, announced } = await announcementQueue({ database })
    const gauge = (name: string, help: string, value: number) => ({ name, help, type: 'gauge' as const, samples: [{ value }] })
    return [
      {
        name: 'keepsake_announcements_waiting',
        help: 'CIDs whose turn it is to be told to the IPFS network: never told yet, or to be told again.',
        type: 'gauge' as const,
        samples: [
          { labels: { kind: 'new' }, value: dueNew },
          { labels: { kind: 'again' }, value: dueAgain },
        ],
      },
      gauge(
        'keepsake_announcements_overdue_seconds',
        'How long the CID has waited that is due for longest.',
        Math.round(oldestMs / 1000),
      ),
      gauge('keepsake_announcements_told_last_hour', 'CIDs told in the last hour.', inLastHour),
      gauge('keepsake_announcements_failing', 'CIDs never told yet, after at least one attempt.', failing),
      gauge('keepsake_announcements_known', 'CIDs the network was told of, and is told of again.', announced),
    ]
  }
}
