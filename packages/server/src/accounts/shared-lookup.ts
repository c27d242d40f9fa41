/**
 * Has callers that ask for the same at the same time share a look-up, which begins only after each of them has asked: whoever comes while one is under way
 * shares the next. So nobody gets an answer that is older than the question, and a key that is used by a thousand requests at once is looked up one after
 * the other instead of a thousand times.
 */
export function sharedLookup<T>(lookUp: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const running = new Map<string, Promise<T>>()
  const following = new Map<string, Promise<T>>()
  const begin = async (key: string): Promise<T> => {
    const found = lookUp(key)
    running.set(key, found)
    try {
      return await found
    } finally {
      running.delete(key)
    }
  }
  const follow = async (key: string, before: Promise<T>): Promise<T> => {
    await before.catch(() => {})
    following.delete(key)
    return await begin(key)
  }
  return (key) => {
    const before = running.get(key)
    if (before === undefined) return begin(key)
    const next = following.get(key) ?? follow(key, before)
    following.set(key, next)
    return next
  }
}
