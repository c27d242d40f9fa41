import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import type { Facts } from '../jobs/facts.ts'
import type { BlockEntry } from './shard-writer.ts'

/** Where a block can be read. */
export interface BlockLocation {
  multihash: Uint8Array
  shardId: number
  shardCid: Uint8Array
  offset: number
  length: number
}

/** Every place of every multihash asked for, oldest shard first. */
export async function locateBlocks({ kysely }: Db, multihashes: readonly Uint8Array[]): Promise<BlockLocation[]> {
  const { rows } = await sql<BlockLocation>`
    select block.multihash, block.shard_id as "shardId", shard.cid as "shardCid", block.byte_offset as "offset", block.byte_length as "length"
    from block join shard on shard.id = block.shard_id
    where block.multihash = any(${multihashes}::bytea[])
    order by block.shard_id`.execute(kysely)
  return rows
}

export async function countBlocks({ kysely }: Db, shardId: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) from block where shard_id = ${shardId}`.execute(kysely)
  return rows[0]!.count
}

/** Rows in one statement: enough to be quick, few enough that its text stays in the low megabytes. */
const entriesPerStatement = 10_000

export async function insertBlocks(db: Db, shardId: number, entries: Iterable<BlockEntry>): Promise<void> {
  let batch: BlockEntry[] = []
  for (const entry of entries) {
    if (batch.push(entry) < entriesPerStatement) continue
    await insertBatch(db, shardId, batch)
    batch = []
  }
  if (batch.length > 0) await insertBatch(db, shardId, batch)
}

async function insertBatch({ kysely }: Db, shardId: number, batch: readonly BlockEntry[]): Promise<void> {
  await sql`
    insert into block (multihash, shard_id, byte_offset, byte_length)
    select multihash, ${shardId}::bigint, byte_offset, byte_length
    from unnest(${batch.map((e) => e.multihash)}::bytea[], ${batch.map((e) => e.offset)}::bigint[], ${batch.map((e) => e.length)}::integer[])
      as entry (multihash, byte_offset, byte_length)
    on conflict do nothing`.execute(kysely)
}

export interface ContentRow {
  id: number
  completeAt: Date | null
}

export interface NewContent {
  cid: CID
  dagBytes: number | undefined
  complete: boolean
  shard: { cid: CID; sizeBytes: number; entries: readonly BlockEntry[] }
}

/**
 * Enters shards with their blocks, and the contents they are of; the answer is in the order given. The shards' rows, new or known, stay locked
 * until the transaction ends. What is known of a content is kept: a size is not replaced, and what was complete stays complete.
 *
 * One statement however many there are, because this is done for every upload; only large shards need more. No two may have the same shard or
 * the same content: a statement cannot touch a row twice.
 */
export async function insertContents(db: Db, contents: readonly NewContent[]): Promise<ContentRow[]> {
  const entries = contents.flatMap(({ shard }, index) =>
    shard.entries.slice(0, entriesPerStatement).map((entry) => ({ ...entry, place: index + 1 })),
  )
  const { rows } = await sql<ContentRow & { shardId: number }>`
    with given as (
      select * from unnest(
        ${contents.map(({ shard }) => shard.cid.bytes)}::bytea[], ${contents.map(({ shard }) => shard.sizeBytes)}::bigint[],
        ${contents.map(({ cid }) => cid.toV1().bytes)}::bytea[], ${contents.map(({ dagBytes }) => dagBytes ?? null)}::bigint[],
        ${contents.map(({ complete }) => complete)}::boolean[]
      ) with ordinality as given (shard_cid, size_bytes, cid, dag_bytes, complete, place)
    ), shard_row as (
      insert into shard (cid, size_bytes) select shard_cid, size_bytes from given order by shard_cid
      on conflict (cid) do update set stored_at = clock_timestamp(), size_bytes = excluded.size_bytes
      returning id, cid
    ), placed as (
      select given.place, given.cid, shard_row.id as shard_id from given join shard_row on shard_row.cid = given.shard_cid
    ), block_rows as (
      insert into block (multihash, shard_id, byte_offset, byte_length)
      select entry.multihash, placed.shard_id, entry.byte_offset, entry.byte_length
      from unnest(
        ${entries.map((e) => e.place)}::bigint[], ${entries.map((e) => e.multihash)}::bytea[],
        ${entries.map((e) => e.offset)}::bigint[], ${entries.map((e) => e.length)}::integer[]
      ) as entry (place, multihash, byte_offset, byte_length) join placed using (place)
      on conflict do nothing
    ), content_row as (
      insert into content as known (cid, dag_bytes, complete_at)
      select cid, dag_bytes, case when complete then clock_timestamp() end from given order by cid
      on conflict (cid) do update set
        dag_bytes = coalesce(known.dag_bytes, excluded.dag_bytes),
        complete_at = coalesce(known.complete_at, excluded.complete_at)
      returning id, cid, complete_at
    ), reference as (
      insert into content_shard (content_id, shard_id)
      select content_row.id, placed.shard_id from content_row join placed using (cid) on conflict do nothing
    ), settled as (
      delete from missing_block using content_row where content_id = content_row.id and content_row.complete_at is not null
    )
    select content_row.id, content_row.complete_at as "completeAt", placed.shard_id as "shardId"
    from placed join content_row using (cid) order by placed.place`.execute(db.kysely)
  for (const [index, { shardId }] of rows.entries()) {
    await insertBlocks(db, shardId, (contents[index] as NewContent).shard.entries.slice(entriesPerStatement))
  }
  return rows.map(({ id, completeAt }) => ({ id, completeAt }))
}

export interface ShardToEnter {
  cid: CID
  sizeBytes: number
  entries: Iterable<BlockEntry>
}

/** Enters a shard with its blocks for a caller that holds it by itself; its row stays locked until the transaction ends. Gives its id. */
export async function insertShard(db: Db, { cid, sizeBytes, entries }: ShardToEnter): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    insert into shard (cid, size_bytes) values (${cid.bytes}, ${sizeBytes})
    on conflict (cid) do update set stored_at = clock_timestamp(), size_bytes = excluded.size_bytes
    returning id`.execute(db.kysely)
  const { id } = rows[0]!
  await insertBlocks(db, id, entries)
  return id
}

