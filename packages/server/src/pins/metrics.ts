import type { Db } from '../database/database.ts'
import type { PinStatus } from '../database/schema.ts'
import type { Collector, Sample } from '../http/metrics.ts'
import { listBackends } from './store/backends.ts'
import { countPins, countWaiting } from './store/reads.ts'

/** What nft.storage called backends and statuses in its own metrics. */
const serviceOf: Record<string, string> = {
  cluster: 'IpfsCluster',
  pinata: 'Pinata',
  embedded: 'Embedded',
  psa: 'PinningService',
  kubo: 'Kubo',
}
const originalStatusOf: Record<PinStatus, string> = {
  queued: 'PinQueued',
  pinning: 'Pinning',
  pinned: 'Pinned',
  failed: 'PinError',
}
const statuses: readonly PinStatus[] = ['queued', 'pinning', 'pinned', 'failed']

/** Pins by backend and status, and how the backends are. */
export function pinMetrics({ database }: { database: Db }): Collector {
  return async () => {
    const [counts, backends, waiting] = await Promise.all([countPins(database), listBackends(database), countWaiting(database)])
    const names = backends.map(({ name }) => name)
    const countOf = (backend: string, status: PinStatus) =>
      counts.find((row) => row.backend === backend && row.status === status)?.count ?? 0
    const each = (labelsOf: (backend: string, status: PinStatus) => Record<string, string>): Sample[] =>
      names.flatMap((backend) =>
        statuses.map((status) => ({ labels: labelsOf(backend, status), value: countOf(backend, status) })),
      )
    const others = backends.filter(({ name }) => name !== 'embedded')
    return [
      {
        name: 'keepsake_pins',
        help: 'Contents by who keeps them and how far that is.',
        type: 'gauge',
        samples: each((backend, status) => ({ backend, status })),
      },
      {
        name: 'nftstorage_pins_total',
        help: 'The same under the names that nft.storage had.',
        type: 'gauge',
        samples: each((backend, status) => ({ service: serviceOf[backend] ?? backend, status: originalStatusOf[status] })),
      },
      {
        name: 'keepsake_pin_backend_up',
        help: 'Whether the backend could be used when it was last needed.',
        type: 'gauge',
        samples: others.map(({ name, awaySince }) => ({ labels: { backend: name }, value: awaySince ? 0 : 1 })),
      },
      {
        name: 'keepsake_pins_overdue_seconds',
        help: 'How long the pin has waited that is due for longest; 0 where none is.',
        type: 'gauge',
        samples: others.map(({ name }) => ({ labels: { backend: name }, value: waiting.get(name)?.overdueSeconds ?? 0 })),
      },
      {
        name: 'keepsake_unpins_waiting',
        help: 'Roots that nobody holds any more and that the backend may still keep.',
        type: 'gauge',
        samples: others.map(({ name }) => ({ labels: { backend: name }, value: waiting.get(name)?.unpins ?? 0 })),
      },
    ]
  }
}
