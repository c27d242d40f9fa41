import { isIdentity } from '@keepsake/content/dag/identity.ts'
import { RAW } from '@keepsake/content/hash/cid.ts'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { Blocks } from './blocks.ts'
import { blockKey, outwardLinks } from './dag-check.ts'
import { findPresent } from './present.ts'
import { findIncomplete, saveWalk } from './store.ts'

interface Components {
  database: Db
  blocks: Blocks
}

interface WalkComponents extends Components {
  facts: Facts
}

/** Blocks looked up at once. */
const batchSize = 1000

/** What a walk over the blocks that are here found out. */
interface Walk {
  /** Linked from a block that is here, and not here. */
  missing: CID[]
  /** Shards beside the content's own that its blocks are read from: they must be kept as long as the content. */
  shardIds: Set<number>
  /** Bytes of the blocks that are here, each counted once. */
  presentBytes: number
  obstacle: string | null
}

/**
 * Finds out whether a content's DAG is complete by now. The walk starts where the last one ended, at the blocks that were
 * missing then, so a DAG that comes in a thousand parts is walked once, not a thousand times.
 */
export async function completeDag(
  { database, blocks, facts }: WalkComponents,
  { contentId }: { contentId: number },
  signal?: AbortSignal,
): Promise<void> {
  const content = await findIncomplete(database, contentId)
  if (!content) return
  const start = content.missing.length > 0 ? content.missing : [content.cid]
  const walk = await walkPresent(
    { database, blocks },
    start.map((cid) => CID.decode(cid)),
    new Set(content.shardIds),
    signal,
  )
  await saveWalk({ database, facts }, contentId, {
    missing: walk.missing.map((cid) => cid.bytes),
    shardIds: [...walk.shardIds],
    obstacle: walk.obstacle ?? content.obstacle,
  })
}

/** Walks from `start` over the blocks the index knows. Shards of `ownShards` are preferred as the place of a block. */
export async function walkPresent(
  { database, blocks }: Components,
  start: CID[],
  ownShards: ReadonlySet<number>,
  signal?: AbortSignal,
): Promise<Walk> {
  const walk: Walk = { missing: [], shardIds: new Set(), presentBytes: 0, obstacle: null }
  const seen = new Set(start.map(blockKey))
  const open = start.filter((cid) => !isIdentity(cid))
  while (open.length > 0) {
    signal?.throwIfAborted()
    const batch = open.splice(-batchSize)
    const { present, missing } = await findPresent(database, batch, { own: ownShards, others: walk.shardIds })
    for (const { sizeBytes } of present) walk.presentBytes += sizeBytes
    walk.missing.push(...missing)
    const inner = present.map(({ cid }) => cid).filter((cid) => cid.code !== RAW)
    for await (const { cid, bytes } of blocks.getMany(inner, { signal })) {
      const links = outwardLinks(cid, bytes)
      if (links === undefined)
        walk.obstacle ??= `Block ${cid} is in a codec whose links cannot be read here (0x${cid.code.toString(16)}).`
      for (const link of links ?? []) {
        const name = blockKey(link)
        if (seen.has(name)) continue
        seen.add(name)
        // A view of the block would keep all of it in memory.
        open.push(CID.decode(link.bytes.slice()))
      }
    }
  }
  return walk
}
