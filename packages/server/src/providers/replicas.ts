import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { Provider } from './providers.ts'
import { type ReplicaCounts, type ReplicationRules, sharedPlaces } from './rules.ts'

/** States in which a deal is a replica, or will be one. */
export const liveStates = sql`('reserved', 'proposed', 'delivered', 'published', 'active')`
/** States in which it is on its way. */
const inFlightStates = sql`('reserved', 'proposed', 'delivered', 'published')`

/** Whether a deal counts as a replica: it lives, and does not end soon. What has no end yet has only been reserved. */
export function countsAt(epoch: number, { endingEpochs }: Pick<ReplicationRules, 'endingEpochs'>) {
  return sql`(end_epoch is null or end_epoch - least(${endingEpochs}::bigint, (end_epoch - start_epoch) / 4) > ${epoch}::bigint)`
}

/** Providers of one network by what they have in common with one of them: their ids. */
export interface Neighbours {
  all: number[]
  organisation: number[]
  city: number[]
  country: number[]
  continent: number[]
}

export function neighboursOf(provider: Provider, all: readonly Provider[]): Neighbours {
  const found: Neighbours = { all: [], organisation: [], city: [], country: [], continent: [] }
  for (const other of all) {
    found.all.push(other.id)
    for (const [what, isShared] of Object.entries(sharedPlaces(provider, other)) as [
      keyof ReturnType<typeof sharedPlaces>,
      boolean,
    ][])
      if (isShared) found[what].push(other.id)
  }
  return found
}

/** The counts of replicas as columns, over rows of `deal` that count. */
export function countColumns(provider: Pick<Provider, 'id'>, near: Neighbours) {
  const among = (ids: readonly number[]) => sql`count(*) filter (where provider_id = any(${ids}::bigint[]))::int`
  return sql`count(*)::int as total, ${among(near.organisation)} as in_organisation, ${among(near.city)} as in_city,
    ${among(near.country)} as in_country, ${among(near.continent)} as on_continent, ${among([provider.id])} as own`
}

/** Replicas of one aggregate, seen from a provider. */
export async function countReplicas(
  { kysely }: Db,
  aggregateId: number,
  provider: Provider,
  { near, epoch, rules }: { near: Neighbours; epoch: number; rules: ReplicationRules },
): Promise<ReplicaCounts> {
  const { rows } = await sql<Record<string, number>>`
    select ${countColumns(provider, near)} from deal
    where aggregate_id = ${aggregateId} and state in ${liveStates} and provider_id = any(${near.all}::bigint[]) and ${countsAt(epoch, rules)}`.execute(
    kysely,
  )
  const { total = 0, in_organisation = 0, in_city = 0, in_country = 0, on_continent = 0, own = 0 } = rows[0] ?? {}
  return { total, inOrganisation: in_organisation, inCity: in_city, inCountry: in_country, onContinent: on_continent, own }
}

/** The provider's own deal that lives and ends soon, which a new one would stand in for. */
export async function findEndingDeal({ kysely }: Db, aggregateId: number, providerId: number): Promise<number | undefined> {
  const { rows } = await sql<{ id: number }>`
    select id from deal where aggregate_id = ${aggregateId} and provider_id = ${providerId} and state in ${liveStates}
    order by id desc limit 1`.execute(kysely)
  return rows[0]?.id
}

/** Of a deal: it did not come about or was given up, and its provider has to wait before it is given the piece again. */
export const restsNow = sql`state in ('failed', 'terminated') and (again_at is null or again_at > clock_timestamp())`

/** The provider's last deal about the piece that keeps it from having that again for now. */
export async function findResting(
  { kysely }: Db,
  aggregateId: number,
  providerId: number,
): Promise<{ state: 'failed' | 'terminated'; reason: string | null; againAt: Date | null } | undefined> {
  const { rows } = await sql<{ state: 'failed' | 'terminated'; reason: string | null; againAt: Date | null }>`
    select state, reason, again_at as "againAt" from deal where aggregate_id = ${aggregateId} and provider_id = ${providerId} and ${restsNow}
    order by id desc limit 1`.execute(kysely)
  return rows[0]
}

/** Whether a provider has any deal that lives: something that it could be asked for, or will be. */
export async function holdsAny({ kysely }: Db, providerId: number): Promise<boolean> {
  const { rows } = await sql`select from deal where provider_id = ${providerId} and state in ${liveStates} limit 1`.execute(
    kysely,
  )
  return rows.length > 0
}

/** Padded bytes a provider has taken that are in no sector yet. */
export async function sumInFlight({ kysely }: Db, providerId: number): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select coalesce(sum(32 * 2 ^ a.piece_height), 0)::bigint as bytes from deal d join aggregate a on a.id = d.aggregate_id
    where d.provider_id = ${providerId} and d.state in ${inFlightStates}`.execute(kysely)
  return rows[0]?.bytes ?? 0
}
