import { multihashSet } from '@keepsake/content/aggregate/multihash-set.ts'
import { compactText } from '@keepsake/content/hash/cid-text.ts'
import type { Piece } from '@keepsake/content/piece/piece.ts'
import type { BlobStore, StagedBlob } from '../blobs/blobs.ts'
import { keepShard } from '../blocks/content.ts'
import type { Database, Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { JobLog } from '../jobs/worker.ts'
import { BadAggregateError } from './bad-aggregate-error.ts'
import { buildSegments } from './build-segments.ts'
import type { AggregateToBuild, Entry } from './build-store.ts'
import { findToBuild, holdShards, listEntries, saveBuilt, shardsKept, takeOut } from './build-store.ts'
import { buildUnixfs } from './build-unixfs.ts'
import { ItemError, itemSections } from './item-sections.ts'
import type { LaidOut } from './layouter.ts'
import { withAggregateLock } from './lock.ts'
import { obstacleDelaysMs } from './plan-aggregates.ts'
import { decodeRow } from './recipe-codec.ts'
import { replaceRecipe } from './recipe-store.ts'
import type { Damage, SectionReader } from './section-reader.ts'
import { sectionReader } from './section-reader.ts'
import { deleteAggregate, lockPlanning, noteObstacle } from './store.ts'

export interface BuildComponents {
  database: Pick<Database, 'kysely' | 'pool'>
  blobs: BlobStore
  facts: Facts
  log: Pick<JobLog, 'info' | 'warn' | 'error'>
  /** Threads that compute the piece; one a processor when left out, none for 0. */
  commPThreads?: number | undefined
}

export interface BuildOptions {
  signal?: AbortSignal | undefined
  /** Told how many bytes of the aggregate have been put together; from the start again where an item had to be taken out. */
  onProgress?: ((bytes: number) => void) | undefined
}

/**
 * Builds an aggregate that has been closed: reads every block of its items and checks it, writes down where each lies, and computes the piece. All
 * of it is entered in one transaction; before that nothing can be seen of it, so it may end anywhere and begin again.
 *
 * A damaged copy of a block is named in the log, and another one taken. An item with a block that has no good copy is taken out and waits,
 * visibly, for the block to be mended; the others are built.
 *
 * Does nothing where it is not to be built, also because somebody else has just done it.
 */
export async function buildAggregate(
  components: BuildComponents,
  { aggregateId }: { aggregateId: number },
  options: BuildOptions = {},
): Promise<void> {
  await withAggregateLock(components.database, aggregateId, async () => {
    for (;;) {
      const aggregate = await findToBuild(components.database, aggregateId)
      if (aggregate?.state !== 'building') return
      const entries = sortedByText(await listEntries(components.database, aggregateId))
      if (entries.length === 0) return await deleteAggregate(components.database, aggregateId)
      if (await buildOnce(components, aggregate, entries, options)) return
    }
  })
}

/** False where items had to be taken out, and the rest is to be built. */
async function buildOnce(
  components: BuildComponents,
  aggregate: AggregateToBuild,
  entries: readonly Entry[],
  { signal, onProgress = () => {} }: BuildOptions,
): Promise<boolean> {
  const { blobs, database, log } = components
  const onDamage = (damage: Damage) =>
    log.warn(
      { aggregateId: aggregate.id, block: damage.cid.toString(), shard: damage.shard, reason: damage.reason },
      'a block of a shard is damaged; another copy is looked for',
    )
  const reader = sectionReader(components, { preferred: await shardsKept(database, aggregate.id), onDamage })
  await using staged = await blobs.stage()
  try {
    const layOut = aggregate.layout === 'segments' ? buildSegments : buildUnixfs
    await save(
      components,
      aggregate,
      await layOut({ entries, reader, staged, signal, onProgress, commPThreads: components.commPThreads }),
      staged,
    )
    return true
  } catch (error) {
    if (!(error instanceof ItemError)) throw error
    await takeOutUnreadable(components, aggregate, entries, { reader, first: error, signal })
    return false
  }
}

async function save(
  { database, facts, log }: BuildComponents,
  aggregate: AggregateToBuild,
  { root, piece, recipe, generated, items, placements }: LaidOut,
  staged: StagedBlob,
): Promise<void> {
  requireSamePiece(aggregate, piece)
  await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    if (generated) await keepShard(db, generated, staged)
    const absent = await holdShards(db, aggregate.id, shardsIn(recipe))
    if (absent > 0) throw new BadAggregateError(`${absent} of its shards have been deleted meanwhile.`)
    await replaceRecipe(db, aggregate.id, recipe)
    if (await saveBuilt(db, aggregate.id, { root, piece, placements }))
      await facts.record(db, 'piece:computed', { aggregateId: aggregate.id })
  })
  log.info({ aggregateId: aggregate.id, items, sizeBytes: piece.payloadBytes }, 'aggregate built')
}

/** What has been told to others, as a deal or a proof, must not change. */
function requireSamePiece({ pieceRoot, sizeBytes }: AggregateToBuild, piece: Piece): void {
  if (pieceRoot === null || (Buffer.compare(pieceRoot, piece.root) === 0 && sizeBytes === piece.payloadBytes)) return
  throw new BadAggregateError(
    'Built again, it is not the same piece: some of its shards were replaced by others with the same blocks.',
  )
}

/** The shards a recipe reads from, each once, as CIDs in binary. */
function* shardsIn(recipe: LaidOut['recipe']): Generator<Uint8Array> {
  const seen = multihashSet()
  for (const row of recipe) {
    for (const { part } of decodeRow(row))
      if (part.kind === 'shard' && seen.add(part.shard.multihash.bytes)) yield part.shard.bytes
  }
}

/** Looks at all items from the first bad one on, so that ten thousand damaged ones are not found one by one. */
async function takeOutUnreadable(
  components: BuildComponents,
  aggregate: AggregateToBuild,
  entries: readonly Entry[],
  { reader, first, signal }: { reader: SectionReader; first: ItemError; signal: AbortSignal | undefined },
): Promise<void> {
  const bad = [{ row: entries[first.itemIndex] as Entry, reason: first.message }]
  for (let from = first.itemIndex + 1; from < entries.length; ) {
    const error = await firstUnreadable(reader, entries.slice(from), signal)
    if (!error) break
    bad.push({ row: entries[from + error.itemIndex] as Entry, reason: error.message })
    from += error.itemIndex + 1
  }
  await components.database.kysely.transaction().execute(async (kysely) => {
    const db: Db = { kysely }
    await lockPlanning(db)
    for (const { row, reason } of bad) {
      if (!(await takeOut(db, aggregate.id, row.cid)))
        throw new BadAggregateError(`${row.cid} is in it, and cannot be read: ${reason}`)
      if (row.contentId !== null) await noteObstacle(db, row.contentId, reason, obstacleDelaysMs)
    }
  })
  for (const { row, reason } of bad)
    components.log.warn({ aggregateId: aggregate.id, cid: row.cid.toString(), reason }, 'an item cannot be packed for now')
}

/** The order of the items in every layout. */
function sortedByText(entries: readonly Entry[]): Entry[] {
  const named = entries.map((row) => ({ row, name: compactText(row.cid) }))
  return named.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ row }) => row)
}

async function firstUnreadable(
  reader: SectionReader,
  rows: readonly Entry[],
  signal: AbortSignal | undefined,
): Promise<ItemError | undefined> {
  try {
    for await (const _ of itemSections(reader, rows, { known: [], signal }));
    return undefined
  } catch (error) {
    if (error instanceof ItemError) return error
    throw error
  }
}
