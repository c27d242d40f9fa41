import { multihashSet } from '@keepsake/content/aggregate/multihash-set.ts'
import type { Piece } from '@keepsake/content/piece/piece.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { AggregateState } from '../database/schema.ts'

export interface AggregateToBuild {
  id: number
  layout: 'unixfs-2021' | 'segments'
  state: AggregateState
  attempts: number
  /** Of an aggregate that was built before: what building it again has to give. */
  pieceRoot: Uint8Array | null
  pieceHeight: number | null
  sizeBytes: number | null
  root: Uint8Array | null
}

/** There may be hundreds of thousands, so each is as small as it can be: CIDs lie side by side, and are decoded when they are asked for. */
export class Entry {
  readonly contentId: number | null
  readonly #cids: Uint8Array
  readonly #cidFrom: number
  readonly #cidEnd: number
  readonly part: number
  readonly parts: number
  readonly firstBlock: number
  readonly endBlock: number | null
  readonly dagBytes: number
  readonly dagBlocks: number
  readonly links: number[] | null
  readonly byteOffset: number | null
  readonly byteLength: number | null

  constructor(row: EntryRow, cids: CidSlab) {
    this.contentId = row.contentId
    this.#cidFrom = cids.add(row.cid)
    this.#cidEnd = this.#cidFrom + row.cid.length
    this.#cids = cids.bytes
    this.part = row.part
    this.parts = row.parts
    this.firstBlock = row.firstBlock
    this.endBlock = row.endBlock
    this.dagBytes = row.dagBytes
    this.dagBlocks = row.dagBlocks
    this.links = row.links
    this.byteOffset = row.byteOffset
    this.byteLength = row.byteLength
  }

  get cid(): CID {
    return CID.decode(this.cidBytes)
  }

  get cidBytes(): Uint8Array {
    return this.#cids.subarray(this.#cidFrom, this.#cidEnd)
  }

  /** Blocks of the walk from its root that belong to it; undefined for all. */
  get range(): { first: number; end: number | undefined } | undefined {
    return this.parts > 1 ? { first: this.firstBlock, end: this.endBlock ?? undefined } : undefined
  }
}

const slabBytes = 64 * 1024

/** Where CIDs are kept; `bytes` is another array when the last is full. */
class CidSlab {
  bytes = new Uint8Array(slabBytes)
  #filled = 0

