import { keptLevelOf } from '@keepsake/content/piece/commp.ts'
import { NODE_BYTES } from '@keepsake/content/piece/hash-pairs.ts'
import type { Piece } from '@keepsake/content/piece/piece.ts'
import { SLAB_HEIGHT } from '@keepsake/content/piece/slab.ts'
import { growingNodes, type TreeLevel, treeStack } from '@keepsake/content/piece/tree.ts'
import type { BatchResult } from './slab-messages.ts'

/** A piece, and a level of its tree. */
export interface PieceAndLevel {
  piece: Piece
  /** The level that was to be kept; of a tree that is not as high as that its root. */
  level: TreeLevel | undefined
}

/** The upper part of a tree, put together from batches in their order, however long the hashing of each takes. */
export interface BatchTree {
  /** Batches that were begun and are not in the tree yet. */
  readonly pending: number
  add(hashing: Promise<BatchResult>): void
  /** Waits for the first of those that are pending. Rejects as it does. */
  absorb(): Promise<void>
  /** Waits for all. */
  finish(payloadBytes: number): Promise<PieceAndLevel>
}

export function batchTree(keepLevel: number | undefined): BatchTree {
  const stack = treeStack()
  const kept = growingNodes()
  const pending: Promise<BatchResult>[] = []
  const absorb = async () => {
    const { roots, kept: nodes } = await pending.shift()!
    for (let at = 0; at < roots.length; at += NODE_BYTES) stack.push(roots.subarray(at, at + NODE_BYTES), SLAB_HEIGHT)
    kept.append(nodes)
  }
  return {
    get pending() {
      return pending.length
    },
    add(hashing) {
      // Nobody looks at it any more when something else fails first.
      hashing.catch(() => {})
      pending.push(hashing)
    },
    absorb,
    async finish(payloadBytes) {
      while (pending.length > 0) await absorb()
      const piece = { ...stack.finish(), payloadBytes }
      return { piece, level: keepLevel === undefined ? undefined : keptLevelOf(piece, keepLevel, kept.nodes()) }
    },
  }
}
