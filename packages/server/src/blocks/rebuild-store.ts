import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { BlockEntry } from './shard-writer.ts'
import { digestKey } from './shard-writer.ts'
import { countBlocks } from './store.ts'

// The SQL of rebuilding the index. What it enters must look as if an upload had entered it.

/** Rows in one statement. */
const batchSize = 10_000

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += batchSize) yield items.slice(at, at + batchSize)
}

function asRows(entries: readonly BlockEntry[]) {
  return sql`unnest(${entries.map((e) => e.multihash)}::bytea[], ${entries.map((e) => e.offset)}::bigint[], ${entries.map((e) => e.length)}::integer[])
    as entry (multihash, byte_offset, byte_length)`
}

export async function findShardId({ kysely }: Db, cid: CID): Promise<number | undefined> {
  return (await kysely.selectFrom('shard').select('id').where('cid', '=', cid.bytes).executeTakeFirst())?.id
}

/**
 * The id of a shard's row, made where it is missing, and locked against the collector until the transaction ends. A row that is made
 * has not been stored "lately" by anybody, but no content names it yet either; its time is set to infinity so that the collector
 * leaves it alone until `releaseShards`.
 */
export async function ensureShard(
  { kysely }: Db,
  shard: { cid: CID; sizeBytes: number; createdAt: Date },
): Promise<{ id: number; fresh: boolean }> {
  for (;;) {
    const made = await sql<{ id: number }>`
      insert into shard (cid, size_bytes, created_at, stored_at) values (${shard.cid.bytes}, ${shard.sizeBytes}, ${shard.createdAt}, 'infinity')
      on conflict (cid) do nothing returning id`.execute(kysely)
    if (made.rows[0]) return { id: made.rows[0].id, fresh: true }
    const { rows } = await sql<{ id: number }>`select id from shard where cid = ${shard.cid.bytes} for key share`.execute(kysely)
    if (rows[0]) return { id: rows[0].id, fresh: false }
    // Collected between the two statements; then it is ours to make.
  }
}

/** Corrects a size that was noted when the shard was damaged. */
export async function correctSize({ kysely }: Db, shardId: number, sizeBytes: number): Promise<void> {
  await sql`update shard set size_bytes = ${sizeBytes} where id = ${shardId} and size_bytes <> ${sizeBytes}`.execute(kysely)
}

/** From now on the grace time of shards that were entered by a rebuild runs, as if they had been stored now. */
export async function releaseShards({ kysely }: Db): Promise<void> {
  await sql`update shard set stored_at = clock_timestamp() where stored_at = 'infinity'`.execute(kysely)
}

export interface EntryDifferences {
  /** Blocks the index does not have in this shard. */
  missing: number
  /** Blocks it has at another place of it. */
  misplaced: number
  /** Blocks it has that are not there. */
  stray: number
}

/** Compares what the index says of a shard with what is in it. */
export async function compareEntries({ kysely }: Db, shardId: number, entries: readonly BlockEntry[]): Promise<EntryDifferences> {
  const found = { missing: 0, misplaced: 0 }
  for (const batch of batches(entries)) {
    const { rows } = await sql<{ missing: number; misplaced: number }>`
      select count(*) filter (where block.multihash is null) as missing,
        count(*) filter (where block.multihash is not null
          and (block.byte_offset, block.byte_length) <> (entry.byte_offset, entry.byte_length)) as misplaced
      from ${asRows(batch)} left join block on block.multihash = entry.multihash and block.shard_id = ${shardId}`.execute(kysely)
    found.missing += rows[0]!.missing
    found.misplaced += rows[0]!.misplaced
  }
  return { ...found, stray: (await countBlocks({ kysely }, shardId)) - (entries.length - found.missing) }
}

/** Enters blocks, and corrects the places of those that are there. */
export async function writeEntries({ kysely }: Db, shardId: number, entries: readonly BlockEntry[]): Promise<void> {
  for (const batch of batches(entries)) {
    await sql`
      insert into block (multihash, shard_id, byte_offset, byte_length)
      select multihash, ${shardId}::bigint, byte_offset, byte_length from ${asRows(batch)}
      on conflict (multihash, shard_id) do update set byte_offset = excluded.byte_offset, byte_length = excluded.byte_length
      where (block.byte_offset, block.byte_length) <> (excluded.byte_offset, excluded.byte_length)`.execute(kysely)
  }
}

