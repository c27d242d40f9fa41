import type { Piece } from '@keepsake/content/piece/piece.ts'
import type { CID } from 'multiformats/cid'
import type { StagedBlob } from '../blobs/blobs.ts'
import type { WrittenShard } from '../blocks/shard-writer.ts'
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
}

export interface LaidOut {
  root: CID | undefined
  piece: Piece
  recipe: RecipeRow[]
  /** The shard that was written to `staged`, where there is one. */
  generated: WrittenShard | undefined
  placements: readonly Placement[]
}

/** Puts items together in one of the layouts, verifying every block on the way. The same items always give the same bytes. @throws ItemError */
export type Layouter = (input: LayoutInput) => Promise<LaidOut>
