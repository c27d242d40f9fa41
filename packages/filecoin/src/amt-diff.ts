import type { CID } from 'multiformats/cid'
import { type AmtNode, type AmtRoot, checkLevel, decodeAmtNode, placesOf, readAmtRoot } from './amt.ts'
import { type GetBlock, requireBlock } from './blocks.ts'
import { ChainFormatError } from './errors.ts'
import { compareBytes } from './hamt.ts'

/** An index at which two arrays differ. */
export interface AmtChange {
  index: number
  /** The value's CBOR in the first array; undefined where that has none. A view. */
  before: Uint8Array | undefined
  /** In the second. */
  after: Uint8Array | undefined
}

export interface AmtDiffOptions {
  /** Whether anything in `length` indexes from `first` on matters; where nothing does, nothing is read. */
  matters?: (first: number, length: number) => boolean
}

/** A part of an array: a node that is still to be read, or the top of an array that is lower than the other. */
type Part = { cid: CID } | { top: AmtNode; height: number }
type Item = Part | Uint8Array

function isValue(item: Item | undefined): item is Uint8Array {
  return item instanceof Uint8Array
}

function isSame(a: Part | undefined, b: Part | undefined): boolean {
  return a !== undefined && b !== undefined && 'cid' in a && 'cid' in b && a.cid.equals(b.cid)
}

/**
 * Where two arrays differ, in order of the indexes. Reads only nodes that differ, so that what changed in millions of values from one epoch to the
 * next costs a few reads. Without a first array, everything in the second is new.
 *
 * @throws ChainFormatError `BLOCK_NOT_FOUND` for a node of either that is not there; `INVALID_NODE`, `INVALID_CBOR`; `UNKNOWN_LAYOUT` where the two
 * are of different widths
 */
export async function* amtChanges(
  get: GetBlock,
  before: CID | undefined,
  after: CID,
  { matters = () => true }: AmtDiffOptions = {},
): AsyncGenerator<AmtChange> {
  if (before?.equals(after)) return
  const load = async (cid: CID): Promise<AmtRoot> => readAmtRoot(requireBlock(cid, await get(cid)))
  const [old, now] = [before && (await load(before)), await load(after)]
  const { bitWidth } = now
  if (old && old.bitWidth !== bitWidth) {
    throw new ChainFormatError('UNKNOWN_LAYOUT', `Arrays of width ${2 ** old.bitWidth} and ${2 ** bitWidth} cannot be compared.`)
  }

  const itemsOf = async (part: Part | undefined, level: number): Promise<Map<number, Item>> => {
    if (part === undefined) return new Map()
    // A lower array is what the first place of a higher one would hold.
    if ('top' in part && part.height < level) return new Map([[0, part]])
    const node = 'top' in part ? part.top : decodeAmtNode(requireBlock(part.cid, await get(part.cid)), bitWidth)
    checkLevel(node, level)
    const items: Item[] = level === 0 ? node.values : node.links.map((cid) => ({ cid }))
    return new Map([...placesOf(node, bitWidth)].map((place, at) => [place, items[at] as Item]))
  }

  async function* compare(a: Part | undefined, b: Part | undefined, level: number, first: number): AsyncGenerator<AmtChange> {
    const span = 2 ** (bitWidth * level)
    if (isSame(a, b) || !matters(first, span * 2 ** bitWidth)) return
    const [left, right] = [await itemsOf(a, level), await itemsOf(b, level)]
    for (const place of [...new Set([...left.keys(), ...right.keys()])].sort((x, y) => x - y)) {
      const [one, other] = [left.get(place), right.get(place)]
      const index = first + place * span
      if (level === 0) yield* changed(index, one, other)
      else yield* compare(one as Part | undefined, other as Part | undefined, level - 1, index)
    }
  }
  const level = Math.max(old?.height ?? 0, now.height)
  yield* compare(old && { top: old.node, height: old.height }, { top: now.node, height: now.height }, level, 0)
}

function* changed(index: number, one: Item | undefined, other: Item | undefined): Generator<AmtChange> {
  const [before, after] = [isValue(one) ? one : undefined, isValue(other) ? other : undefined]
  if (before && after && compareBytes(before, after) === 0) return
  yield { index, before, after }
}
