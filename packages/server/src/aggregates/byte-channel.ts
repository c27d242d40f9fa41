/**
 * Bytes that one pushes and another pulls; who pushes is kept waiting while more than a few are on the way. What was pulled is good until the next is
 * asked for.
 */
export interface ByteChannel extends AsyncIterable<Uint8Array> {
  /** Resolves when more may be pushed. The bytes must not change after. */
  push(bytes: Uint8Array): Promise<void> | undefined
  end(): void
  /** Ends it with an error for whoever pulls. */
  fail(error: unknown): void
}

/** Small pieces are put together to this size: each costs as much as a large one. */
const chunkBytes = 512 * 1024
const maxWaitingBytes = 8 * 1024 * 1024

export function byteChannel(): ByteChannel {
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  const mine = new Set<ArrayBufferLike>()
  const idle: Uint8Array[] = []
  /** Used again and again: hundreds of megabytes of them would go by between two collections of garbage. */
  const take = (): Uint8Array => {
    const bytes = idle.pop() ?? new Uint8Array(chunkBytes)
    mine.add(bytes.buffer)
    return bytes
  }
  let gathered = take()
  let filled = 0
  let ended = false
  let failure: { error: unknown } | undefined
  let roomMade = Promise.withResolvers<void>()
  let cameIn = Promise.withResolvers<void>()

  const enqueue = (bytes: Uint8Array) => {
    waiting.push(bytes)
    waitingBytes += bytes.length
    cameIn.resolve()
  }
  const flush = () => {
    if (filled === 0) return
    enqueue(gathered.subarray(0, filled))
    gathered = take()
    filled = 0
  }
  return {
    push(bytes) {
      if (bytes.length >= chunkBytes / 4) {
        flush()
        enqueue(bytes)
      } else {
        if (filled + bytes.length > chunkBytes) flush()
        gathered.set(bytes, filled)
        filled += bytes.length
      }
      return waitingBytes > maxWaitingBytes && !failure && !ended ? roomMade.promise : undefined
    },
    end() {
      flush()
      ended = true
      cameIn.resolve()
    },
    fail(error) {
      failure = { error }
      cameIn.resolve()
      roomMade.resolve()
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          if (failure) throw failure.error
          const bytes = waiting.shift()
          if (bytes) {
            waitingBytes -= bytes.length
            if (waitingBytes <= maxWaitingBytes) {
              roomMade.resolve()
              roomMade = Promise.withResolvers()
            }
            yield bytes
            if (mine.has(bytes.buffer)) idle.push(new Uint8Array(bytes.buffer))
          } else if (ended) return
          else {
            await cameIn.promise
            cameIn = Promise.withResolvers()
          }
        }
      } finally {
        // Nobody pulls any more: who pushes must not wait for ever.
        ended = true
        roomMade.resolve()
      }
    },
  }
}
