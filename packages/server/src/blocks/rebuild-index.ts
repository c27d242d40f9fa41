import { CAR } from '@keepsake/content/hash/cid.ts'
import { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import { BlobNotFoundError } from '../blobs/blobs.ts'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { Blocks } from './blocks.ts'
import type { ShardReading } from './read-shard.ts'
import { readShard } from './read-shard.ts'
import type { RebuildOptions, RebuildReport } from './rebuild-report.ts'
import { emptyReport } from './rebuild-report.ts'
import type { EntryDifferences } from './rebuild-store.ts'
import {
  compareEntries,
  correctSize,
  deleteStrays,
  ensureShard,
  findShardId,
  listShards,
  releaseShards,
  writeEntries,
} from './rebuild-store.ts'
import { recheckContents } from './recheck-contents.ts'

export interface RebuildComponents {
  database: Db
  blobs: BlobStore
  blocks: Blocks
  facts: Facts
}

interface Listed {
  cid: CID
  sizeBytes: number
  modifiedAt: Date
}

/**
 * Rebuilds the index from the shards alone: where each block lies, which shards each content is read from, what is missing and what is
 * complete. May run beside a server, again and again, and be broken off at any point.
 */
export async function rebuildIndex(components: RebuildComponents, options: RebuildOptions = {}): Promise<RebuildReport> {
  const report = emptyReport()
  const shards = await listBlobs(components.blobs, options.signal)
  const totalBytes = shards.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  for (const shard of shards) {
    options.signal?.throwIfAborted()
    const before = report.shardBytes
    const onBytes = (count: number) => {
      report.shardBytes += count
      options.onProgress?.({ phase: 'shards', doneBytes: report.shardBytes, totalBytes })
    }
    await indexShard(components, shard, report, { ...options, onBytes })
    // A shard that ended early counts whole, or the bar would never be full.
    report.shardBytes = before + shard.sizeBytes
  }
  await findAbsent(components, new Set(shards.map(({ cid }) => cid.toString())), report, options)
  await recheckContents(components, report, options)
  if (!options.checkOnly) await releaseShards(components.database)
  return report
}

/** Blobs that are shards: named by a CAR CID. */
async function listBlobs(blobs: BlobStore, signal: AbortSignal | undefined): Promise<Listed[]> {
  const shards: Listed[] = []
  for await (const { key, sizeBytes, modifiedAt } of blobs.list({ signal })) {
    const cid = asCarCid(key)
    if (cid) shards.push({ cid, sizeBytes, modifiedAt })
  }
  return shards
}

function asCarCid(key: string): CID | undefined {
  try {
    const cid = CID.parse(key)
    return cid.code === CAR ? cid : undefined
  } catch {
    return undefined
  }
}

type ShardOptions = RebuildOptions & { onBytes(count: number): void }

async function indexShard(
  { database, blobs }: RebuildComponents,
  shard: Listed,
  report: RebuildReport,
  options: ShardOptions,
): Promise<void> {
  const name = shard.cid.toString()
  try {
    const reading = await readShard(blobs, shard.cid, options)
    report.shards++
    report.blocks += reading.entries.length
    if (reading.damage) {
      report.damagedShards.push(name)
      options.onTrouble?.(`Shard ${name} is damaged: ${reading.damage}.`)
    }
    const found = options.checkOnly
      ? await compareShard(database, shard.cid, reading)
      : await enterShard({ database, blobs }, shard, reading)
    if (found.isUnknown) report.unknownShards++
    report.missing += found.missing
    report.misplaced += found.misplaced
    if (!reading.damage) report.stray += found.stray
  } catch (error) {
    // Deleted in the meantime, by right.
    if (!(error instanceof BlobNotFoundError)) throw error
  }
}

type Found = EntryDifferences & { isUnknown: boolean }

async function enterShard(
  { database, blobs }: Pick<RebuildComponents, 'database' | 'blobs'>,
  { cid, sizeBytes, modifiedAt }: Listed,
  { entries, known, damage }: ShardReading,
): Promise<Found> {
  return await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    const row = await ensureShard(db, { cid, sizeBytes, createdAt: modifiedAt })
    const differences = await compareEntries(db, row.id, entries)
    if (differences.missing + differences.misplaced > 0) await writeEntries(db, row.id, entries)
    // Of a damaged shard it is not known what should be in it.
    if (damage === undefined) {
      await correctSize(db, row.id, sizeBytes)
      if (differences.stray > 0) await deleteStrays(db, row.id, known)
    }
    // The collector may have taken the shard between the reading and the lock; its row must not come back without it.
    const name = cid.toString()
    if (row.fresh && (await blobs.sizeOf(name)) === undefined) throw new BlobNotFoundError(name)
    return { ...differences, isUnknown: row.fresh }
  })
}

async function compareShard(database: Db, cid: CID, { entries }: ShardReading): Promise<Found> {
  const id = await findShardId(database, cid)
  if (id === undefined) return { missing: entries.length, misplaced: 0, stray: 0, isUnknown: true }
  return { ...(await compareEntries(database, id, entries)), isUnknown: false }
}

const pageSize = 1000

/** Shards that the index knows and that are not in the store. One that was stored after the listing is looked up by itself. */
async function findAbsent(
  { database, blobs }: RebuildComponents,
  present: ReadonlySet<string>,
  report: RebuildReport,
  { signal, onTrouble }: RebuildOptions,
): Promise<void> {
  for (let after = 0; ; ) {
    const page = await listShards(database, after, pageSize)
    for (const { id, cid } of page) {
      signal?.throwIfAborted()
      after = id
      const parsed = CID.decode(cid)
      const name = parsed.toString()
      if (present.has(name) || (await blobs.sizeOf(name)) !== undefined || (await findShardId(database, parsed)) === undefined)
        continue
      report.absentShards.push(name)
      onTrouble?.(`Shard ${name} is in the index and not in the store.`)
    }
    if (page.length < pageSize) return
  }
}
