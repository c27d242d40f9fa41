import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { type CarIndex, openCarIndex } from '@keepsake/content/car/multihash-index.ts'
import { readAtFrom } from '@keepsake/content/car/read-at.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import type { Context } from '../context.ts'
import { CommandError, describeFileError } from '../failure.ts'
import { type OpenFile, openFileAt } from './open-file.ts'

/** An index, and a name to tell it by. */
export interface KnownIndex {
  name: string
  index: CarIndex
}

/**
 * The index that was named, that is inside the file, or that lies beside it as `piece.car.carindex` or `piece.carindex`. `named` is false where none
 * is to be used.
 */
export async function findIndex(
  path: string,
  file: OpenFile,
  insideAt: number | undefined,
  named: string | false | undefined,
  context: Context,
  stack: AsyncDisposableStack,
): Promise<KnownIndex | undefined> {
  if (named === false) return undefined
  if (named !== undefined) return await openIndexAt(named, stack)
  const inside = insideAt === undefined ? undefined : await openInside(path, file, insideAt, context)
  if (inside) return inside
  for (const beside of [`${path}.carindex`, path.replace(/\.car$/i, '.carindex')])
    if (beside !== path && (await exists(beside))) return await openIndexAt(beside, stack)
  return undefined
}

/** One that is cut short or garbled cannot be taken away by whoever has the file, so it is passed over. */
async function openInside(
  path: string,
  { readAt, sizeBytes }: OpenFile,
  at: number,
  { progress }: Context,
): Promise<KnownIndex | undefined> {
  try {
    return { name: `the index inside ${path}`, index: await openCarIndex(readAtFrom(readAt, at), sizeBytes - at) }
  } catch (error) {
    if (!isContentError(error, 'INVALID_CAR')) throw error
    progress.note(`The index inside ${path} cannot be used, so the file itself is looked through: ${error.message}.`)
    return undefined
  }
}

async function openIndexAt(path: string, stack: AsyncDisposableStack): Promise<KnownIndex> {
  const { readAt, sizeBytes } = await openFileAt(path, stack)
  try {
    return { name: path, index: await openCarIndex(readAt, sizeBytes) }
  } catch (error) {
    if (!isContentError(error, 'INVALID_CAR')) throw error
    throw new CommandError(`${path}: ${error.message}. With --no-index the file itself is looked through.`, { cause: error })
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    (info) => info.isFile(),
    () => false,
  )
}

/** Under another name first: an index that is there is whole. Of a damaged file none is kept. */
export async function saveIndex(
  path: string,
  bytes: Uint8Array,
  damage: string | undefined,
  { progress }: Context,
): Promise<void> {
  if (damage !== undefined) return progress.note(`No index is kept, since the file ${damage}.`)
  try {
    await writeFile(`${path}.part`, bytes)
    await rename(`${path}.part`, path)
    progress.note(`The index is kept in ${path}.`)
  } catch (error) {
    await rm(`${path}.part`, { force: true })
    throw describeFileError(error, path)
  }
}
