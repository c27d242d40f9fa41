import { open } from 'node:fs/promises'
import type { ReadAt } from '@keepsake/content/car/read-at.ts'

/** Reads parts of a file by its name. The file is open only while it is read, so there may be any number of them. */
export function readAtPath(path: string): ReadAt {
  return async (offset, length) => {
    await using file = await open(path, 'r')
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  }
}
