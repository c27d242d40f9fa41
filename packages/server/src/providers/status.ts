import type { ProviderStatus } from '@keepsake/api/portal.ts'
import type { Db } from '../database/database.ts'
import { countByState, listDeals } from './holdings.ts'
import { addressOf, type Provider } from './providers.ts'
import { sumInFlight } from './replicas.ts'
import type { RetrievalRecord } from './retrieval-records.ts'
import type { ReplicationRules } from './rules.ts'
import type { ChainStanding } from './standing.ts'

const maxOverdue = 100

/** What the portal knows of a provider that is registered. */
export async function readStatus(
  database: Db,
  {
    provider,
    standing,
    retrievals,
    rules,
    isDevnet,
  }: { provider: Provider; standing: ChainStanding; retrievals: RetrievalRecord; rules: ReplicationRules; isDevnet: boolean },
): Promise<ProviderStatus> {
  const [counts, overdue, inFlightBytes] = await Promise.all([
    countByState(database, provider.network, provider.id),
    listDeals(database, { providerId: provider.id, overdue: true, limit: maxOverdue }),
    sumInFlight(database, provider.id),
  ])
  const { name, organisation, city, country, continent, state, suspendedBecause } = provider
  return {
    provider: addressOf(provider),
    network: provider.network,
    is_devnet: isDevnet,
    registered: true,
    ...(name && { name }),
    organisation,
    city,
    country,
    continent,
    state,
    ...(suspendedBecause && { suspended_because: suspendedBecause }),
    sector_size: standing.sectorSizeBytes,
    ...(standing.mayMine !== undefined && { eligible_for_mining: standing.mayMine }),
    max_in_flight_bytes: rules.maxInFlightBytes,
    in_flight_bytes: inFlightBytes,
    retrieval: toRetrieval(retrievals),
    deals: Object.fromEntries(counts.map(({ state: of, deals, bytes }) => [of, { deals, padded_bytes: bytes }])),
    overdue: overdue.map(({ id, pieceCid, state: of, dueAt, reason }) => ({
      deal_proposal_id: String(id),
      piece_cid: pieceCid,
      state: of,
      due: (dueAt as Date).toISOString(),
      reason,
    })),
  }
}

function toRetrieval(record: RetrievalRecord): NonNullable<ProviderStatus['retrieval']> {
  return {
    standing: record.standing,
    checks: record.checks,
    verified: record.verified,
    first_byte_ms: record.firstByteMs,
    bytes_per_second: record.bytesPerSecond === null ? null : Math.round(record.bytesPerSecond),
    last_checked: record.lastAt?.toISOString() ?? null,
    last_failure: record.lastFailure,
    last_failed: record.lastFailureAt?.toISOString() ?? null,
  }
}
