import type { CID } from 'multiformats/cid'
import type { Entry } from './build-store.ts'
import type { RecipeReader } from './recipe-reader.ts'
import type { SectionReader } from './section-reader.ts'

export interface ValidatorInput {
  root: CID | undefined
  entries: readonly Entry[]
  recipe: RecipeReader
  /** All bytes of the aggregate, to be read once and to their end. */
  source: AsyncIterable<Uint8Array>
  /** How many bytes at its beginning were generated. */
  generatedBytes: number
  /** Reads blocks by the index: only to know what belongs to a DAG that was split. */
  reader: SectionReader
  signal: AbortSignal | undefined
  /** Threads that compute pieces, as `commPOfStream` takes it. */
  commPThreads: number | undefined
}

/** Checks that the bytes of an aggregate are what its layout says, and hold every item. @throws BadAggregateError, ContentError */
export type Validator = (input: ValidatorInput) => Promise<void>
