import type { RecipePart } from '@keepsake/content/aggregate/recipe.ts'
import { partBytes } from '@keepsake/content/aggregate/recipe.ts'
import { CAR, cidFromSha256 } from '@keepsake/content/hash/cid.ts'
import { varint } from 'multiformats'
import type { CID } from 'multiformats/cid'

/** Some thousand parts of a recipe, as a row holds them. */
export interface RecipeRow {
  /** Where its first part begins in the aggregate. */
  byteOffset: number
  parts: Uint8Array
}

const kinds = { bytes: 0, shard: 1, zeros: 2 } as const
const digestBytes = 32
/** A row holds so many parts, or so many bytes of its own: what a reader that begins in the middle has to load. */
const maxParts = 4096
const maxBytes = 256 * 1024

/**
 * Writes a recipe down part by part. A row is: how many shards it names, their digests, then the parts, each a kind and its numbers. A shard is named
 * by its place among the digests, since a row reads from few or from each only once.
 */
export function recipeWriter() {
  const rows: RecipeRow[] = []
  let at = 0
  let row = newRow(0)
  const close = () => {
    if (row.count > 0) rows.push({ byteOffset: row.byteOffset, parts: encodeRow(row) })
    row = newRow(at)
  }
  return {
    get sizeBytes() {
      return at
    },
    add(part: RecipePart): void {
      addTo(row, part)
      at += partBytes(part)
      if (row.count >= maxParts || row.bytes >= maxBytes) close()
    },
    end(): RecipeRow[] {
      close()
      return rows
    },
  }
}

interface OpenRow {
  byteOffset: number
  count: number
  bytes: number
  shards: Map<string, { index: number; digest: Uint8Array }>
  chunks: Uint8Array[]
}

function newRow(byteOffset: number): OpenRow {
  return { byteOffset, count: 0, bytes: 0, shards: new Map(), chunks: [] }
}

function addTo(row: OpenRow, part: RecipePart): void {
  const chunks = chunksOf(row, part)
  row.count++
  for (const chunk of chunks) row.bytes += chunk.length
  row.chunks.push(...chunks)
}

function chunksOf(row: OpenRow, part: RecipePart): Uint8Array[] {
  switch (part.kind) {
    case 'bytes':
      return [numbers(kinds.bytes, part.bytes.length), part.bytes]
    case 'zeros':
      return [numbers(kinds.zeros, part.length)]
    case 'shard':
      return [numbers(kinds.shard, indexOfShard(row, part.shard), part.offset, part.length)]
  }
}

function indexOfShard(row: OpenRow, { multihash: { digest } }: CID): number {
  const name = Buffer.from(digest).toString('latin1')
  const known = row.shards.get(name)
  if (known) return known.index
  row.shards.set(name, { index: row.shards.size, digest })
  row.bytes += digestBytes
  return row.shards.size - 1
}

function numbers(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((sum, value) => sum + varint.encodingLength(value), 0))
  let at = 0
  for (const value of values) {
    varint.encodeTo(value, bytes, at)
    at += varint.encodingLength(value)
  }
  return bytes
}

function encodeRow({ shards, chunks }: OpenRow): Uint8Array {
  return Buffer.concat([numbers(shards.size), ...[...shards.values()].map(({ digest }) => digest), ...chunks])
}

/**
 * The parts of a row in order, each with its place in the aggregate, from the one on that holds byte `from` of the aggregate.
 *
 * @throws Error for bytes that no `recipeWriter` wrote
 */
export function* decodeRow(
  { byteOffset, parts: bytes }: RecipeRow,
  from = 0,
): Generator<{ offset: number; part: RecipePart }, void> {
  let at = 0
  const next = (): number => {
    const [value, length] = varint.decode(bytes, at)
    at += length
    return value
  }
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new Error('A row of a recipe ends in the middle of a part.')
    at += length
    return bytes.subarray(at - length, at)
  }
  const count = next()
  const digests = take(count * digestBytes)
  // Made when they are needed: who wants a hundred bytes does not want four thousand CIDs.
  const shards: (CID | undefined)[] = []
  const shardAt = (index: number): CID => {
    if (index >= count) throw new Error('A row of a recipe names a shard it does not list.')
    shards[index] ??= cidFromSha256(CAR, digests.subarray(index * digestBytes, (index + 1) * digestBytes))
    return shards[index]
  }
  const decodePart = (kind: number): RecipePart | { length: number } => {
    if (kind === kinds.bytes) return { kind: 'bytes', bytes: take(next()) }
    if (kind === kinds.zeros) return { kind: 'zeros', length: next() }
    if (kind !== kinds.shard) throw new Error(`A row of a recipe has a part of kind ${kind}.`)
    const [index, offset, length] = [next(), next(), next()]
    return place + length > from ? { kind: 'shard', shard: shardAt(index), offset, length } : { length }
  }
  let place = byteOffset
  while (at < bytes.length) {
    const part = decodePart(next())
    const end = place + ('kind' in part ? partBytes(part) : part.length)
    if (end > from && 'kind' in part) yield { offset: place, part }
    place = end
  }
}
