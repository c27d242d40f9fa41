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

/** Blocks looked up or read at once. */
const batchSize = 1000
/** Missing blocks that are remembered: a file of 31 GiB has 127,000 blocks. Where more are missing the walk ends. */
const usualMaxMissing = 200_000

/** What a walk over the blocks that are here found out. */
interface Walk {
  /** CIDs in binary: linked from a block that is here, and not here. */
  missing: Uint8Array[]
  /** Shards beside the content's own that its blocks are read from: they must be kept as long as the content. */
  shardIds: Set<number>
  /** Bytes of the blocks that are here, each counted once. */
  presentBytes: number
  obstacle: string | null
}

interface WalkOptions {
  signal?: AbortSignal | undefined
  maxMissing?: number
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
  // A walk that met an obstacle may have left something out.
  const start = content.missing.length > 0 && content.obstacle === null ? content.missing : [content.cid]
  const walk = await walkPresent(
    { database, blocks },
    start.map((cid) => CID.decode(cid)),
    new Set(content.shardIds),
    { signal },
  )
  await saveWalk({ database, facts }, contentId, { ...walk, shardIds: [...walk.shardIds] })
}

/**
 * Walks from `start` over the blocks the index knows. Shards of `ownShards` are preferred as the place of a block. Links are looked up before they are
 * followed, so that what waits in memory is here, and nobody fills it with links to nothing.
 */
export async function walkPresent(
  { database, blocks }: Components,
  start: readonly CID[],
  ownShards: ReadonlySet<number>,
  { signal, maxMissing = usualMaxMissing }: WalkOptions = {},
): Promise<Walk> {
  const walk: Walk = { missing: [], shardIds: new Set(), presentBytes: 0, obstacle: null }
  const seen = new Set(start.map(blockKey))
  // A million of them may wait, so each is one short string, a character a byte.
  const open: string[] = []
  const lookUp = async (cids: readonly CID[]): Promise<void> => {
    signal?.throwIfAborted()
    const { present, missing } = await findPresent(database, cids, { own: ownShards, others: walk.shardIds })
    for (const cid of missing) walk.missing.push(cid.bytes)
    for (const { cid, sizeBytes } of present) {
      walk.presentBytes += sizeBytes
      if (cid.code !== RAW) open.push(textOf(cid))
    }
  }
  /** Of the links of some blocks, those not seen before, so many at a time. */
  async function* linksOf(nodes: readonly CID[]): AsyncGenerator<CID[]> {
    let links: CID[] = []
    for await (const { cid, bytes } of blocks.getMany(nodes, { signal })) {
      const all = outwardLinks(cid, bytes)
      if (all === undefined)
        walk.obstacle ??= `Block ${cid} is in a codec whose links cannot be read here (0x${cid.code.toString(16)}).`
      for (const link of all ?? []) {
        const name = blockKey(link)
        if (seen.has(name)) continue
        seen.add(name)
        // A view of the block would keep all of it in memory.
        if (links.push(CID.decode(link.bytes.slice())) < batchSize) continue
        yield links
        links = []
      }
    }
    if (links.length > 0) yield links
  }

  const first = start.filter((cid) => !isIdentity(cid))
  while (first.length > 0) await lookUp(first.splice(-batchSize))
  while (open.length > 0) {
    for await (const links of linksOf(open.splice(-batchSize).map(cidOf))) {
      await lookUp(links)
      if (walk.missing.length <= maxMissing) continue
      walk.obstacle ??= `More than ${maxMissing} blocks are missing.`
      return walk
    }
  }
  return walk
}

function textOf({ bytes }: CID): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function cidOf(text: string): CID {
  return CID.decode(Buffer.from(text, 'latin1'))
}
