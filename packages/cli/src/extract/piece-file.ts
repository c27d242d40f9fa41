import type { BlockSource } from '@keepsake/content/block.ts'
import { carBlocks } from '@keepsake/content/car/car-blocks.ts'
import { type CarFile, openCarFile } from '@keepsake/content/car/car-file.ts'
import { openCarIndex } from '@keepsake/content/car/multihash-index.ts'
import { readAtOf } from '@keepsake/content/car/read-at.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import type { CID } from 'multiformats/cid'
import type { Context } from '../context.ts'
import { CommandError, describeFileError } from '../failure.ts'
import { indexCars } from './index-cars.ts'
import { findIndex, saveIndex } from './index-file.ts'
import { type OpenFile, openFileAt } from './open-file.ts'
import { listSegments, openSegmentCars } from './segments.ts'

export interface PieceFileOptions {
  /** A `.carindex`; looked for in the file and beside it when left out; false for none. */
  index?: string | false | undefined
  /** Keep the index beside the file where one had to be made. */
  saveIndex?: boolean | undefined
}

/** A piece in a file, opened to take single items out of it. */
export interface PieceFile extends AsyncDisposable {
  path: string
  /** Blocks found by an index and checked against their CIDs. */
  blocks: BlockSource
  /** The roots of the CAR; none for data segments. */
  roots: CID[]
  layout: 'car' | 'segments'
  /** Which index was believed; undefined where the file itself was looked through. */
  index: string | undefined
  /** What is wrong with the file, as the rest of a sentence about it; undefined where nothing was found. */
  damage: string | undefined
}

/**
 * Opens a CAR of either version, or an aggregate of data segments (FRC-0058), without reading it whole: by the index that is inside it, beside it or
 * named; else what each section begins with is read once. Of data segments only those are looked through whose CAR has the root `wanted`, where
 * there is one, unless the index is to be kept.
 *
 * @throws CommandError naming the file
 */
export async function openPieceFile(
  path: string,
  wanted: CID | undefined,
  options: PieceFileOptions,
  context: Context,
): Promise<PieceFile> {
  await using opening = new AsyncDisposableStack()
  const file = await openFileAt(path, opening)
  try {
    const opened = await openContents(path, file, wanted, options, context, opening)
    const stack = opening.move()
    return { path, ...opened, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    if (!isContentError(error)) throw describeFileError(error, path)
    throw new CommandError(`${path}: ${error.message.replace(/\.$/, '')}.`, { cause: error })
  }
}

async function openContents(
  path: string,
  { readAt, sizeBytes }: OpenFile,
  wanted: CID | undefined,
  options: PieceFileOptions,
  context: Context,
  stack: AsyncDisposableStack,
): Promise<Omit<PieceFile, 'path' | typeof Symbol.asyncDispose>> {
  const segments = await listSegments(readAt, sizeBytes)
  const car = segments ? undefined : await openCarFile(readAt, sizeBytes, context.signal)
  // Offsets of segments count from the start of the file.
  const payload = car ?? { payloadOffset: 0, payloadBytes: sizeBytes }
  const about = { roots: car?.roots ?? [], layout: car ? 'car' : 'segments' } as const
  const known = await findIndex(path, { readAt, sizeBytes }, car?.indexOffset, options.index, context, stack)
  if (known) return { ...about, blocks: carBlocks(readAt, payload, known.index), index: known.name, damage: undefined }
  const cars = car ? [car] : await openSegmentCars(readAt, segments?.places ?? [])
  const looked = options.saveIndex ? cars : withRoot(cars, wanted)
  const { bytes, cut } = await indexCars(readAt, looked, payload.payloadOffset, context)
  const damage = damageOf(cut, segments?.invalid ?? 0)
  if (options.saveIndex) await saveIndex(`${path}.carindex`, bytes, damage, context)
  const index = await openCarIndex(readAtOf(bytes), bytes.length)
  return { ...about, blocks: carBlocks(readAt, payload, index), index: undefined, damage }
}

/** Those that begin with what is wanted, whatever version its CID is of; all where none does. */
function withRoot(cars: readonly CarFile[], wanted: CID | undefined): readonly CarFile[] {
  const named = cars.filter(({ roots }) => wanted && roots.some((root) => root.toV1().equals(wanted.toV1())))
  return named.length > 0 ? named : cars
}

function damageOf(cut: string | undefined, invalidEntries: number): string | undefined {
  if (cut !== undefined) return `could not be read to its end: ${cut}`
  if (invalidEntries === 0) return undefined
  return `has ${invalidEntries} ${invalidEntries === 1 ? 'entry' : 'entries'} in its index that cannot be read`
}
