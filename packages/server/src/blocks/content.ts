import type { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { StagedShard } from './shard-writer.ts'
import type { ContentRow } from './store.ts'
import { insertContent } from './store.ts'

/** A root and the shard that brought blocks of it. */
export interface ReceivedContent {
  cid: CID
  dagBytes: number | undefined
  /** Whether every block of the DAG is in the shard. `false` means not known: a walk over the index decides. */
  complete: boolean
  shard: StagedShard
}

/**
 * Enters a shard, its blocks and the content, and gives the shard its name, inside the caller's transaction `db`: when that commits, all of
 * it is there and durable, else none of it is visible.
 *
 * The row is written before the file gets its name, and stays locked until the commit: so the collector, which takes a row
 * and its file away together, can never take the file of an upload that is just being acknowledged.
 */
export async function keepContent(db: Db, content: ReceivedContent): Promise<ContentRow> {
  const row = await insertContent(db, content)
  const { cid, staged } = content.shard
  await staged.commit(cid.toString())
  return row
}
