import type { AmtEntry } from '@keepsake/filecoin/amt.ts'
import type { PutBlock } from '@keepsake/filecoin/blocks.ts'
import { byteString, encode, integer, link, type Piece, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import type { CID } from 'multiformats/cid'

/** An AMT that can be changed. Saving writes only the nodes above what changed, in the same form as if it were built anew. */
export interface ChainArray {
  readonly size: number
  /** The value's CBOR. */
  get(index: number): Uint8Array | undefined
  set(index: number, value: Uint8Array): void
  delete(index: number): void
  /** In the order of indexes. */
  entries(): AmtEntry[]
  /** @returns the CID of its root */
  save(put: PutBlock): CID
}

export function chainArray(bitWidth: number, initial: Iterable<AmtEntry> = []): ChainArray {
  const width = 2 ** bitWidth
  /** Values by index in each leaf, by the leaf's place. Empty ones are not kept. */
  const leaves = new Map<number, Map<number, Uint8Array>>()
  /** CIDs by place, for each level below the root's. */
  let saved: Map<number, CID>[] = []
  let savedHeight = -1
  let changed = new Set<number>()
  let size = 0

  function set(index: number, value: Uint8Array): void {
    const place = Math.floor(index / width)
    const leaf = leaves.get(place) ?? new Map<number, Uint8Array>()
    if (!leaf.has(index)) size++
    leaf.set(index, value)
    leaves.set(place, leaf)
    changed.add(place)
  }

  function remove(index: number): void {
    const place = Math.floor(index / width)
    const leaf = leaves.get(place)
    if (!leaf?.delete(index)) return
    size--
    if (leaf.size === 0) leaves.delete(place)
    changed.add(place)
  }

  /** Levels above the leaves, as few as its last index needs. */
  function height(): number {
    const last = Math.max(0, ...(leaves.get(Math.max(0, ...leaves.keys()))?.keys() ?? []))
    let levels = 0
    while (last >= width ** (levels + 1)) levels++
    return levels
  }

  /** The node at a place of a level; undefined where nothing is below it. */
  function nodeAt(level: number, place: number): Piece | undefined {
    const first = place * width
    const below = level === 0 ? leaves.get(place) : saved[level - 1]
    const bitmap = new Uint8Array(Math.max(1, width / 8))
    const items: Piece[] = []
    for (let at = 0; at < width; at++) {
      const item = below?.get(first + at)
      if (item === undefined) continue
      bitmap[at >> 3] = bitmap[at >> 3]! | (1 << (at & 7))
      items.push(item instanceof Uint8Array ? item : link(item))
    }
    if (items.length === 0) return undefined
    return level === 0 ? tuple(byteString(bitmap), tuple(), tuple(...items)) : tuple(byteString(bitmap), tuple(...items), tuple())
  }

  for (const { index, value } of initial) set(index, value)
  return {
    get size() {
      return size
    },
    get: (index) => leaves.get(Math.floor(index / width))?.get(index),
    set,
    delete: remove,
    entries: () =>
      [...leaves]
        .sort(([a], [b]) => a - b)
        .flatMap(([, leaf]) => [...leaf].sort(([a], [b]) => a - b).map(([index, value]) => ({ index, value }))),
    save(put) {
      const levels = height()
      if (levels !== savedHeight) {
        saved = Array.from({ length: levels }, () => new Map<number, CID>())
        changed = new Set(leaves.keys())
        savedHeight = levels
      }
      for (const [level, cids] of saved.entries()) {
        const above = new Set<number>()
        for (const place of changed) {
          const node = nodeAt(level, place)
          if (node === undefined) cids.delete(place)
          else cids.set(place, put(encode(node)))
          above.add(Math.floor(place / width))
        }
        changed = above
      }
      changed = new Set()
      const root = nodeAt(levels, 0) ?? tuple(byteString(new Uint8Array(Math.max(1, width / 8))), tuple(), tuple())
      return put(encode(tuple(integer(bitWidth), integer(levels), integer(size), root)))
    },
  }
}
