/** Ids of deals on the chain that are ours: which parts of the market's arrays matter. */
export interface KnownIds {
  has(id: number): boolean
  /** Whether any is among `length` ids from `first` on. */
  touches(first: number, length: number): boolean
  add(id: number): void
  readonly size: number
}

/** @param ascending a million are 8 MB */
export function knownIds(ascending: Iterable<number>): KnownIds {
  const ids = [...ascending]
  /** Index of the first id that is not below. */
  const place = (id: number): number => {
    let [low, high] = [0, ids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((ids[middle] as number) < id) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    has: (id) => ids[place(id)] === id,
    touches(first, length) {
      const next = ids[place(first)]
      return next !== undefined && next < first + length
    },
    add(id) {
      const at = place(id)
      if (ids[at] !== id) ids.splice(at, 0, id)
    },
    get size() {
      return ids.length
    },
  }
}
