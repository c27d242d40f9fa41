import type { AbortOptions } from '@keepsake/content/block.ts'
import type { RecipeReader } from './recipe-reader.ts'
import { SUMMED_BYTES, summer } from './sums.ts'

/** An aggregate whose shards may have rotted since it was validated. */
export interface Checkable {
  recipe: RecipeReader
  /** The sum with this number. */
  sumOf(index: number): Promise<number>
  /** The error for bytes from `offset` on that are other ones. */
  damaged(offset: number): Error
}

/** Streams a range of an aggregate, and gives no byte that has not been compared with its sum. */
export async function* checkedStream(
  { recipe, sumOf, damaged }: Checkable,
  offset: number,
  length: number,
  options: AbortOptions = {},
): AsyncGenerator<Uint8Array, void> {
  if (length === 0) return
  const end = offset + length
  let index = Math.floor(offset / SUMMED_BYTES)
  const from = index * SUMMED_BYTES
  const to = Math.min(Math.ceil(end / SUMMED_BYTES) * SUMMED_BYTES, recipe.sizeBytes)
  const running = summer()
  /** Came in, and are not known to be right yet. */
  let held: Uint8Array[] = []
  let at = from
  const compare = async (sum: number) => {
    if (sum !== (await sumOf(index))) throw damaged(index * SUMMED_BYTES)
    index++
  }
  function* release(): Generator<Uint8Array, void> {
    for (const bytes of held) {
      const wanted = bytes.subarray(Math.max(0, offset - at), Math.max(0, end - at))
      at += bytes.length
      if (wanted.length > 0) yield wanted
    }
    held = []
  }
  for await (const chunk of recipe.stream(from, to - from, options)) {
    const sums: number[] = []
    let right = 0
    running.add(chunk, (sum, chunkBytes) => {
      sums.push(sum)
      right = chunkBytes
    })
    for (const sum of sums) await compare(sum)
    if (right > 0) {
      held.push(chunk.subarray(0, right))
      yield* release()
    }
    if (right < chunk.length) held.push(chunk.subarray(right))
  }
  const last = running.end()
  if (last !== undefined) await compare(last)
  yield* release()
}