export interface IncompleteContent {
  cid: Uint8Array
  obstacle: string | null
  missing: Uint8Array[]
  shardIds: number[]
}

/** A content that is not known to be complete; undefined when it is, or is gone. */
export async function findIncomplete({ kysely }: Db, contentId: number): Promise<IncompleteContent | undefined> {
  const { rows } = await sql<IncompleteContent>`
    select cid, obstacle,
      array(select m.cid from missing_block m where m.content_id = content.id) as missing,
      array(select s.shard_id from content_shard s where s.content_id = content.id) as "shardIds"
    from content where id = ${contentId} and complete_at is null`.execute(kysely)
  return rows[0]
}

/**
 * Enters what a walk found. Where nothing is missing and nothing stood in the way, the content is complete from now on. A walk that
 * was overtaken by one that found it complete changes nothing.
 */
export async function saveWalk(
  { database: { kysely }, facts }: { database: Db; facts: Facts },
  contentId: number,
  walk: { missing: Uint8Array[]; shardIds: number[]; obstacle: string | null },
): Promise<void> {
  const isComplete = walk.missing.length === 0 && walk.obstacle === null
  await kysely.transaction().execute(async (tx) => {
    const open = await tx
      .selectFrom('content')
      .select('id')
      .where('id', '=', contentId)
      .where('complete_at', 'is', null)
      .forUpdate()
      .executeTakeFirst()
    if (!open) return
    await tx.deleteFrom('missing_block').where('content_id', '=', contentId).execute()
    await sql`insert into missing_block (content_id, cid) select ${contentId}::bigint, cid from unnest(${walk.missing}::bytea[]) as m (cid)
      on conflict do nothing`.execute(tx)
    await sql`insert into content_shard (content_id, shard_id) select ${contentId}::bigint, id from unnest(${walk.shardIds}::bigint[]) as s (id)
      on conflict do nothing`.execute(tx)
    await tx
      .updateTable('content')
      .set({ obstacle: walk.obstacle, complete_at: isComplete ? new Date() : null })
      .where('id', '=', contentId)
      .execute()
    await tellContentsChanged({ kysely: tx }, [contentId])
    if (isComplete) await facts.record({ kysely: tx }, 'root:complete', { contentId })
  })
}

