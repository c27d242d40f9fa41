import { open, rename, rm, stat, writeFile } from 'node:fs/promises'
import type { BlockSource } from '@keepsake/content/block.ts'
import { carBlocks } from '@keepsake/content/car/car-blocks.ts'
import { type CarFile, openCarFile } from '@keepsake/content/car/car-file.ts'
import { type CarIndex, openCarIndex } from '@keepsake/content/car/multihash-index.ts'
import { type ReadAt, readAtFrom, readAtHandle, readAtOf } from '@keepsake/content/car/read-at.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import type { CID } from 'multiformats/cid'
import type { Context } from '../context.ts'
import { CommandError, describeFileError } from '../failure.ts'
import { indexCars } from './index-cars.ts'
import { listSegments, openSegmentCars } from './segments.ts'

export interface PieceFileOptions {
  /** A `.carindex`; looked for beside the file when left out. */
  index?: string | undefined
  /** Keep the index beside the file where one had to be made. */
  saveIndex?: boolean | undefined
}

/** A piece in a file, opened to take single items out of it. */
export interface PieceFile extends AsyncDisposable {
  /** Blocks found by an index and checked against their CIDs. */
  blocks: BlockSource
  /** The roots of the CAR, or of all CARs where the piece is one of data segments. */
  roots: CID[]
  layout: 'car' | 'segments'
  /** Why the file could not be read to its end; undefined where it could, or did not have to be. */
  damage: string | undefined
}

/**
 * Opens a CAR of either version, or an aggregate of data segments (FRC-0058), without reading it whole: by the index that is inside it, beside it or
 * named; else what each section begins with is read once. Of data segments only those are looked through whose CAR has the root `wanted`, where
 * there is one.
 *
 * @throws CommandError, ContentError `INVALID_CAR`
 */
export async function openPieceFile(
  path: string,
  wanted: CID | undefined,
  options: PieceFileOptions,
  context: Context,
): Promise<PieceFile> {
  await using opening = new AsyncDisposableStack()
  const file = await openAt(path, opening)
  try {
    const segments = await listSegments(file.readAt, file.sizeBytes)
    const opened = segments
      ? await openSegments(file, await openSegmentCars(file.readAt, segments), wanted, context)
      : await openCar(path, file, options, context, opening)
    const stack = opening.move()
    return { ...opened, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    if (!isContentError(error, 'INVALID_CAR')) throw error
    throw new CommandError(`${path}: ${error.message}.`, { cause: error })
  }
}

interface OpenFile {
  readAt: ReadAt
  sizeBytes: number
}

async function openAt(path: string, stack: AsyncDisposableStack): Promise<OpenFile> {
  try {
    const handle = stack.use(await open(path, 'r'))
    const info = await handle.stat()
    if (!info.isFile()) throw new CommandError(`${path} is not a file; it has to be read at many places.`)
    return { readAt: readAtHandle(handle), sizeBytes: info.size }
  } catch (error) {
    throw describeFileError(error, path)
  }
}

type Opened = Omit<PieceFile, typeof Symbol.asyncDispose>

async function openSegments(
  { readAt, sizeBytes }: OpenFile,
  cars: readonly CarFile[],
  wanted: CID | undefined,
  context: Context,
): Promise<Opened> {
  const named = cars.filter(({ roots }) => wanted && roots.some((root) => root.equals(wanted)))
  const { bytes, damage } = await indexCars(readAt, named.length > 0 ? named : cars, 0, context)
  const index = await openCarIndex(readAtOf(bytes), bytes.length)
  const blocks = carBlocks(readAt, { payloadOffset: 0, payloadBytes: sizeBytes }, index)
  return { blocks, roots: cars.flatMap(({ roots }) => roots), layout: 'segments', damage }
}

async function openCar(
  path: string,
  { readAt, sizeBytes }: OpenFile,
  options: PieceFileOptions,
  context: Context,
  stack: AsyncDisposableStack,
): Promise<Opened> {
  const car = await openCarFile(readAt, sizeBytes, context.signal)
  const known = await findIndex(path, { readAt, sizeBytes }, car, options, stack)
  if (known) return { blocks: carBlocks(readAt, car, known), roots: car.roots, layout: 'car', damage: undefined }
  const { bytes, damage } = await indexCars(readAt, [car], car.payloadOffset, context)
  if (options.saveIndex && damage === undefined) await saveIndex(`${path}.carindex`, bytes, context)
  const index = await openCarIndex(readAtOf(bytes), bytes.length)
  return { blocks: carBlocks(readAt, car, index), roots: car.roots, layout: 'car', damage }
}

/** The index that was named, that is inside the file, or that lies beside it as `piece.car.carindex` or `piece.carindex`. */
async function findIndex(
  path: string,
  { readAt, sizeBytes }: OpenFile,
  { indexOffset }: CarFile,
  options: PieceFileOptions,
  stack: AsyncDisposableStack,
): Promise<CarIndex | undefined> {
  if (options.index !== undefined) return await openIndexAt(options.index, stack)
  if (indexOffset !== undefined) return await openCarIndex(readAtFrom(readAt, indexOffset), sizeBytes - indexOffset)
  for (const beside of [`${path}.carindex`, path.replace(/\.car$/i, '.carindex')]) {
    if (beside !== path && (await exists(beside))) return await openIndexAt(beside, stack)
  }
  return undefined
}

async function openIndexAt(path: string, stack: AsyncDisposableStack): Promise<CarIndex> {
  const { readAt, sizeBytes } = await openAt(path, stack)
  try {
    return await openCarIndex(readAt, sizeBytes)
  } catch (error) {
    if (!isContentError(error, 'INVALID_CAR')) throw error
    throw new CommandError(`${path}: ${error.message}. Without it the file itself is looked through.`, { cause: error })
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}

/** Under another name first: an index that is there is whole. */
async function saveIndex(path: string, bytes: Uint8Array, { progress }: Context): Promise<void> {
  try {
    await writeFile(`${path}.part`, bytes)
    await rename(`${path}.part`, path)
    progress.note(`The index is kept in ${path}.`)
  } catch (error) {
    await rm(`${path}.part`, { force: true })
    throw describeFileError(error, path)
  }
}
