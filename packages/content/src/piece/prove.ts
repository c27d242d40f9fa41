import { ContentError } from '../errors.ts'
import { pad } from './fr32.ts'
import { type HashPairs, sameNode } from './hash-pairs.ts'
import { type BytesProof, type MerkleProof, quadsOf } from './merkle.ts'
import { capacityBytes, MIN_PIECE_HEIGHT } from './piece.ts'
import { type PieceTree, pieceTree } from './tree.ts'

/** Reads the data of a piece. Fewer bytes come where it ends: what a piece holds behind its data is zeros. */
export type ReadPayload = (offset: number, length: number) => Promise<Uint8Array>

/** Makes proofs out of a kept level of a piece's tree, and of the few bytes below it that they are about. */
export interface Prover {
  /** That the subtree of `height` at `index` is under the root. Reads only where `height` is below the kept level. */
  proveSubtree(height: number, index: number): Promise<MerkleProof>
  /** That the data from `offset` on is what it is. Reads the subtrees of the kept level that its ends are in. */
  proveBytes(offset: number, length: number): Promise<BytesProof>
}

/**
 * Both calls throw `HASH_MISMATCH` when what `read` gives is not what the tree was made of, and `INVALID_INPUT` for a place that the
 * piece does not have.
 */
export function prover(tree: PieceTree, read: ReadPayload, hashPairs: HashPairs): Prover {
  /** The subtree of the kept level that is number `index` there, from its leaves on. */
  async function lowerTree(index: number): Promise<PieceTree> {
    const capacity = capacityBytes(tree.lowest)
    const data = new Uint8Array(capacity)
    data.set(await read(index * capacity, capacity))
    const lower = pieceTree({ height: 0, nodes: pad(data) }, tree.lowest, hashPairs)
    if (!sameNode(lower.node(tree.lowest, 0), tree.node(tree.lowest, index)))
      throw new ContentError('HASH_MISMATCH', `The data of a piece is not what it was at ${index * capacity}.`)
    return lower
  }

  /** From `count` neighbouring nodes at a height to the root. */
  async function pathFrom(height: number, index: number, count: number): Promise<Uint8Array[]> {
    const lower = new Map<number, PieceTree>()
    const path: Uint8Array[] = []
    let first = index
    let last = index + count - 1
    for (let at = height; at < tree.height; at++) {
      if (first % 2 === 1) path.push(await nodeAt(at, first - 1))
      if (last % 2 === 0) path.push(await nodeAt(at, last + 1))
      first = Math.floor(first / 2)
      last = Math.floor(last / 2)
    }
    return path

    async function nodeAt(at: number, place: number): Promise<Uint8Array> {
      if (at >= tree.lowest) return tree.node(at, place)
      const width = 2 ** (tree.lowest - at)
      const within = Math.floor(place / width)
      const known = lower.get(within) ?? (await lowerTree(within))
      lower.set(within, known)
      return known.node(at, place % width)
    }
  }

  return {
    async proveSubtree(height, index) {
      if (height < 0 || height > tree.height || !Number.isSafeInteger(index) || index < 0 || index >= 2 ** (tree.height - height))
        throw new ContentError('INVALID_INPUT', `A piece of height ${tree.height} has no node ${index} of height ${height}.`)
      return { index, path: await pathFrom(height, index, 1) }
    },
    async proveBytes(offset, length) {
      const { firstQuad, endQuad, beforeBytes, afterBytes } = quadsOf(tree, offset, length)
      const end = offset + length
      return {
        before: await readFull(offset - beforeBytes, beforeBytes),
        after: await readFull(end, afterBytes),
        path: await pathFrom(MIN_PIECE_HEIGHT, firstQuad, endQuad - firstQuad),
      }
    },
  }

  async function readFull(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    if (length > 0) bytes.set(await read(offset, length))
    return bytes
  }
}
