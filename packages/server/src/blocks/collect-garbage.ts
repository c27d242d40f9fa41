import { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Db } from '../database/database.ts'
import { dropLooseShard, forgetContents, listLooseShards, takeUnknownShard } from './store.ts'

interface Components {
  database: Db
  blobs: BlobStore
  /** How long content that nobody holds is kept. */
  graceMs: number
}

/** Contents or shards handled between two looks at the clock and the signal. */
const batchSize = 500

/**
 * Forgets contents that nobody has held for the grace time, then deletes the shards that no content needs any more: first the row, so that the
 * index never names bytes that are gone, then the file, unless the same bytes were stored again in between. A crash between the two leaves
 * a file without a row, which `sweepBlobs` finds.
 */
export async function collectGarbage(
  { database, blobs, graceMs }: Components,
  signal?: AbortSignal,
): Promise<{ contents: number; shards: number }> {
  const unheldSince = new Date(Date.now() - graceMs)
  let contents = 0
  for (let count = batchSize; count === batchSize; contents += count) {
    signal?.throwIfAborted()
    count = await forgetContents(database, unheldSince, batchSize)
  }
  let shards = 0
  let after = 0
  for (;;) {
    const loose = await listLooseShards(database, { storedBefore: unheldSince, afterId: after, limit: batchSize })
    for (const { id, cid } of loose) {
      signal?.throwIfAborted()
      after = id
      if (!(await dropLooseShard(database, id))) continue
      shards++
      const name = CID.decode(cid)
      await takeUnknownShard(database, name, () => blobs.delete(name.toString()))
    }
    if (loose.length < batchSize) return { contents, shards }
  }
}
