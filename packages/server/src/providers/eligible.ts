import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { Provider } from './providers.ts'
import { countColumns, countsAt, liveStates, type Neighbours, restsNow } from './replicas.ts'
import type { ReplicationRules } from './rules.ts'

/** A built aggregate as something to take. */
export interface OfferedPiece {
  aggregateId: number
  root: Uint8Array
  height: number
  payloadBytes: number
  layout: 'unixfs-2021' | 'segments'
  /** Live ones that count. */
  replicas: number
}

export interface EligibleOptions {
  provider: Provider
  near: Neighbours
  rules: ReplicationRules
  /** Of the chain, now. */
  epoch: number
  sectorSizeBytes: number
  limit: number
  /** Only what the same organisation holds already. */
  isLocalOnly?: boolean
}

/** The height of the largest piece that fits a sector. */
function maxHeightFor(sectorSizeBytes: number): number {
  return Math.floor(Math.log2(sectorSizeBytes / 32))
}

/**
 * Pieces the provider may take by the rules of replication, those that have waited longest first. What bounds the provider as a whole, such as its bytes in
 * flight, is for the caller. It reads aggregates and replicas side by side in the order of their numbers, and ends at the limit.
 */
export async function listEligible({ kysely }: Db, options: EligibleOptions): Promise<OfferedPiece[]> {
  const { provider, near, rules, epoch, sectorSizeBytes, limit, isLocalOnly = false } = options
  const { rows } = await sql<OfferedPiece>`
    with replica as (
      select aggregate_id, ${countColumns(provider, near)} from deal
      where state in ${liveStates} and provider_id = any(${near.all}::bigint[]) and ${countsAt(epoch, rules)}
      group by aggregate_id order by aggregate_id
    )
    select a.id as "aggregateId", a.piece_root as root, a.piece_height as height, a.size_bytes as "payloadBytes", a.layout,
      coalesce(r.total, 0) as replicas
    from (select * from aggregate where state = 'built' order by id) a left join replica r on r.aggregate_id = a.id
    where a.piece_height <= ${maxHeightFor(sectorSizeBytes)} and coalesce(r.own, 0) = 0
      and coalesce(r.total, 0) < ${rules.maxTotal} and coalesce(r.in_organisation, 0) < ${rules.maxPerOrganisation}
      and coalesce(r.in_city, 0) < ${rules.maxPerCity} and coalesce(r.in_country, 0) < ${rules.maxPerCountry}
      and coalesce(r.on_continent, 0) < ${rules.maxPerContinent}
      and a.id not in (select aggregate_id from deal where provider_id = ${provider.id} and ${restsNow})
      and ${isLocalOnly ? sql`coalesce(r.in_organisation, 0) > 0` : sql`true`}
    order by a.id limit ${limit}`.execute(kysely)
  return rows
}

/** A built aggregate by the root of its piece, of a certain size where that was said. */
export async function findOffered(
  { kysely }: Db,
  { root, height, payloadBytes }: { root: Uint8Array; height?: number; payloadBytes?: number },
): Promise<OfferedPiece | undefined> {
  const { rows } = await sql<OfferedPiece>`
    select id as "aggregateId", piece_root as root, piece_height as height, size_bytes as "payloadBytes", layout, 0 as replicas
    from aggregate where piece_root = ${root} and state = 'built' order by id`.execute(kysely)
  return rows.find((row) => (height ?? row.height) === row.height && (payloadBytes ?? row.payloadBytes) === row.payloadBytes)
}
