import { commPOfStream } from '@keepsake/commp/commp-of-stream.ts'
import { SLAB_HEIGHT } from '@keepsake/content/piece/slab.ts'
import type { TreeLevel } from '@keepsake/content/piece/tree.ts'
import { CID } from 'multiformats/cid'
import { tellContentsChanged } from '../jobs/content-changes.ts'
import { BadAggregateError } from './bad-aggregate-error.ts'
import type { BuildComponents } from './build-aggregate.ts'
import type { AggregateToBuild } from './build-store.ts'
import { clearObstacles, findToBuild, listContentIds, listEntries, markValid } from './build-store.ts'
import { byteChannel } from './byte-channel.ts'
import { withAggregateLock } from './lock.ts'
import { openRecipe, recipeSource } from './open-recipe.ts'
import { replaceTree } from './recipe-store.ts'
import { sectionReader, UnreadableBlockError } from './section-reader.ts'
import { sumCollector } from './sums.ts'
import { validateSegments } from './validate-segments.ts'
import { validateUnixfs } from './validate-unixfs.ts'

export interface ValidateOptions {
  /** Also where it has been found right before. */
  again?: boolean | undefined
  signal?: AbortSignal | undefined
  onProgress?: ((bytes: number) => void) | undefined
}

/**
 * Reads an aggregate back as whoever downloads it will get it, computes its piece anew, and checks that every item is found in it. Only then it counts.
 * Gives false where there is nothing to validate, also because somebody else has just done it.
 *
 * @throws BadAggregateError, ContentError, KeepsakeError saying what is wrong with it
 */
export async function validateAggregate(
  components: BuildComponents,
  { aggregateId }: { aggregateId: number },
  { again = false, signal, onProgress = () => {} }: ValidateOptions = {},
): Promise<boolean> {
  const { database, facts, log } = components
  return await withAggregateLock(database, aggregateId, async () => {
    const aggregate = await findToBuild(database, aggregateId)
    if (aggregate?.state !== 'validating' && !(again && aggregate?.state === 'built')) return false
    const { level, sums } = await check(components, aggregate, { signal, onProgress })
    await database.kysely.transaction().execute(async (kysely) => {
      const db = { kysely }
      if (!(await markValid(db, aggregateId))) return
      await replaceTree(db, aggregateId, { ...level, sums })
      await clearObstacles(db, aggregateId)
      await tellContentsChanged(db, await listContentIds(db, aggregateId))
      if (aggregate.state === 'validating') await facts.record(db, 'aggregate:built', { aggregateId })
    })
    log.info({ aggregateId }, 'aggregate validated')
    return true
  })
}

async function check(
  components: BuildComponents,
  aggregate: AggregateToBuild,
  { signal, onProgress }: { signal: AbortSignal | undefined; onProgress: (bytes: number) => void },
): Promise<{ level: TreeLevel; sums: Uint8Array }> {
  const { id, root, sizeBytes, pieceRoot, pieceHeight } = aggregate
  if (sizeBytes === null || pieceRoot === null) throw new BadAggregateError('It has not been built.')
  const recipe = openRecipe(components, { id, sizeBytes })
  const channel = byteChannel()
  const computing = commPOfStream(channel, { signal, keepLevel: SLAB_HEIGHT, threads: components.commPThreads })
  computing.catch(() => {})
  const sums = sumCollector(sizeBytes)
  async function* source(): AsyncGenerator<Uint8Array, void> {
    let doneBytes = 0
    for await (const bytes of recipe.stream(0, sizeBytes as number, { signal })) {
      await channel.push(bytes)
      sums.add(bytes)
      yield bytes
      doneBytes += bytes.length
      onProgress(doneBytes)
    }
  }
  try {
    const validate = aggregate.layout === 'segments' ? validateSegments : validateUnixfs
    await validate({
      root: root ? CID.decode(root) : undefined,
      entries: await listEntries(components.database, id),
      recipe,
      source: source(),
      generatedBytes: await generatedBytes(components, { id, sizeBytes }),
      reader: sectionReader(components),
      signal,
      commPThreads: components.commPThreads,
    })
    channel.end()
  } catch (error) {
    channel.fail(error)
    await computing.catch(() => {})
    // Of a DAG that was split, blocks are also read where other aggregates have them from.
    throw error instanceof UnreadableBlockError ? new BadAggregateError(error.message, { cause: error }) : error
  }
  const { piece, level } = await computing
  const isSame = Buffer.compare(piece.root, pieceRoot) === 0 && piece.height === pieceHeight && piece.payloadBytes === sizeBytes
  if (!isSame) throw new BadAggregateError('Read back, its bytes are not those of its piece.')
  return { level: level as TreeLevel, sums: sums.end() }
}

/** The first part of the recipe is what was generated. */
async function generatedBytes({ database }: BuildComponents, aggregate: { id: number; sizeBytes: number }): Promise<number> {
  for await (const { parts } of recipeSource(database, aggregate).partsFrom(0)) {
    const first = parts[0]
    return first?.kind === 'shard' ? first.length : 0
  }
  return 0
}
