/**
 * Does something that ends when `signal` aborts or the time is over, also where the work itself does not listen.
 *
 * @param tooLate made when the time is over, and thrown
 */
export async function withTimeout<T>(
  { timeoutMs, signal, tooLate }: { timeoutMs: number; signal: AbortSignal; tooLate: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const ending = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = (reason: unknown) => {
    ending.abort(reason)
    reject(reason)
  }
  const onAbort = () => end(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => end(tooLate()), timeoutMs)
  try {
    return await Promise.race([work(ending.signal), ended])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
