import { open } from 'node:fs/promises'
import { type ReadAt, readAtHandle } from '@keepsake/content/car/read-at.ts'

/** Reads parts of a file by its name. The file is open only while it is read, so there may be any number of them. */
export function readAtPath(path: string): ReadAt {
  return async (offset, length) => {
    await using file = await open(path, 'r')
    return await readAtHandle(file)(offset, length)
  }
}