  /** Gives where in `bytes` it begins. */
  add(cid: Uint8Array): number {
    if (this.#filled + cid.length > this.bytes.length) {
      this.bytes = new Uint8Array(Math.max(slabBytes, cid.length))
      this.#filled = 0
    }
    this.bytes.set(cid, this.#filled)
    this.#filled += cid.length
    return this.#filled - cid.length
  }
}

type EntryRow = Omit<Entry, 'cid' | 'cidBytes' | 'range'> & { cid: Uint8Array }

export async function findToBuild({ kysely }: Db, id: number): Promise<AggregateToBuild | undefined> {
  const { rows } = await sql<AggregateToBuild>`
    select id, layout, state, attempts, piece_root as "pieceRoot", piece_height as "pieceHeight", size_bytes as "sizeBytes", root
    from aggregate where id = ${id}`.execute(kysely)
  return rows[0]
}

/** What is in an aggregate, in no order. */
export async function listEntries({ kysely }: Db, aggregateId: number): Promise<Entry[]> {
  const { rows } = await sql<EntryRow>`
    select content_id as "contentId", cid, part, parts, first_block as "firstBlock", end_block as "endBlock", dag_bytes as "dagBytes",
      dag_blocks as "dagBlocks", path_indexes as links, byte_offset as "byteOffset", byte_length as "byteLength"
    from aggregate_entry where aggregate_id = ${aggregateId}`.execute(kysely)
  const cids = new CidSlab()
  return rows.map((row) => new Entry(row, cids))
}

/** Tells of keys in the blob store whether they are of shards that are kept for an aggregate. */
export async function shardsKept({ kysely }: Db, aggregateId: number): Promise<{ has(shard: string): boolean }> {
  const { rows } = await sql<{ cid: Uint8Array }>`
    select shard.cid from aggregate_shard a join shard on shard.id = a.shard_id where a.aggregate_id = ${aggregateId}`.execute(
    kysely,
  )
  const kept = multihashSet()
  for (const { cid } of rows) kept.add(CID.decode(cid).multihash.bytes)
  return { has: (shard) => kept.has(CID.parse(shard).multihash.bytes) }
}

/**
 * Takes items out of an aggregate that has not been built. All parts of a split DAG go, from whatever aggregate: it waits again as a whole. Where
 * another part has been built already nothing is taken out, and false is given.
 */
export async function takeOut({ kysely }: Db, aggregateId: number, cid: CID): Promise<boolean> {
  const { rows } = await sql<{ built: boolean }>`
    select exists (select from aggregate_entry e join aggregate a on a.id = e.aggregate_id
      where e.cid = ${cid.bytes} and a.built_at is not null
        and e.layout = (select layout from aggregate where id = ${aggregateId})) as built`.execute(kysely)
  if (rows[0]?.built) return false
  await sql`
    with gone as (
      delete from aggregate_entry e where e.cid = ${cid.bytes} and e.layout = (select layout from aggregate where id = ${aggregateId})
      returning aggregate_id, content_id, planned_bytes, planned_blocks
    ), waiting as (
      update content set packing = 'waiting' where id in (select content_id from gone)
    )
    update aggregate set items = aggregate.items - 1, planned_bytes = aggregate.planned_bytes - gone.planned_bytes,
      planned_blocks = aggregate.planned_blocks - gone.planned_blocks
    from gone where aggregate.id = gone.aggregate_id`.execute(kysely)
  return true
}

/** Where an item lies in what was built. */
export interface Placement {
  cid: Uint8Array
  links: readonly number[] | undefined
  byteOffset: number | undefined
  byteLength: number | undefined
}

export interface BuiltAggregate {
  root: CID | undefined
  piece: Piece
  placements: Iterable<Placement>
}

const rowsAtOnce = 10_000

/** Notes what came of building, to be validated. False where it is not to be built any more. */
export async function saveBuilt({ kysely }: Db, aggregateId: number, built: BuiltAggregate): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update aggregate set state = 'validating', root = ${built.root?.bytes ?? null}, size_bytes = ${built.piece.payloadBytes},
      piece_root = ${built.piece.root}, piece_height = ${built.piece.height}, reason = null, done_bytes = null, changed_at = clock_timestamp()
    where id = ${aggregateId} and state = 'building'`.execute(kysely)
  if (numAffectedRows !== 1n) return false
  for (const some of batched(built.placements)) {
    await sql`
      update aggregate_entry e set path_indexes = case when given.a is null then null else array[given.a, given.b, given.c] end,
        byte_offset = given.byte_offset, byte_length = given.byte_length
      from unnest(${some.map((p) => p.cid)}::bytea[], ${some.map((p) => p.links?.[0] ?? null)}::integer[],
        ${some.map((p) => p.links?.[1] ?? null)}::integer[], ${some.map((p) => p.links?.[2] ?? null)}::integer[],
        ${some.map((p) => p.byteOffset ?? null)}::bigint[], ${some.map((p) => p.byteLength ?? null)}::bigint[])
        as given (cid, a, b, c, byte_offset, byte_length)
      where e.aggregate_id = ${aggregateId} and e.cid = given.cid`.execute(kysely)
  }
  return true
}

/** Has exactly these shards kept for an aggregate. Gives how many of them are not here: one may have been collected, which must fail the building. */
export async function holdShards({ kysely }: Db, aggregateId: number, shards: Iterable<Uint8Array>): Promise<number> {
  const ids: number[] = []
  let absent = 0
  for (const some of batched(shards)) {
    const { rows } = await sql<{ id: number }>`
      select id from shard where cid = any(${some}::bytea[]) order by id for key share`.execute(kysely)
    for (const { id } of rows) ids.push(id)
    absent += some.length - rows.length
  }
  await sql`delete from aggregate_shard where aggregate_id = ${aggregateId} and shard_id <> all (${ids}::bigint[])`.execute(
    kysely,
  )
  await sql`insert into aggregate_shard (aggregate_id, shard_id) select ${aggregateId}::bigint, id from unnest(${ids}::bigint[]) as s (id)
    on conflict do nothing`.execute(kysely)
  return absent
}

function* batched<T>(items: Iterable<T>): Generator<T[]> {
  let batch: T[] = []
  for (const item of items) {
    if (batch.push(item) < rowsAtOnce) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** Notes that building or validating failed, and when it is tried again: the time doubles each time. Gives that time. */
export async function markFailed(
  { kysely }: Db,
  aggregateId: number,
  reason: string,
  delaysMs: { first: number; longest: number },
): Promise<void> {
  await sql`
    update aggregate set state = 'failed', reason = ${reason}, done_bytes = null, attempts = attempts + 1, changed_at = clock_timestamp(),
      retry_at = clock_timestamp()
        + least(${delaysMs.longest}::float8, ${delaysMs.first}::float8 * 2 ^ least(attempts, 30)) * interval '1 millisecond'
    where id = ${aggregateId} and state in ('building', 'validating', 'built')`.execute(kysely)
}

export async function markValid({ kysely }: Db, aggregateId: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update aggregate set state = 'built', built_at = coalesce(built_at, clock_timestamp()), validated_at = clock_timestamp(),
      changed_at = clock_timestamp(), reason = null, retry_at = null, done_bytes = null, attempts = 0
    where id = ${aggregateId} and state in ('validating', 'built')`.execute(kysely)
  return numAffectedRows === 1n
}

/** Contents in an aggregate that are still there. */
export async function listContentIds({ kysely }: Db, aggregateId: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select content_id as id from aggregate_entry where aggregate_id = ${aggregateId} and content_id is not null`.execute(kysely)
  return rows.map(({ id }) => id)
}

export async function clearObstacles({ kysely }: Db, aggregateId: number): Promise<void> {
  await sql`delete from aggregate_obstacle o using aggregate_entry e where e.aggregate_id = ${aggregateId} and o.content_id = e.content_id`.execute(
    kysely,
  )
}