/** Takes out what the index says is in a shard and is not. */
export async function deleteStrays({ kysely }: Db, shardId: number, known: ReadonlySet<string>): Promise<void> {
  let after: Uint8Array = new Uint8Array()
  for (;;) {
    const { rows } = await sql<{ multihash: Uint8Array }>`
      select multihash from block where shard_id = ${shardId} and multihash > ${after} order by multihash limit ${batchSize}`.execute(
      kysely,
    )
    const strays = rows.map(({ multihash }) => multihash).filter((multihash) => !known.has(digestKey(multihash)))
    await sql`delete from block where shard_id = ${shardId} and multihash = any(${strays}::bytea[])`.execute(kysely)
    if (rows.length < batchSize) return
    after = rows.at(-1)!.multihash
  }
}

/** Shards the index knows, by id. */
export async function listShards({ kysely }: Db, afterId: number, limit: number): Promise<{ id: number; cid: Uint8Array }[]> {
  return await kysely.selectFrom('shard').select(['id', 'cid']).where('id', '>', afterId).orderBy('id').limit(limit).execute()
}

/** A content and what is known of it, for a new look at whether it is complete. */
export interface StandingContent {
  id: number
  cid: Uint8Array
  completeAt: Date | null
  obstacle: string | null
  missing: Uint8Array[]
  shardIds: number[]
  /** CAR CIDs of what was received for it. */
  parts: string[]
  /** Changes with every change of the row. */
  version: string
}

const standingColumns = sql`
  content.id, content.cid, content.complete_at as "completeAt", content.obstacle, content.xmin::text as version,
  array(select m.cid from missing_block m where m.content_id = content.id) as missing,
  array(select s.shard_id from content_shard s where s.content_id = content.id) as "shardIds",
  array(select distinct p from upload u, unnest(u.parts) p where u.content_id = content.id) as parts`

export async function listContents({ kysely }: Db, afterId: number, limit: number): Promise<StandingContent[]> {
  const { rows } = await sql<StandingContent>`
    select ${standingColumns} from content where id > ${afterId} order by id limit ${limit}`.execute(kysely)
  return rows
}

export async function findContentAgain({ kysely }: Db, id: number): Promise<StandingContent | undefined> {
  const { rows } = await sql<StandingContent>`select ${standingColumns} from content where id = ${id}`.execute(kysely)
  return rows[0]
}

export async function countContents({ kysely }: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) from content`.execute(kysely)
  return rows[0]!.count
}

export async function findShardIds({ kysely }: Db, cids: readonly Uint8Array[]): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select id from shard where cid = any(${cids}::bytea[])`.execute(kysely)
  return rows.map(({ id }) => id)
}

/**
 * Enters where a content stands. False, and nothing is changed, when the content is not the version that was looked at: an upload came in
 * between and knows better.
 */
export async function saveStanding(
  { database: { kysely }, facts }: { database: Db; facts: Facts },
  { id, version }: Pick<StandingContent, 'id' | 'version'>,
  standing: { missing: readonly Uint8Array[]; shardIds: readonly number[]; obstacle: string | null },
): Promise<boolean> {
  const isComplete = standing.missing.length === 0 && standing.obstacle === null
  return await kysely.transaction().execute(async (tx) => {
    const { rows } = await sql`select id from content where id = ${id} and xmin::text = ${version} for update`.execute(tx)
    if (rows.length === 0) return false
    await sql`delete from missing_block where content_id = ${id}`.execute(tx)
    await sql`insert into missing_block (content_id, cid) select ${id}::bigint, cid from unnest(${standing.missing}::bytea[]) as m (cid)
      on conflict do nothing`.execute(tx)
    await sql`insert into content_shard (content_id, shard_id) select ${id}::bigint, shard.id from shard where shard.id = any(${standing.shardIds}::bigint[])
      on conflict do nothing`.execute(tx)
    await sql`update content set obstacle = ${standing.obstacle},
      complete_at = ${isComplete ? sql`coalesce(complete_at, clock_timestamp())` : sql`null`} where id = ${id}`.execute(tx)
    if (isComplete) await facts.record({ kysely: tx }, 'root:complete', { contentId: id })
    return true
  })
}
