import { partBytes, type Recipe, type RecipePart } from '@keepsake/content/aggregate/recipe.ts'
import type { AbortOptions } from '@keepsake/content/block.ts'
import { compactText } from '@keepsake/content/hash/cid-text.ts'
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

/** Where a recipe's shards are read from. */
export type ShardReads = Pick<BlobStore, 'read' | 'readMany'>

/** What is read at once; also the largest chunk that comes out. */
const maxChunkBytes = 1024 * 1024
/** Parts up to this size are read together: small uploads lie each in a file of its own. */
const smallPartBytes = 64 * 1024
/** So many of them, at first few, since whoever waits for the first byte waits for all of the first. */
const firstPartsTogether = 8
const mostPartsTogether = 256
/** Read ahead, by number of reads and by size: less at first, since many leave after the first bytes. */
const maxReadsAhead = 32
const firstBytesAhead = 4 * maxChunkBytes
const maxBytesAhead = 8 * maxChunkBytes

export function recipeReader(blobs: ShardReads, source: RecipeSource): RecipeReader {
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
      return readAhead(blobs, gathered(slices(source, offset, length, options)), options)
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
): AsyncGenerator<RecipePart[], void> {
  const end = offset + length
  if (length === 0) return
  for await (const placed of source.partsFrom(offset, options)) {
    const cut: RecipePart[] = []
    let begin = placed.offset
    for (const part of placed.parts) {
      const partEnd = begin + partBytes(part)
      for (let at = Math.max(begin, offset); at < Math.min(partEnd, end); at += maxChunkBytes)
        cut.push(slice(part, at - begin, Math.min(maxChunkBytes, Math.min(partEnd, end) - at)))
      begin = partEnd
      if (begin >= end) break
    }
    yield cut
    if (begin >= end) return
  }
  throw new KeepsakeError('ERROR_CONTENT_DAMAGED', 'The recipe of this aggregate ends before its bytes do.')
}

function slice(part: RecipePart, from: number, length: number): RecipePart {
  if (from === 0 && length === partBytes(part)) return part
  if (part.kind === 'bytes') return { kind: 'bytes', bytes: part.bytes.subarray(from, from + length) }
  return part.kind === 'zeros' ? { kind: 'zeros', length } : { ...part, offset: part.offset + from, length }
}

/** Parts that are read at once, and come out as one chunk. */
interface Batch {
  parts: RecipePart[]
  bytes: number
}

/** Small parts that follow each other together, larger ones each by itself. */
async function* gathered(slices: AsyncIterable<RecipePart[]>): AsyncGenerator<Batch, void> {
  let small: Batch = { parts: [], bytes: 0 }
  let together = firstPartsTogether
  for await (const parts of slices) {
    for (const part of parts) {
      const bytes = partBytes(part)
      const isSmall = bytes <= smallPartBytes
      const isFull = small.parts.length >= together || small.bytes + bytes > maxChunkBytes
      if (small.parts.length > 0 && (!isSmall || isFull)) {
        yield small
        small = { parts: [], bytes: 0 }
        together = Math.min(mostPartsTogether, 2 * together)
      }
      if (isSmall) {
        small.parts.push(part)
        small.bytes += bytes
      } else yield { parts: [part], bytes }
    }
  }
  if (small.parts.length > 0) yield small
}

async function* readAhead(
  blobs: ShardReads,
  wanted: AsyncGenerator<Batch, void>,
  { signal }: AbortOptions,
): AsyncGenerator<Uint8Array, void> {
  const ahead: { reading: Promise<Uint8Array>; bytes: number }[] = []
  let bytesAhead = 0
  let mostBytesAhead = firstBytesAhead
  let more = true
  try {
    for (;;) {
      while (more && ahead.length < maxReadsAhead && bytesAhead < mostBytesAhead) {
        const next = await wanted.next()
        more = next.done !== true
        if (next.done) break
        ahead.push({ reading: readBatch(blobs, next.value, signal), bytes: next.value.bytes })
        bytesAhead += next.value.bytes
      }
      signal?.throwIfAborted()
      const first = ahead.shift()
      if (first === undefined) return
      yield await first.reading
      bytesAhead -= first.bytes
      mostBytesAhead = maxBytesAhead
    }
  } finally {
    await wanted.return()
  }
}

function readBatch(blobs: ShardReads, batch: Batch, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const reading = readParts(blobs, batch, signal).catch((error: unknown) => {
    if (!(error instanceof BlobNotFoundError || error instanceof BlobRangeError)) throw error
    throw new KeepsakeError('ERROR_CONTENT_DAMAGED', `A shard this aggregate is made of is gone or too short: ${error.key}.`, {
      cause: error,
    })
  })
  // Whoever stops reading early never looks at what was read ahead.
  reading.catch(() => {})
  return reading
}

async function readParts(blobs: ShardReads, { parts, bytes }: Batch, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const places = parts.flatMap((part) =>
    part.kind === 'shard' ? [{ key: compactText(part.shard), offset: part.offset, length: part.length }] : [],
  )
  const [first] = places
  if (!first) return assemble(parts, bytes, new Uint8Array(0))
  const read =
    places.length === 1
      ? await blobs.read(first.key, first.offset, first.length, { signal })
      : await blobs.readMany(places, { signal })
  return places.length === parts.length ? read : assemble(parts, bytes, read)
}

/** Puts what was generated between what was read. */
function assemble(parts: readonly RecipePart[], bytes: number, read: Uint8Array): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only?.kind === 'bytes') return only.bytes
  const chunk = new Uint8Array(bytes)
  let at = 0
  let readAt = 0
  for (const part of parts) {
    const length = partBytes(part)
    if (part.kind === 'bytes') chunk.set(part.bytes, at)
    if (part.kind === 'shard') {
      chunk.set(read.subarray(readAt, readAt + length), at)
      readAt += length
    }
    at += length
  }
  return chunk
}
