import { sql } from 'kysely'
import type { Chain } from '../../chain/chain.ts'
import type { Db } from '../../database/database.ts'
import type { Collector } from '../../http/metrics.ts'
import { findProvingShare, type ProvingShare } from '../proving-share.ts'
import { findFollowStatus } from './status.ts'

interface Components {
  database: Db
  chain: Chain | undefined
}

/** How far the chain was followed, and what is proven on it. Nothing without a network; all of it names the network. */
export function trackMetrics({ database, chain }: Components): Collector {
  return async () => {
    const source = await chain?.source().catch(() => undefined)
    if (!chain || !source) return []
    const { network } = source
    const [status, now, standings, share] = await Promise.all([
      findFollowStatus(database, network),
      chain.epochNow(),
      countStandings(database, network),
      findProvingShare(database, network),
    ])
    const labels = { network }
    const epoch = status?.epoch ?? undefined
    return [
      {
        name: 'keepsake_chain_epoch',
        help: 'Epoch up to which the Filecoin chain was read.',
        type: 'gauge' as const,
        samples: epoch === undefined ? [] : [{ labels, value: epoch }],
      },
      {
        name: 'keepsake_chain_lag_epochs',
        help: 'Epochs between the chain as it was read and the present by the clock.',
        type: 'gauge' as const,
        samples: epoch === undefined ? [] : [{ labels, value: Math.max(0, now - epoch) }],
      },
      {
        name: 'keepsake_active_deals',
        help: 'Deals that the chain says are active, by how it stands with the proofs of their sectors.',
        type: 'gauge' as const,
        samples: standings.map(({ proving, count }) => ({ labels: { network, proving }, value: count })),
      },
      {
        name: 'keepsake_items',
        help: 'Items old enough to be packed: `any` of them, `once` with one deal whose sector is proven, `enough` with as many as are wanted. Counted every ten minutes.',
        type: 'gauge' as const,
        samples: share ? itemSamples(share, network) : [],
      },
    ]
  }
}

/** It is counted every ten minutes while the chain can be read; what is older says nothing of now. */
const staleShareMs = 30 * 60_000

function itemSamples({ ages, sampledAt }: ProvingShare, network: string) {
  if (Date.now() - sampledAt.getTime() > staleShareMs) return []
  const sum = (of: (age: ProvingShare['ages'][number]) => number) => ages.reduce((total, age) => total + of(age), 0)
  return [
    { labels: { network, proven: 'any' }, value: sum(({ items }) => items) },
    { labels: { network, proven: 'once' }, value: sum(({ provenOnce }) => provenOnce) },
    { labels: { network, proven: 'enough' }, value: sum(({ provenEnough }) => provenEnough) },
  ]
}

async function countStandings({ kysely }: Db, network: string): Promise<{ proving: string; count: number }[]> {
  const { rows } = await sql<{ proving: string; count: number }>`
    select coalesce(d.proving, 'unknown') as proving, count(*) as count from deal d join provider p on p.id = d.provider_id
    where p.network = ${network} and d.state = 'active' group by 1 order by 1`.execute(kysely)
  return rows
}
