/** A number of places; whoever takes one waits until one is free, in turn. */
export interface Slots {
  /** @throws what `signal` was aborted with, while waiting */
  hold<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
}

export function slots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  const release = () => {
    const next = waiting.shift()
    if (next) next()
    else free++
  }
  const take = async (signal: AbortSignal) => {
    signal.throwIfAborted()
    if (free > 0) {
      free--
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => {
      const at = waiting.indexOf(resolve)
      // No longer there: the place was given already, and is used in a moment.
      if (at === -1) return
      waiting.splice(at, 1)
      reject(signal.reason)
    }
    waiting.push(resolve)
    signal.addEventListener('abort', abort)
    await promise.finally(() => signal.removeEventListener('abort', abort))
  }
  return {
    async hold(signal, work) {
      await take(signal)
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}
