import type { Piece } from '@keepsake/content/piece/piece.ts'
import type { CID } from 'multiformats/cid'
import type { StagedBlob } from '../blobs/blobs.ts'
import type { ShardToEnter } from '../blocks/content.ts'
import type { Entry, Placement } from './build-store.ts'
import type { RecipeRow } from './recipe-codec.ts'
import type { SectionReader } from './section-reader.ts'

export interface LayoutInput {
  /** Sorted by the text of their CIDs; `ItemError` counts in this order. */
  entries: readonly Entry[]
  reader: SectionReader
  /** For what is generated and large; without a name yet. */
  staged: StagedBlob
  signal: AbortSignal | undefined
  /** Told how many bytes have been put together so far. */
  onProgress: (bytes: number) => void
  /** Threads that compute pieces, as `commPOfStream` takes it. */
  commPThreads: number | undefined
}

export interface LaidOut {
  root: CID | undefined
  piece: Piece
  recipe: RecipeRow[]
  /** The shard that was written to `staged`, where there is one. */
  generated: ShardToEnter | undefined
  items: number
  /** Made as they are walked through, for there may be a hundred thousand. */
  placements: Iterable<Placement>
}

/** Puts items together in one of the layouts, verifying every block on the way. The same items always give the same bytes. @throws ItemError */
export type Layouter = (input: LayoutInput) => Promise<LaidOut>
