import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { readSums } from './recipe-store.ts'
import { SUM_BYTES } from './sums.ts'

/** Reads the sum with a number. */
export type ReadSum = (index: number) => Promise<number>

/** The sums that were read last, of whatever aggregates. */
export interface KeptSums {
  /** `version` is another whenever the aggregate may be. Undefined where it has none: it was validated by an older version. */
  of(aggregate: { id: number; version: number }): Promise<ReadSum | undefined>
}

/** Sums read at once: those of 128 MiB. */
const sumsAtOnce = 4096
/** One MiB. */
const maxPages = 64

interface Page {
  id: number
  version: number
  number: number
  /** Undefined while the aggregate has no sums. */
  sums: Promise<Buffer | undefined>
}

/** Keeps pages of sums, since whoever reads one reads its neighbours next. */
export function keptSums(database: Db): KeptSums {
  let kept: Page[] = []
  const page = (id: number, version: number, number: number): Page['sums'] => {
    let found = kept.find((one) => one.id === id && one.version === version && one.number === number)
    if (!found) {
      found = { id, version, number, sums: readSums(database, id, number * sumsAtOnce, sumsAtOnce) }
      found.sums.catch(() => {
        kept = kept.filter((one) => one !== found)
      })
    }
    const first = found
    kept = [first, ...kept.filter((one) => one !== first)].slice(0, maxPages)
    return first.sums
  }
  return {
    async of({ id, version }) {
      if ((await page(id, version, 0)) === undefined) return undefined
      // Whoever goes through an aggregate asks for a page once, not for each sum.
      let open: { number: number; sums: Page['sums'] } | undefined
      return async (index) => {
        const number = Math.floor(index / sumsAtOnce)
        if (open?.number !== number) open = { number, sums: page(id, version, number) }
        const sums = await open.sums
        const at = (index % sumsAtOnce) * SUM_BYTES
        if (!sums || at + SUM_BYTES > sums.length)
          throw new KeepsakeError('ERROR_CONTENT_DAMAGED', `Aggregate ${id} has fewer sums than it should; validate it again.`)
        return sums.readUInt32LE(at)
      }
    },
  }
}
