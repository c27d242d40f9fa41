import { nodeOver } from '../../piece/hash-pairs.ts'
import type { MerkleProof } from '../../piece/merkle.ts'
import { zeroNodes } from '../../piece/piece.ts'

/** The root of a subtree that is known, and its place: number `index` from the left among those of its height. */
export interface KnownNode {
  height: number
  index: number
  node: Uint8Array
}

/** A tree of which some subtrees are known and the rest is zeros. */
export interface SparseTree {
  /** The node at a place. Throws `RangeError` for one below a known node. */
  node(height: number, index: number): Uint8Array
  /** From the node at a place to the root. */
  prove(height: number, index: number): MerkleProof
}

/** `known`: from the left to the right, none over another. What is hashed once is kept: 32 bytes and some for every node above a known one. */
export function sparseTree(known: readonly KnownNode[], treeHeight: number): SparseTree {
  const zeros = zeroNodes(treeHeight)
  const made: Map<number, Uint8Array>[] = Array.from({ length: treeHeight + 1 }, () => new Map())

  /** The first known node that ends behind a leaf. */
  const firstBehind = (leaf: number): KnownNode | undefined => {
    let low = 0
    let high = known.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { height, index } = known[middle]!
      if ((index + 1) * 2 ** height <= leaf) low = middle + 1
      else high = middle
    }
    return known[low]
  }
  const node = (height: number, index: number): Uint8Array => {
    const start = index * 2 ** height
    const first = firstBehind(start)
    if (first === undefined || first.index * 2 ** first.height >= start + 2 ** height) return zeros[height]!
    if (first.height === height) return first.node
    if (first.height > height)
      throw new RangeError(`Node ${index} of height ${height} is part of a subtree of which only the root is known.`)
    const before = made[height]!.get(index)
    if (before) return before
    const joined = nodeOver(node(height - 1, 2 * index), node(height - 1, 2 * index + 1))
    made[height]!.set(index, joined)
    return joined
  }
  return {
    node,
    prove(height, index) {
      const path: Uint8Array[] = []
      let place = index
      for (let at = height; at < treeHeight; at++) {
        path.push(node(at, place % 2 === 0 ? place + 1 : place - 1))
        place = Math.floor(place / 2)
      }
      return { index, path }
    },
  }
}
