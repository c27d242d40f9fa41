/**
 * Yields what several sources yield, as it comes. One that fails ends, and is told to `onError`; the others go on. When the reader stops, all are stopped.
 */
export async function* merge<T>(
  sources: readonly AsyncIterable<T>[],
  onError: (error: unknown) => void,
): AsyncGenerator<T, void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]())
  const pending = new Map<number, Promise<{ index: number; result: IteratorResult<T> }>>()
  const advance = (index: number) => {
    const next = (iterators[index] as AsyncIterator<T>).next().then(
      (result) => ({ index, result }),
      (error: unknown) => {
        onError(error)
        return { index, result: { done: true as const, value: undefined } }
      },
    )
    pending.set(index, next)
  }
  for (const index of iterators.keys()) advance(index)
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values())
      pending.delete(index)
      if (result.done) continue
      yield result.value
      advance(index)
    }
  } finally {
    // Not waited for: a source may be in the middle of waiting itself, and ends with the caller's signal.
    for (const index of pending.keys()) void iterators[index]?.return?.()?.catch(() => {})
  }
}
