/** At most so many actions at once; the others wait in order of arrival. */
export interface Slots {
  use<T>(action: () => Promise<T>): Promise<T>
}

export function slots(count: number): Slots {
  let free = count
  const queue: (() => void)[] = []
  return {
    async use(action) {
      if (free > 0) free -= 1
      else await new Promise<void>((resolve) => queue.push(resolve))
      try {
        return await action()
      } finally {
        // Handed over directly: whoever comes meanwhile cannot overtake.
        const next = queue.shift()
        if (next) next()
        else free += 1
      }
    },
  }
}
