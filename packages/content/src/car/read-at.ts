/** Reads bytes of a file at a place; fewer than asked for only where the file ends. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

/** Bytes in memory as such a file. */
export function readAtOf(bytes: Uint8Array): ReadAt {
  return async (offset, length) => bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length))
}

/** The part of a file that begins at `offset`, as a file of its own. */
export function readAtFrom(readAt: ReadAt, offset: number): ReadAt {
  return (at, length) => readAt(offset + at, length)
}
