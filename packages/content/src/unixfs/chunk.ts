/** Gives a buffer of so many bytes, whatever is in it. */
export type Allocate = (bytes: number) => Uint8Array

/**
 * Cuts a stream into chunks of `chunkBytes`, the last one shorter. Nothing comes out of an empty stream. A chunk that lies in
 * one piece of the source is a view of it; one that spans pieces is copied once, into a buffer of `allocate`.
 */
export async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  chunkBytes: number,
  allocate: Allocate = (bytes) => new Uint8Array(bytes),
): AsyncGenerator<Uint8Array> {
  /** The start of a chunk that is not full yet: a view while it is of one piece, a buffer of `chunkBytes` from the second on. */
  let partial: Uint8Array | undefined
  let filled = 0
  for await (const piece of source) {
    let at = 0
    if (partial !== undefined && piece.length > 0) {
      if (partial.length < chunkBytes) partial = grow(partial, allocate(chunkBytes))
      at = Math.min(chunkBytes - filled, piece.length)
      partial.set(piece.subarray(0, at), filled)
      filled += at
      if (filled < chunkBytes) continue
      yield partial
      partial = undefined
    }
    for (; piece.length - at >= chunkBytes; at += chunkBytes) yield piece.subarray(at, at + chunkBytes)
    if (at < piece.length) {
      partial = piece.subarray(at)
      filled = partial.length
    }
  }
  if (partial !== undefined) yield partial.subarray(0, filled)
}

function grow(bytes: Uint8Array, grown: Uint8Array): Uint8Array {
  grown.set(bytes)
  return grown
}
