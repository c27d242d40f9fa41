import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { findSource } from '../chain/source.ts'
import type { Db } from '../database/database.ts'
import type { Collector } from '../http/metrics.ts'
import { listProviders, type Summary, summarise } from './store.ts'

/** How storage providers give back what they store, over the last checks of each. */
export function retrievalMetrics({ database }: { database: Db }): Collector {
  return async () => {
    const source = await findSource(database)
    if (!source) return []
    const [providers, summaries] = await Promise.all([
      listProviders(database, source.network),
      summarise(database, source.network),
    ])
    const addressOf = new Map(providers.map(({ id, actorId }) => [id, formatAddress(idAddress(actorId))]))
    const each = (read: (summary: Summary) => number | null) =>
      summaries.flatMap((summary) => {
        const value = read(summary)
        return value === null
          ? []
          : [{ labels: { network: source.network, provider: addressOf.get(summary.providerId) ?? '' }, value }]
      })
    return [
      {
        name: 'keepsake_retrieval_checks',
        help: 'Checks that its standing is made of: the last ones of each storage provider.',
        type: 'gauge',
        samples: each(({ checks }) => checks),
      },
      {
        name: 'keepsake_retrieval_success_ratio',
        help: 'Share of those in which everything asked for came back and was right.',
        type: 'gauge',
        samples: each(({ checks, verified }) => (checks > 0 ? verified / checks : null)),
      },
      {
        name: 'keepsake_retrieval_first_byte_seconds',
        help: 'Median time to the first byte of those that went well.',
        type: 'gauge',
        samples: each(({ firstByteMs }) => (firstByteMs === null ? null : firstByteMs / 1000)),
      },
      {
        name: 'keepsake_retrieval_bytes_per_second',
        help: 'Speed of those that went well, all of them together.',
        type: 'gauge',
        samples: each(({ bytesPerSecond }) => bytesPerSecond),
      },
    ]
  }
}
