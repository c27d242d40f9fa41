import { ContentError } from '../errors.ts'
import { LEAF_BYTES, QUAD_BYTES, QUAD_DATA_BYTES } from './fr32.ts'
import { NODE_BYTES, nodeOver } from './hash-pairs.ts'

/** Height of the smallest piece: one quad, four leaves. */
export const MIN_PIECE_HEIGHT = 2
/** Height above which sizes are not exact in JavaScript any more: 4 PiB. A sector holds 64 GiB, height 31. */
export const MAX_PIECE_HEIGHT = 47

/** Bytes as Filecoin sees them: a full binary tree over their padded form. */
export interface Piece {
  /** The node at the top of the tree, the bare commitment "CommP": 32 bytes. */
  root: Uint8Array
  /** Levels above the leaves: the padded form takes `2 ** height` leaves of 32 bytes. */
  height: number
  /** Bytes of data, before padding. The same root can belong to data with fewer or more zeros at its end. */
  payloadBytes: number
}

/** Bytes of the padded form of a piece: what a sector and a deal count. */
export function paddedBytes(height: number): number {
  return 2 ** height * LEAF_BYTES
}

/** The most bytes of data a piece of this height holds. */
export function capacityBytes(height: number): number {
  return (paddedBytes(height) / QUAD_BYTES) * QUAD_DATA_BYTES
}

/** Height of the smallest piece that holds so many bytes of data. */
export function heightFor(payloadBytes: number): number {
  let height = MIN_PIECE_HEIGHT
  while (capacityBytes(height) < payloadBytes) height++
  return height
}

/** Nodes of trees over nothing but zeros, by height: `[0]` is a leaf. */
export function zeroNodes(maxHeight: number = MAX_PIECE_HEIGHT): readonly Uint8Array[] {
  const nodes: Uint8Array[] = [new Uint8Array(NODE_BYTES)]
  while (nodes.length <= maxHeight) nodes.push(nodeOver(nodes.at(-1)!, nodes.at(-1)!))
  return nodes
}

/**
 * The same data as a larger piece, what is missing being zeros.
 *
 * @throws {ContentError} `INVALID_INPUT` for a height below that of the piece or above `MAX_PIECE_HEIGHT`.
 */
export function padPieceTo(piece: Piece, height: number): Piece {
  if (height < piece.height || height > MAX_PIECE_HEIGHT)
    throw new ContentError('INVALID_INPUT', `A piece of height ${piece.height} cannot become one of height ${height}.`)
  const zeros = zeroNodes(height)
  let { root } = piece
  for (let level = piece.height; level < height; level++) root = nodeOver(root, zeros[level]!)
  return { ...piece, root, height }
}