/** Enters that a content is read from shards. Gives how many of them are there, and kept from now on. */
export async function referToShards({ kysely }: Db, contentId: number, shardIds: readonly number[]): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with there as materialized (select id from shard where id = any(${shardIds}::bigint[]) for key share),
      reference as (insert into content_shard (content_id, shard_id) select ${contentId}::bigint, id from there on conflict do nothing)
    select count(*) from there`.execute(kysely)
  return rows[0]!.count
}

/** Notes that every block of a content is in shards that are kept for it. A size that is known is kept. */
export async function completeContent({ kysely }: Db, contentId: number, dagBytes: number): Promise<void> {
  await sql`delete from missing_block where content_id = ${contentId}`.execute(kysely)
  await sql`
    update content set obstacle = null, complete_at = coalesce(complete_at, clock_timestamp()), dag_bytes = coalesce(dag_bytes, ${dagBytes})
    where id = ${contentId}`.execute(kysely)
}

/** Whether anybody holds a content, or did until lately: by an upload, or by a pin. */
const isHeld = (unheldSince: Date) => sql`(
  exists (select from upload u where u.content_id = content.id and (u.deleted_at is null or u.deleted_at >= ${unheldSince}))
  or exists (select from pin_request p where p.content_id = content.id and (p.released_at is null or p.released_at >= ${unheldSince})))`

/**
 * Deletes up to `limit` contents whose last holder left before `unheldSince`, with the deleted uploads that named them.
 * Gives back how many.
 */
export async function forgetContents({ kysely }: Db, unheldSince: Date, limit: number): Promise<number> {
  return await kysely.transaction().execute(async (tx) => {
    const { rows } = await sql<{ id: number }>`
      select id from content
      where id in (
          select content_id from upload where deleted_at < ${unheldSince}
          union select content_id from pin_request where released_at < ${unheldSince} and content_id is not null)
        and not ${isHeld(unheldSince)}
      limit ${limit} for update skip locked`.execute(tx)
    const ids = rows.map(({ id }) => id)
    // Somebody may have stored the content again between the look and the lock; then it is held, and stays.
    await sql`delete from upload where content_id = any(${ids}::bigint[]) and deleted_at < ${unheldSince}`.execute(tx)
    await sql`delete from pin_request where content_id = any(${ids}::bigint[]) and deleted_at < ${unheldSince}`.execute(tx)
    // What is left of a pin that failed loses its content, and stays to tell why.
    await sql`delete from content where id = any(${ids}::bigint[]) and not ${isHeld(unheldSince)}`.execute(tx)
    return ids.length
  })
}

/** Neither a content nor an aggregate needs it. */
const isLoose = sql`not exists (select from content_shard c where c.shard_id = shard.id)
  and not exists (select from aggregate_shard a where a.shard_id = shard.id)`

/** Shards that nothing needs and that nobody has stored lately, by id. */
export async function listLooseShards(
  { kysely }: Db,
  { storedBefore, afterId, limit }: { storedBefore: Date; afterId: number; limit: number },
): Promise<{ id: number; cid: Uint8Array }[]> {
  const { rows } = await sql<{ id: number; cid: Uint8Array }>`
    select id, cid from shard
    where id > ${afterId} and stored_at < ${storedBefore} and ${isLoose}
    order by id limit ${limit}`.execute(kysely)
  return rows
}

/** Deletes the row of a shard, and with it its place in the block index. False where something needs it by now. */
export async function dropLooseShard({ kysely }: Db, shardId: number): Promise<boolean> {
  return await kysely.transaction().execute(async (tx) => {
    const { rows } = await sql`
      select id from shard where id = ${shardId} and ${isLoose}
      for update skip locked`.execute(tx)
    if (rows.length === 0) return false
    // Looked at again now that it is locked: what was not committed at the first look may be by now.
    const deleted = await sql`
      delete from shard where id = ${shardId} and ${isLoose}`.execute(tx)
    return deleted.numAffectedRows === 1n
  })
}

/** Those of the CAR CIDs that have no row. */
export async function findUnknownShards({ kysely }: Db, cids: readonly CID[]): Promise<CID[]> {
  const { rows } = await sql<{ cid: Uint8Array }>`
    select cid from unnest(${cids.map((cid) => cid.bytes)}::bytea[]) as given (cid)
    where not exists (select from shard where shard.cid = given.cid)`.execute(kysely)
  return rows.map(({ cid }) => CID.decode(cid))
}

/**
 * Deletes the bytes of a shard that has no row. A row is entered for the time of it, so that an upload of the same bytes, which enters it too,
 * waits until they are gone and then writes them again. False where there is a row by now.
 */
export async function takeUnknownShard({ kysely }: Db, cid: CID, deleteBytes: () => Promise<void>): Promise<boolean> {
  return await kysely.transaction().execute(async (tx) => {
    const { rows } = await sql<{
      id: number
    }>`insert into shard (cid, size_bytes) values (${cid.bytes}, 0) on conflict do nothing returning id`.execute(tx)
    if (rows.length === 0) return false
    await deleteBytes()
    await sql`delete from shard where cid = ${cid.bytes}`.execute(tx)
    return true
  })
}

/** Complete contents whose size is not known, by id. */
export async function listUnmeasured(
  { kysely }: Db,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<{ id: number; cid: Uint8Array }[]> {
  const { rows } = await sql<{ id: number; cid: Uint8Array }>`
    select id, cid from content where dag_bytes is null and complete_at is not null and id > ${afterId} order by id limit ${limit}`.execute(
    kysely,
  )
  return rows
}

/** False where it is known by now, or the content is gone. */
export async function saveDagBytes({ kysely }: Db, contentId: number, dagBytes: number): Promise<boolean> {
  const done = await sql`update content set dag_bytes = ${dagBytes} where id = ${contentId} and dag_bytes is null`.execute(kysely)
  return done.numAffectedRows === 1n
}
