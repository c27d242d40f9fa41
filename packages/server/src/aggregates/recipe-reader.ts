import { partBytes, type Recipe, type RecipePart } from '@keepsake/content/aggregate/recipe.ts'
import type { AbortOptions } from '@keepsake/content/block.ts'
import { BlobNotFoundError, BlobRangeError, type BlobStore } from '../blobs/blobs.ts'
import { KeepsakeError } from '../errors.ts'

/** Neighbouring parts of a recipe, and where the first of them begins in the aggregate. */
export interface PlacedParts {
  offset: number
  parts: readonly RecipePart[]
}

/** Where a recipe is read from. It may be far too long to be held in memory. */
export interface RecipeSource {
  sizeBytes: number
  /** All parts in order, some at a time, from those that hold byte `offset` of the aggregate on. */
  partsFrom(offset: number, options?: AbortOptions): AsyncIterable<PlacedParts>
}

/** The bytes of an aggregate, made from its recipe each time. */
export interface RecipeReader {
  sizeBytes: number
  /**
   * Streams a range in order, in chunks of up to 1 MiB. Bytes of shards come as they lie on disk: that they are what they were is checked
   * when the aggregate is validated, since a range of a shard has no hash of its own.
   *
   * @throws KeepsakeError `ERROR_CONTENT_DAMAGED` when a shard is gone or too short
   * @throws {RangeError} for a range that is not inside the aggregate
   */
  stream(offset: number, length: number, options?: AbortOptions): AsyncGenerator<Uint8Array, void>
}

/** What is read at once; also the largest chunk that comes out. */
const maxChunkBytes = 1024 * 1024
/** Read ahead, by number and by size: small uploads lie each in a file of its own, and opening those one by one would take most of the time. */
const maxReadsAhead = 32
const maxBytesAhead = 8 * maxChunkBytes

export function recipeReader(blobs: Pick<BlobStore, 'read'>, source: RecipeSource): RecipeReader {
  return {
    sizeBytes: source.sizeBytes,
    stream(offset, length, options = {}) {
      if (
        !Number.isSafeInteger(offset) ||
        !Number.isSafeInteger(length) ||
        offset < 0 ||
        length < 0 ||
        offset + length > source.sizeBytes
      )
        throw new RangeError(`There are no ${length} bytes at ${offset} of ${source.sizeBytes}.`)
      return readAhead(blobs, slices(source, offset, length, options), options)
    },
  }
}

/** A recipe that is small enough to be held. */
export function recipeInMemory(recipe: Recipe): RecipeSource {
  return {
    sizeBytes: recipe.sizeBytes,
    async *partsFrom() {
      yield { offset: 0, parts: recipe.parts }
    },
  }
}

/** The parts a range is made of, cut at its ends, none longer than is read at once. */
async function* slices(
  source: RecipeSource,
  offset: number,
  length: number,
  options: AbortOptions,
): AsyncGenerator<RecipePart, void> {
  const end = offset + length
  if (length === 0) return
  for await (const placed of source.partsFrom(offset, options)) {
    let begin = placed.offset
    for (const part of placed.parts) {
      const partEnd = begin + partBytes(part)
      for (let at = Math.max(begin, offset); at < Math.min(partEnd, end); at += maxChunkBytes)
        yield slice(part, at - begin, Math.min(maxChunkBytes, Math.min(partEnd, end) - at))
      begin = partEnd
      if (begin >= end) return
    }
  }
  throw new KeepsakeError('ERROR_CONTENT_DAMAGED', 'The recipe of this aggregate ends before its bytes do.')
}

function slice(part: RecipePart, from: number, length: number): RecipePart {
  if (part.kind === 'bytes') return { kind: 'bytes', bytes: part.bytes.subarray(from, from + length) }
  return part.kind === 'zeros' ? { kind: 'zeros', length } : { ...part, offset: part.offset + from, length }
}

async function* readAhead(
  blobs: Pick<BlobStore, 'read'>,
  wanted: AsyncGenerator<RecipePart, void>,
  { signal }: AbortOptions,
): AsyncGenerator<Uint8Array, void> {
  const ahead: { bytes: Promise<Uint8Array>; length: number }[] = []
  let bytesAhead = 0
  let more = true
  try {
    for (;;) {
      while (more && ahead.length < maxReadsAhead && bytesAhead < maxBytesAhead) {
        const next = await wanted.next()
        more = next.done !== true
        if (next.done) break
        const length = partBytes(next.value)
        ahead.push({ bytes: readPart(blobs, next.value, signal), length })
        bytesAhead += length
      }
      signal?.throwIfAborted()
      const first = ahead.shift()
      if (first === undefined) return
      yield await first.bytes
      bytesAhead -= first.length
    }
  } finally {
    await wanted.return()
  }
}

function readPart(blobs: Pick<BlobStore, 'read'>, part: RecipePart, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (part.kind === 'bytes') return Promise.resolve(part.bytes)
  if (part.kind === 'zeros') return Promise.resolve(new Uint8Array(part.length))
  const bytes = blobs.read(String(part.shard), part.offset, part.length, { signal }).catch((error: unknown) => {
    if (!(error instanceof BlobNotFoundError || error instanceof BlobRangeError)) throw error
    throw new KeepsakeError('ERROR_CONTENT_DAMAGED', `A shard this aggregate is made of is gone or too short: ${part.shard}.`, {
      cause: error,
    })
  })
  // Whoever stops reading early never looks at what was read ahead.
  bytes.catch(() => {})
  return bytes
}
