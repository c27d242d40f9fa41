import { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Db } from '../database/database.ts'
import { findUnknownShards, takeUnknownShard } from './store.ts'

interface Components {
  database: Db
  blobs: BlobStore
  /** Blobs written later than this long ago are left alone. */
  graceMs: number
}

const batchSize = 1000

/**
 * Deletes blobs that no row knows: what a crash between naming a blob and committing its row left behind. A backup of the database that is
 * older than the blobs makes many of them at once, so they get the same grace as content nobody holds.
 */
export async function sweepBlobs({ database, blobs, graceMs }: Components, signal?: AbortSignal): Promise<number> {
  const writtenBefore = Date.now() - graceMs
  let swept = 0
  let batch: string[] = []
  const sweep = async () => {
    const cids = batch.map((key) => CID.parse(key))
    batch = []
    for (const cid of await findUnknownShards(database, cids)) {
      signal?.throwIfAborted()
      if (await takeUnknownShard(database, cid, () => blobs.delete(cid.toString()))) swept++
    }
  }
  for await (const { key, modifiedAt } of blobs.list({ signal })) {
    if (modifiedAt.getTime() >= writtenBefore || !isCid(key)) continue
    batch.push(key)
    if (batch.length === batchSize) await sweep()
  }
  await sweep()
  return swept
}

/** What lies in the folder but is not ours is not ours to delete. */
function isCid(key: string): boolean {
  try {
    return CID.parse(key).toString() === key
  } catch {
    return false
  }
}
