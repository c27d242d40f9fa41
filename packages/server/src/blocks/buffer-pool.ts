/** Buffers of one size that are used again and again, so that a large file does not make garbage of its own size. */
export function bufferPool(bufferBytes: number) {
  const idle: Uint8Array[] = []
  const lent = new Set<Uint8Array>()
  return {
    take(): Uint8Array {
      const buffer = idle.pop() ?? new Uint8Array(bufferBytes)
      lent.add(buffer)
      return buffer
    },
    /** Takes a buffer back when nobody reads it any more. What is not from here is left alone. */
    giveBack(buffer: Uint8Array): void {
      if (lent.delete(buffer)) idle.push(buffer)
    },
  }
}
