import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { addressOf, type Continent } from './providers.ts'
import { countsAt, liveStates } from './replicas.ts'
import type { ReplicationRules } from './rules.ts'

/** An aggregate, and who has it. */
export interface Replicated {
  aggregate: number
  pieceCid: string
  replicas: number
  providers: string[]
}

export interface Crowded {
  aggregate: number
  pieceCid: string
  /** As in `Leipzig, DE`. */
  where: string
  replicas: number
  most: number
}

/** Replicas in one country, or on one continent. */
export interface PlaceReplication {
  continent: Continent
  /** Null: the whole continent. */
  country: string | null
  replicas: number
  aggregates: number
  /** How many have more there than the rules allow. */
  over: number
  /** How many have fewer than are wanted, and may have one more there. */
  room: number
}

export interface Replication {
  wanted: number
  counts: { replicas: number; aggregates: number }[]
  under: Replicated[]
  over: Replicated[]
  /** How many have fewer than are wanted. */
  short: number
  places: PlaceReplication[]
  crowded: Crowded[]
}

interface Place {
  network: string
  epoch: number
  rules: ReplicationRules
}

/** Live replicas that count, of one network, with their places. */
function replicas({ network, epoch, rules }: Place): RawBuilder<unknown> {
  return sql`select d.aggregate_id, p.actor_id, p.organisation, p.city, p.country, p.continent
    from deal d join provider p on p.id = d.provider_id
    where d.state in ${liveStates} and p.network = ${network} and ${countsAt(epoch, rules)}`
}

function perAggregate(place: Place): RawBuilder<unknown> {
  return sql`select a.id, a.piece_root, a.piece_height, count(r.aggregate_id)::int as replicas,
      coalesce(array_agg(r.actor_id order by r.actor_id) filter (where r.actor_id is not null), '{}') as actors
    from aggregate a left join (${replicas(place)}) r on r.aggregate_id = a.id where a.state = 'built' group by a.id`
}

/** What has fewer or more replicas than it should, and what lies too close together. */
export async function readReplication(db: Db, place: Place, limit: number): Promise<Replication> {
  const { maxTotal } = place.rules
  const counted = sql<{ replicas: number; aggregates: number }>`
    select replicas, count(*)::int as aggregates from (${perAggregate(place)}) a group by replicas order by replicas`
  const [counts, places, under, over, crowded] = await Promise.all([
    counted.execute(db.kysely),
    listPlaces(db, place),
    list(db, place, sql`replicas < ${maxTotal} order by id limit ${limit}`),
    list(db, place, sql`replicas > ${maxTotal} order by replicas desc, id limit ${limit}`),
    listCrowded(db, place, limit),
  ])
  const short = counts.rows.reduce((sum, { replicas: of, aggregates }) => sum + (of < maxTotal ? aggregates : 0), 0)
  return { wanted: maxTotal, counts: counts.rows, short, places, under, over, crowded }
}

async function list({ kysely }: Db, place: Place, where: RawBuilder<unknown>): Promise<Replicated[]> {
  const { rows } = await sql<{ id: number; root: Uint8Array; replicas: number; actors: number[] }>`
    select id, piece_root as root, replicas, actors from (${perAggregate(place)}) a where ${where}`.execute(kysely)
  return rows.map(({ id, root, actors, ...row }) => ({
    aggregate: id,
    pieceCid: pieceCidV1({ root }).toString(),
    ...row,
    providers: actors.map((actorId) => addressOf({ actorId })),
  }))
}

/** Every continent and country of a registered provider. */
async function listPlaces({ kysely }: Db, place: Place): Promise<PlaceReplication[]> {
  const { maxTotal, maxPerContinent, maxPerCountry } = place.rules
  const { rows } = await sql<PlaceReplication>`
    with r as (${replicas(place)}), short as materialized (select id from (${perAggregate(place)}) a where replicas < ${maxTotal}),
    spots as (
      select distinct continent, null::text as country, ${maxPerContinent}::int as most from provider where network = ${place.network}
      union all select distinct continent, country, ${maxPerCountry}::int from provider where network = ${place.network}
    ), held as (
      select continent, null::text as country, aggregate_id, count(*)::int as n from r group by continent, aggregate_id
      union all select continent, country, aggregate_id, count(*)::int from r group by continent, country, aggregate_id
    )
    select s.continent, s.country, coalesce(sum(h.n), 0)::int as replicas, count(h.aggregate_id)::int as aggregates,
      (count(*) filter (where h.n > s.most))::int as over,
      ((select count(*) from short) - count(*) filter (where h.n >= s.most and h.aggregate_id in (select id from short)))::int as room
    from spots s left join held h on h.continent = s.continent and h.country is not distinct from s.country
    group by s.continent, s.country order by s.continent, s.country nulls first`.execute(kysely)
  return rows
}

async function listCrowded({ kysely }: Db, place: Place, limit: number): Promise<Crowded[]> {
  const { maxPerOrganisation, maxPerCity, maxPerCountry, maxPerContinent } = place.rules
  const { rows } = await sql<{ id: number; root: Uint8Array; where: string; replicas: number; most: number }>`
    with r as (${replicas(place)}), found as (
      select aggregate_id, min(organisation) as where, count(*)::int as replicas, ${maxPerOrganisation}::int as most from r group by aggregate_id, lower(organisation)
      union all select aggregate_id, min(city) || ', ' || country, count(*)::int, ${maxPerCity}::int from r group by aggregate_id, lower(city), country
      union all select aggregate_id, country, count(*)::int, ${maxPerCountry}::int from r group by aggregate_id, country
      union all select aggregate_id, continent, count(*)::int, ${maxPerContinent}::int from r group by aggregate_id, continent
    )
    select a.id, a.piece_root as root, f.where, f.replicas, f.most from found f join aggregate a on a.id = f.aggregate_id
    where f.replicas > f.most order by f.replicas - f.most desc, a.id limit ${limit}`.execute(kysely)
  return rows.map(({ id, root, ...row }) => ({ aggregate: id, pieceCid: pieceCidV1({ root }).toString(), ...row }))
}

/** A piece with fewer replicas than are wanted. */
export interface Offered {
  pieceCid: string
  /** Padded. */
  bytes: number
  dataBytes: number
  replicas: number
  since: Date
}

/** Those that have waited longest. */
export async function listOffered({ kysely }: Db, place: Place, limit: number): Promise<Offered[]> {
  const { rows } = await sql<Omit<Offered, 'pieceCid'> & { root: Uint8Array }>`
    select a.piece_root as root, (32 * 2 ^ a.piece_height)::bigint as bytes, a.size_bytes as "dataBytes", a.built_at as since, first.replicas
    from aggregate a join (
      select id, replicas from (${perAggregate(place)}) b where replicas < ${place.rules.maxTotal} order by id limit ${limit}
    ) first using (id) order by a.id`.execute(kysely)
  return rows.map(({ root, ...row }) => ({ pieceCid: pieceCidV1({ root }).toString(), ...row }))
}

/** How many pieces have fewer replicas than are wanted, and their padded bytes. */
export async function countOffered({ kysely }: Db, place: Place): Promise<{ pieces: number; bytes: number }> {
  const { rows } = await sql<{ pieces: number; bytes: number }>`
    select count(*)::int as pieces, coalesce(sum(32 * 2 ^ piece_height), 0)::bigint as bytes
    from (${perAggregate(place)}) a where replicas < ${place.rules.maxTotal}`.execute(kysely)
  return rows[0] ?? { pieces: 0, bytes: 0 }
}
