/** Reads bytes of a file at a place; fewer than asked for only where the file ends. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

/** Bytes in memory as such a file. */
export function readAtOf(bytes: Uint8Array): ReadAt {
  return async (offset, length) => bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length))
}

/** An open file as such, by whatever opened it; structural, so that this runs where there are no files. */
export function readAtHandle(handle: {
  read(into: Uint8Array, at: number, length: number, position: number): Promise<{ bytesRead: number }>
}): ReadAt {
  return async (offset, length) => {
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return bytes.subarray(0, filled)
  }
}

/** The part of a file that begins at `offset`, as a file of its own. */
export function readAtFrom(readAt: ReadAt, offset: number): ReadAt {
  return (at, length) => readAt(offset + at, length)
}
