import type { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { digestKey } from './shard-writer.ts'
import { locateBlocks } from './store.ts'

/** A block that the index knows. */
export interface PresentBlock {
  cid: CID
  sizeBytes: number
}

/** Shards a content's blocks are read from: its own, which are preferred as the place of a block, and others. */
export interface KeptShards {
  own: ReadonlySet<number>
  /** Grows by the shards of blocks that are in none of these. */
  others: Set<number>
}

/** Which of some blocks are here, and what has to be kept for it. */
export async function findPresent(
  database: Db,
  cids: readonly CID[],
  kept: KeptShards,
): Promise<{ present: PresentBlock[]; missing: CID[] }> {
  const places = new Map<string, { shardIds: number[]; sizeBytes: number }>()
  for (const { multihash, shardId, length } of await locateBlocks(
    database,
    cids.map((cid) => cid.multihash.bytes),
  )) {
    const name = digestKey(multihash)
    const known = places.get(name)
    if (known) known.shardIds.push(shardId)
    else places.set(name, { shardIds: [shardId], sizeBytes: length })
  }
  const present: PresentBlock[] = []
  const missing: CID[] = []
  for (const cid of cids) {
    const place = places.get(digestKey(cid.multihash.bytes))
    if (place === undefined) {
      missing.push(cid)
      continue
    }
    present.push({ cid, sizeBytes: place.sizeBytes })
    const isKept = place.shardIds.some((id) => kept.own.has(id) || kept.others.has(id))
    if (!isKept) kept.others.add(place.shardIds[0] as number)
  }
  return { present, missing }
}
