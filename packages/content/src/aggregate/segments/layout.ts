import type { CID } from 'multiformats/cid'
import { NODE_BYTES } from '../../piece/hash-pairs.ts'
import { capacityBytes, type Piece, paddedBytes } from '../../piece/piece.ts'
import type { RecipePart } from '../recipe.ts'
import { ENTRY_BYTES, encodeEntry, type SegmentEntry } from './entry.ts'
import type { InclusionProof } from './inclusion.ts'
import { dataOffset, encodeIndex, indexStart } from './index-area.ts'
import { orderSegments, placeSegments } from './place.ts'
import { type KnownNode, sparseTree } from './sparse-tree.ts'

/** A CAR we store, as a piece of its own. */
export interface Segment extends Piece {
  shard: CID
}

/** A segment and its place; the place in the index is that in the list. */
export interface PlacedSegment extends Segment, SegmentEntry {}

/** An aggregate of data segments (FRC-0058). */
export interface SegmentAggregate {
  layout: 'segments'
  /** The commitment follows from those of the segments: no data has to be read for it. All of the aggregate is data, zeros included. */
  piece: Piece
  entries: readonly PlacedSegment[]
  /** The data of the aggregate, in order: the segments, zeros in the gaps, the index. */
  parts(): Generator<RecipePart, void, undefined>
  /** That a segment is in the aggregate and in its index. */
  prove(position: number): InclusionProof
}

/**
 * Puts segments into one aggregate of `height`, each once (the first counts), largest first.
 *
 * @throws {ContentError} what `placeSegments` does.
 */
export function layOutSegments(segments: Iterable<Segment>, height: number): SegmentAggregate {
  const ordered = orderSegments(eachOnce(segments))
  const offsets = placeSegments(ordered, height)
  const entries = ordered.map((segment, at) => ({ ...segment, offset: offsets[at]! }))
  const tree = sparseTree(knownNodes(entries, height), height)
  return {
    layout: 'segments',
    piece: { root: tree.node(height, 0), height, payloadBytes: capacityBytes(height) },
    entries,
    parts: () => partsOf(entries, height),
    prove(position) {
      const entry = entries[position]
      if (!entry) throw new RangeError(`The aggregate has no segment ${position}.`)
      return {
        subtree: tree.prove(entry.height, entry.offset / paddedBytes(entry.height)),
        index: tree.prove(1, indexStart(height) / ENTRY_BYTES + position),
      }
    },
  }
}

/** The same piece twice would be two entries that nobody can tell apart. */
function eachOnce(segments: Iterable<Segment>): Segment[] {
  const byRoot = new Map<string, Segment>()
  for (const segment of segments) {
    const name = String.fromCharCode(segment.height, ...segment.root)
    if (!byRoot.has(name)) byRoot.set(name, segment)
  }
  return [...byRoot.values()]
}

function knownNodes(entries: readonly SegmentEntry[], height: number): KnownNode[] {
  const known: KnownNode[] = entries.map(({ height: level, offset, root }) => ({
    height: level,
    index: offset / paddedBytes(level),
    node: root,
  }))
  const firstLeaf = indexStart(height) / NODE_BYTES
  for (const [position, entry] of entries.entries()) {
    const bytes = encodeEntry(entry)
    for (const half of [0, 1]) {
      const node = bytes.subarray(half * NODE_BYTES, (half + 1) * NODE_BYTES)
      known.push({ height: 0, index: firstLeaf + 2 * position + half, node })
    }
  }
  return known
}

function* partsOf(entries: readonly PlacedSegment[], height: number): Generator<RecipePart, void, undefined> {
  let end = 0
  const zerosTo = function* (offset: number): Generator<RecipePart> {
    if (offset > end) yield { kind: 'zeros', length: offset - end }
  }
  for (const { shard, payloadBytes, offset } of entries) {
    const start = dataOffset(offset)
    yield* zerosTo(start)
    yield { kind: 'shard', shard, offset: 0, length: payloadBytes }
    end = start + payloadBytes
  }
  const start = dataOffset(indexStart(height))
  yield* zerosTo(start)
  const bytes = encodeIndex(entries)
  yield { kind: 'bytes', bytes }
  end = start + bytes.length
  yield* zerosTo(capacityBytes(height))
}
