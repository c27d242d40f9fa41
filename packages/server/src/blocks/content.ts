import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import type { StagedBlob } from '../blobs/blobs.ts'
import type { Db } from '../database/database.ts'
import type { WrittenShard } from './shard-writer.ts'
import type { ContentRow, ShardToEnter } from './store.ts'
import { insertContents, insertShard, referToShards } from './store.ts'

/** A root and the shard that brought blocks of it. */
export interface ReceivedContent {
  cid: CID
  dagBytes: number | undefined
  /** Whether every block of the DAG is in the shard. `false` means not known: a walk over the index decides. */
  complete: boolean
  shard: WrittenShard
}

/** A received content whose shard has no name in the store yet. */
export interface StagedContent extends ReceivedContent {
  staged: StagedBlob
}

/**
 * Enters shards, their blocks and contents, and gives the shards their names, inside the caller's transaction `db`: when that commits, all of
 * it is there and durable, else none of it is visible. No two may have the same shard or the same content.
 *
 * The rows are written before the files get their names, and stay locked until the commit: so the collector, which deletes a file only while it
 * holds the row of that name itself, can never take the file of an upload that is just being acknowledged.
 *
 * @param check whatever else has to hold; it sees the rows, and where it throws no file has got a name
 */
export async function keepContents(
  db: Db,
  contents: readonly StagedContent[],
  check?: (rows: readonly ContentRow[]) => Promise<void>,
): Promise<ContentRow[]> {
  const rows = await insertContents(db, contents)
  await check?.(rows)
  const named = await Promise.allSettled(contents.map(({ shard, staged }) => staged.commit(shard.cid.toString())))
  for (const result of named) if (result.status === 'rejected') throw result.reason
  return rows
}

/** A shard that blocks were found in is not there any more. */
export class ShardGoneError extends Error {
  override readonly name = 'ShardGoneError'
}

/**
 * Has shards kept for as long as a content that blocks in them belong to.
 *
 * @throws ShardGoneError where the collector was faster
 */
export async function keepShards(db: Db, contentId: number, shardIds: ReadonlySet<number>): Promise<void> {
  if (shardIds.size === 0) return
  const kept = await referToShards(db, contentId, [...shardIds])
  if (kept < shardIds.size) throw new ShardGoneError(`${shardIds.size - kept} of ${shardIds.size} shards were deleted meanwhile.`)
}

export type { ShardToEnter } from './store.ts'
export { completeContent } from './store.ts'

/** The same for a shard that is of no content: the caller holds it by a row of its own in the same transaction. Gives the id of its row. */
export async function keepShard(db: Db, shard: ShardToEnter, staged: StagedBlob): Promise<number> {
  const id = await insertShard(db, shard)
  await staged.commit(shard.cid.toString())
  return id
}

/** SQL: somebody holds the row of `content`, by an upload or by a pin. */
export const isHeldNow = sql`(
  exists (select from upload u where u.content_id = content.id and u.deleted_at is null)
  or exists (select from pin_request p where p.content_id = content.id and p.released_at is null))`

/** Whether all of a root's DAG is here; undefined where nobody stored it as a root. */
export async function isContentComplete({ kysely }: Db, root: CID): Promise<boolean | undefined> {
  const row = await kysely.selectFrom('content').select('complete_at').where('cid', '=', root.toV1().bytes).executeTakeFirst()
  return row && row.complete_at !== null
}
