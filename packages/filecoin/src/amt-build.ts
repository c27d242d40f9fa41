import type { CID } from 'multiformats/cid'
import type { AmtEntry } from './amt.ts'
import type { PutBlock } from './blocks.ts'
import { byteString, encode, integer, link, type Piece, tuple } from './cbor/writer.ts'

interface Shape {
  bitWidth: number
  /** Entries by index. */
  entries: AmtEntry[]
}

function nodeOf(bitWidth: number, places: readonly number[], links: readonly Piece[], values: readonly Piece[]): Piece {
  const bitmap = new Uint8Array(Math.max(1, 2 ** bitWidth / 8))
  for (const place of places) bitmap[place >> 3] = (bitmap[place >> 3] as number) | (1 << (place & 7))
  return tuple(byteString(bitmap), tuple(...links), tuple(...values))
}

function buildNode(put: PutBlock, { bitWidth, entries }: Shape, height: number, first: number): Piece {
  const span = 2 ** (bitWidth * height)
  const groups = Map.groupBy(entries, ({ index }) => Math.floor((index - first) / span))
  const places = [...groups.keys()].sort((a, b) => a - b)
  if (height === 0) {
    const values = places.map((place) => (groups.get(place) as AmtEntry[])[0]?.value as Uint8Array)
    return nodeOf(bitWidth, places, [], values)
  }
  const links = places.map((place) => {
    const inner = { bitWidth, entries: groups.get(place) as AmtEntry[] }
    return link(put(encode(buildNode(put, inner, height - 1, first + place * span))))
  })
  return nodeOf(bitWidth, places, links, [])
}

/**
 * Writes an array, no index twice. Without `bitWidth` in the form before actors v3, which messages and receipts still have.
 *
 * @returns the CID of its root
 */
export function buildAmt(put: PutBlock, entries: Iterable<AmtEntry>, bitWidth?: number): CID {
  const shape = { bitWidth: bitWidth ?? 3, entries: [...entries] }
  const last = shape.entries.reduce((max, { index }) => Math.max(max, index), 0)
  let height = 0
  while (last >= 2 ** (shape.bitWidth * (height + 1))) height++
  const node = buildNode(put, shape, height, 0)
  const width = bitWidth === undefined ? [] : [integer(bitWidth)]
  return put(encode(tuple(...width, integer(height), integer(shape.entries.length), node)))
}
