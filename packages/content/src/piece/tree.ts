import { type HashPairs, levelAbove, NODE_BYTES, nodeOver } from './hash-pairs.ts'
import { zeroNodes } from './piece.ts'

/** One level of a tree, kept so that proofs can be made without reading all of the piece again. */
export interface TreeLevel {
  /** Levels above the leaves. */
  height: number
  /** From the left, 32 bytes each, as far as there is data; what is right of them is a tree over zeros. */
  nodes: Uint8Array
}

/** The part of a piece's tree at and above a kept level. */
export interface PieceTree {
  /** Height of the root. */
  height: number
  /** Height of the kept level. */
  lowest: number
  /** The node at `index` from the left, for heights from `lowest` to `height`. */
  node(height: number, index: number): Uint8Array
}

/** Hashes a kept level up to the root of a piece of `height`: at the usual level that is 1/8192 of the work for the piece. */
export function pieceTree(level: TreeLevel, height: number, hashPairs: HashPairs): PieceTree {
  const zeros = zeroNodes(height)
  const levels: Uint8Array[] = [level.nodes]
  for (let at = level.height; at < height; at++) levels.push(levelAbove(hashPairs, evenLevel(levels.at(-1)!, zeros[at]!)))
  return {
    height,
    lowest: level.height,
    node(at, index) {
      const nodes = levels[at - level.height]
      if (nodes === undefined || index < 0 || index >= 2 ** (height - at))
        throw new RangeError(`A tree of heights ${level.height} to ${height} has no node ${index} at height ${at}.`)
      return index * NODE_BYTES < nodes.length ? nodes.subarray(index * NODE_BYTES, (index + 1) * NODE_BYTES) : zeros[at]!
    },
  }
}

/** `nodes` with a node over zeros behind them where their number is odd. */
function evenLevel(nodes: Uint8Array, zero: Uint8Array): Uint8Array {
  if (nodes.length % (2 * NODE_BYTES) === 0) return nodes
  const even = new Uint8Array(nodes.length + NODE_BYTES)
  even.set(nodes)
  even.set(zero, nodes.length)
  return even
}

export interface TreeStack {
  /** Adds the next subtree from the left. All but the last have the same height. */
  push(node: Uint8Array, height: number): void
  /** The top of the tree, filled up with zeros where it is not full. */
  finish(): { root: Uint8Array; height: number }
}

/** Joins subtrees that come from the left into one tree, and holds one node a level. */
export function treeStack(): TreeStack {
  const pending: { node: Uint8Array; height: number }[] = []
  const zeros = zeroNodes()

  function push(node: Uint8Array, height: number): void {
    let top: { node: Uint8Array; height: number } = { node: node.slice(), height }
    while (pending.at(-1)?.height === top.height) top = { node: nodeOver(pending.pop()!.node, top.node), height: top.height + 1 }
    while (pending.at(-1)?.height === top.height) top = { node: nodeOver(pending.pop()!.node, top.node), height: top.height + 1 }
    pending.push(top)
  }

  return {
    push,
    finish() {
      while (pending.length > 1) {
        const { height } = pending.at(-1)!
        push(zeros[height]!, height)
      }
      const { node, height } = pending[0]!
      return { root: node, height }
    },
  }
}

/** Nodes collected one level at a time, in memory that doubles when it is full. */
export interface GrowingNodes {
  append(nodes: Uint8Array): void
  nodes(): Uint8Array
}

export function growingNodes(): GrowingNodes {
  let buffer: Uint8Array = new Uint8Array(64 * NODE_BYTES)
  let filled = 0
  return {
    append(nodes) {
      if (filled + nodes.length > buffer.length) {
        const grown = new Uint8Array(Math.max(2 * buffer.length, filled + nodes.length))
        grown.set(buffer.subarray(0, filled))
        buffer = grown
      }
      buffer.set(nodes, filled)
      filled += nodes.length
    },
    nodes: () => buffer.subarray(0, filled),
  }
}
