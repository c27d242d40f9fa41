import { carCid, chunksOf, type Kind, type Sample, sampleOf } from './samples.ts'
import type { Random } from './seeded.ts'

/**
 * What is known of one upload. `unsure`: sent, and no answer came; the server may have it. `kept`: acknowledged, or seen complete.
 * `unsure-deleted`: a delete was sent and no answer came. `absent`: sent in vain, and seen not to be there.
 */
type Standing = 'unsure' | 'kept' | 'unsure-deleted' | 'deleted' | 'absent'

export interface Entry {
  readonly n: number
  readonly kind: Kind
  readonly seed: string
  standing: Standing
  /** Which it may bear; more than one while a rename is unsure. */
  names: string[]
  cid: string | undefined
  /** Number of kills before it was sent, or before what is known of it last changed. */
  changedAt: number
  /** Somebody is changing it at this moment. */
  busy: boolean
  /** Only of kind `chunked`: the CAR CIDs of its parts, and which were sent and acknowledged, by index. */
  chunks: { names: string[]; sent: Set<number>; acknowledged: Set<number>; complete: boolean } | undefined
}

/** Everything that was ever sent, as seeds and what came back. */
export interface Ledger {
  readonly seed: string
  readonly entries: Entry[]
  /** Kills so far. */
  kills: number
  add(kind: Kind): Entry
  /** The entry that an upload of this name is, if it is one. */
  find(name: string): Entry | undefined
  /** A finished upload that nobody is changing. */
  pickKept(random: Random): Entry | undefined
}

export function openLedger(seed: string): Ledger {
  const entries: Entry[] = []
  return {
    seed,
    entries,
    kills: 0,
    add(kind) {
      const n = entries.length
      const entry: Entry = {
        n,
        kind,
        seed: `${seed}/${n}`,
        standing: 'unsure',
        names: [`k-${n}`],
        cid: undefined,
        changedAt: this.kills,
        busy: true,
        chunks: undefined,
      }
      entries.push(entry)
      return entry
    },
    find(name) {
      const n = /^k-(\d+)(~\d+)?$/.exec(name)?.[1]
      return n === undefined ? undefined : entries[Number(n)]
    },
    pickKept(random) {
      for (let attempt = 0; attempt < 8 && entries.length > 0; attempt++) {
        const entry = random.pick(entries)
        if (entry.standing === 'kept' && !entry.busy && entry.kind !== 'chunked') return entry
      }
      return undefined
    },
  }
}

export function contentOf({ kind, seed }: Entry): Sample {
  return sampleOf(kind, seed)
}

/** The parts of a chunked upload, whose names are noted the first time. */
export function partsOf(entry: Entry): Uint8Array[] {
  const sample = contentOf(entry)
  if (sample.kind !== 'chunked') throw new Error(`Upload ${entry.n} does not come in chunks.`)
  const cars = chunksOf(sample.dag)
  entry.chunks ??= { names: cars.map((car) => String(carCid(car))), sent: new Set(), acknowledged: new Set(), complete: false }
  return cars
}

export function describe({ n, kind, seed, standing, cid, names, changedAt }: Entry): string {
  return `upload ${n} (${kind}, seed "${seed}", ${standing} since kill ${changedAt}, cid ${cid ?? 'unknown'}, name ${names.join(' or ')})`
}
