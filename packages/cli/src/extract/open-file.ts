import { open, stat } from 'node:fs/promises'
import { type ReadAt, readAtHandle } from '@keepsake/content/car/read-at.ts'
import { CommandError, describeFileError } from '../failure.ts'

/** A file that is read at many places. */
export interface OpenFile {
  readAt: ReadAt
  sizeBytes: number
}

/** Opens a file; `stack` closes it. @throws CommandError naming it */
export async function openFileAt(path: string, stack: AsyncDisposableStack): Promise<OpenFile> {
  try {
    // Looked at first: to open a pipe would wait for whoever writes to it.
    if (!(await stat(path)).isFile()) throw new CommandError(`${path} is not a file; it has to be read at many places.`)
    const handle = stack.use(await open(path, 'r'))
    return { readAt: readAtHandle(handle), sizeBytes: (await handle.stat()).size }
  } catch (error) {
    throw describeFileError(error, path)
  }
}
