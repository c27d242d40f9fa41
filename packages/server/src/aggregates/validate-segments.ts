import { commPOfStream } from '@keepsake/commp/commp-of-stream.ts'
import { dataOffset, indexRange, parseIndex } from '@keepsake/content/aggregate/segments/index-area.ts'
import { heightFor } from '@keepsake/content/piece/piece.ts'
import { BadAggregateError } from './bad-aggregate-error.ts'
import type { Entry } from './build-store.ts'
import { byteChannel } from './byte-channel.ts'
import { completeness } from './completeness.ts'
import type { RecipeReader } from './recipe-reader.ts'
import { requireComplete } from './validate-unixfs.ts'
import type { Validator } from './validator.ts'
import { verifyCar } from './verify-car.ts'

/**
 * Validates an aggregate of data segments by its index alone: each entry leads to a CAR whose own piece it names, which has the item as its root and
 * holds all of its blocks.
 */
export const validateSegments: Validator = async ({ entries, recipe, source, reader, signal, commPThreads }) => {
  const index = await readIndex(recipe, signal)
  if (index.invalid > 0) throw new BadAggregateError(`${index.invalid} entries of its index are damaged.`)
  if (index.entries.length !== entries.length)
    throw new BadAggregateError(`Its index lists ${index.entries.length} segments, not ${entries.length}.`)
  const atOffset = new Map(index.entries.map((entry) => [dataOffset(entry.offset), entry]))
  const cursor = cursorOver(source)
  for (const row of [...entries].sort((a, b) => (a.byteOffset ?? 0) - (b.byteOffset ?? 0))) {
    const listed = atOffset.get(row.byteOffset ?? -1)
    if (!listed) throw new BadAggregateError(`The segment of ${row.cid} is not in the index.`)
    await cursor.skipTo(row.byteOffset as number)
    const piece = await verifySegment(row, cursor.take(row.byteLength as number), { reader, signal, commPThreads })
    if (piece.height !== listed.height || Buffer.compare(piece.root, listed.root) !== 0)
      throw new BadAggregateError(`The segment of ${row.cid} is another piece than its entry in the index says.`)
  }
  await cursor.skipTo(recipe.sizeBytes)
}

async function verifySegment(
  row: Entry,
  bytes: AsyncIterable<Uint8Array>,
  { reader, signal, commPThreads }: Pick<Parameters<Validator>[0], 'reader' | 'signal' | 'commPThreads'>,
) {
  const channel = byteChannel()
  const computing = commPOfStream(channel, { signal, threads: commPThreads })
  computing.catch(() => {})
  async function* told() {
    for await (const chunk of bytes) {
      await channel.push(chunk)
      yield chunk
    }
  }
  try {
    const seen = completeness()
    const roots = await verifyCar(told(), { signal, onBlock: ({ cid, bytes: block }) => seen.add(cid, block) })
    if (roots.length !== 1 || !roots[0]?.equals(row.cid))
      throw new BadAggregateError(`The CAR of ${row.cid} has other roots: ${roots.join(', ')}.`)
    await requireComplete(seen, [row], reader, signal)
    channel.end()
  } catch (error) {
    channel.fail(error)
    await computing.catch(() => {})
    throw error
  }
  return (await computing).piece
}

async function readIndex(recipe: RecipeReader, signal: AbortSignal | undefined) {
  const height = heightFor(recipe.sizeBytes)
  const { offset, length } = indexRange(height)
  const chunks: Uint8Array[] = []
  for await (const chunk of recipe.stream(offset, length, { signal })) chunks.push(chunk)
  return parseIndex(Buffer.concat(chunks), height)
}

/** Cuts a stream at places that come in order. */
function cursorOver(source: AsyncIterable<Uint8Array>) {
  const chunks = source[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)
  let position = 0
  async function* take(length: number): AsyncGenerator<Uint8Array, void> {
    let left = length
    while (left > 0) {
      if (rest.length === 0) {
        const next = await chunks.next()
        if (next.done) throw new BadAggregateError('It ends before its last segment does.')
        rest = next.value
      }
      const bytes = rest.subarray(0, left)
      rest = rest.subarray(bytes.length)
      position += bytes.length
      left -= bytes.length
      yield bytes
    }
  }
  return {
    take,
    async skipTo(offset: number): Promise<void> {
      if (offset < position) throw new BadAggregateError('Its segments overlap.')
      for await (const _ of take(offset - position));
    },
  }
}
