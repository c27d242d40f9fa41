import { fastestPairs } from '@keepsake/commp/native-pairs.ts'
import type { HashPairs } from '@keepsake/content/piece/hash-pairs.ts'
import type { PieceTree } from '@keepsake/content/piece/tree.ts'
import { pieceTree } from '@keepsake/content/piece/tree.ts'
import { findTree } from '../aggregates/recipe-store.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'

/** Trees held: of a piece of 32 GiB one takes 8 MiB. Who is asked for proofs is asked for many of the same piece. */
const maxTrees = 4

/** The upper part of the Merkle trees over aggregates, made from the level that was kept when they were validated. */
export interface KeptTrees {
  hashPairs: HashPairs
  /** @throws KeepsakeError `ERROR_CONTENT_DAMAGED` where no level was kept, or it is of another piece */
  open(aggregate: { aggregateId: number; pieceRoot: Uint8Array; pieceHeight: number }): Promise<PieceTree>
}

export function keptTrees(database: Db): KeptTrees {
  const { hashPairs } = fastestPairs()
  const trees = new Map<number, Promise<PieceTree>>()

  const load = async (id: number, root: Uint8Array, height: number): Promise<PieceTree> => {
    const level = await findTree(database, id)
    if (!level)
      throw new KeepsakeError('ERROR_CONTENT_DAMAGED', 'The tree over this aggregate is gone; validating it makes it again.')
    const tree = pieceTree(level, height, hashPairs)
    if (Buffer.compare(tree.node(height, 0), root) === 0) return tree
    throw new KeepsakeError(
      'ERROR_CONTENT_DAMAGED',
      'The tree over this aggregate is of another piece; validating it makes it again.',
    )
  }
  return {
    hashPairs,
    async open({ aggregateId: id, pieceRoot, pieceHeight }) {
      const known = trees.get(id)
      const tree = known ?? load(id, pieceRoot, pieceHeight)
      // The one used last is the last to go.
      trees.delete(id)
      trees.set(id, tree)
      for (const oldest of trees.keys()) if (trees.size > maxTrees) trees.delete(oldest)
      try {
        const opened = await tree
        if (Buffer.compare(opened.node(pieceHeight, 0), pieceRoot) === 0) return opened
      } catch (error) {
        trees.delete(id)
        throw error
      }
      // Built again since, as another piece.
      trees.delete(id)
      return await load(id, pieceRoot, pieceHeight)
    },
  }
}
