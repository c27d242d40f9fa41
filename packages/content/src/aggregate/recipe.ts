import type { CID } from 'multiformats/cid'

/**
 * How things are put together into one aggregate. `unixfs-2021`: one CAR whose root is a directory of everything in it. `segments`: whole pieces
 * side by side with an index behind them (FRC-0058).
 */
export type AggregateLayout = 'unixfs-2021' | 'segments'

/**
 * What stands at one place of an aggregate. `bytes` were generated; `shard` is a range of a CAR we store, so that nothing is kept twice; `zeros`
 * fill a gap. Lengths are never 0.
 */
export type RecipePart =
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'shard'; shard: CID; offset: number; length: number }
  | { kind: 'zeros'; length: number }

/** All bytes of an aggregate, in order: the bytes providers download and CommP is taken over. The same things give the same bytes, always. */
export interface Recipe {
  layout: AggregateLayout
  sizeBytes: number
  parts: RecipePart[]
}

/** How many bytes of the aggregate a part is. */
export function partBytes(part: RecipePart): number {
  return part.kind === 'bytes' ? part.bytes.length : part.length
}
