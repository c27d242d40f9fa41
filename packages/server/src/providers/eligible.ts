import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { Provider } from './providers.ts'
import { countsAt, liveStates, type Neighbours, restsNow } from './replicas.ts'
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
  /** Padded: what fits a sector, and is backed. */
  maxPieceBytes: number
  limit: number
  /** Only what the same organisation holds already. */
  isLocalOnly?: boolean
}

/** The height of the largest piece of at most so many bytes; below that of any piece where there is none. */
function maxHeightFor(bytes: number): number {
  return bytes < 32 ? 0 : Math.floor(Math.log2(bytes / 32))
}

/** Aggregates of which so many replicas are at some of the providers; at anybody where none are named. */
function heldBy(
  providers: readonly number[] | undefined,
  atLeast: number,
  { epoch, rules, others }: Counting,
): RawBuilder<unknown> {
  return sql`(select aggregate_id from deal where state in ${liveStates} and ${countsAt(epoch, rules)}
      and ${providers === undefined ? sql`true` : sql`provider_id = any(${providers}::bigint[])`}
      and ${others.length === 0 ? sql`true` : sql`provider_id <> all(${others}::bigint[])`}
    group by aggregate_id having count(*) >= ${atLeast})`
}

interface Counting {
  epoch: number
  rules: ReplicationRules
  /** Providers of other networks, whose deals do not count. */
  others: readonly number[]
}

/** The bounds that say more than the bound on all replicas does: which aggregates are out, by each of them. */
function takenSets({ provider, near, rules }: EligibleOptions, counting: Counting): RawBuilder<unknown>[] {
  const bounds: [number[] | undefined, number][] = [
    [[provider.id], 1],
    [near.organisation, rules.maxPerOrganisation],
    [near.city, rules.maxPerCity],
    [near.country, rules.maxPerCountry],
    [near.continent, rules.maxPerContinent],
  ]
  const sets = bounds.filter(([, most]) => most < rules.maxTotal || most === 1).map(([ids, most]) => heldBy(ids, most, counting))
  const resting = sql`(select distinct aggregate_id from deal where provider_id = ${provider.id} and ${restsNow})`
  return [heldBy(undefined, rules.maxTotal, counting), ...sets, resting]
}

async function listOthers({ kysely }: Db, network: string): Promise<number[]> {
  return (await sql<{ id: number }>`select id from provider where network <> ${network}`.execute(kysely)).rows.map(({ id }) => id)
}

/**
 * Pieces the provider may take by the rules of replication, those that have waited longest first. What bounds the provider as a whole, such as its bytes in
 * flight, is for the caller. Each rule is one set of aggregates that are out, over an index; what is left is taken in order up to the limit.
 */
export async function listEligible(db: Db, options: EligibleOptions): Promise<OfferedPiece[]> {
  const { provider, near, rules, epoch, maxPieceBytes, limit, isLocalOnly = false } = options
  const counting: Counting = { epoch, rules, others: await listOthers(db, provider.network) }
  const taken = takenSets(options, counting)
  const joins = taken.map(
    (set, at) => sql`left join ${set} ${sql.ref(`taken${at}`)} on ${sql.ref(`taken${at}.aggregate_id`)} = a.id`,
  )
  const free = taken.map((_, at) => sql`${sql.ref(`taken${at}.aggregate_id`)} is null`)
  const { rows } = await sql<OfferedPiece>`
    select a.id as "aggregateId", a.piece_root as root, a.piece_height as height, a.size_bytes as "payloadBytes", a.layout,
      (select count(*)::int from deal where aggregate_id = a.id and state in ${liveStates} and ${countsAt(epoch, rules)}
        and provider_id = any(${near.all}::bigint[])) as replicas
    from aggregate a ${sql.join(joins, sql` `)}
    where a.state = 'built' and a.piece_height <= ${maxHeightFor(maxPieceBytes)} and ${sql.join(free, sql` and `)}
      and ${isLocalOnly ? sql`a.id in ${heldBy(near.organisation, 1, counting)}` : sql`true`}
    order by a.id limit ${limit}`.execute(db.kysely)
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
