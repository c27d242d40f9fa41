import { type HashPairs, NODE_BYTES } from '@keepsake/content/piece/hash-pairs.ts'
import { SLAB_DATA_BYTES, SLAB_HEIGHT, SLAB_INPUT_BYTES, slabHasher } from '@keepsake/content/piece/slab.ts'
import { growingNodes } from '@keepsake/content/piece/tree.ts'
import type { BatchResult } from './slab-messages.ts'

/** Hashes neighbouring slabs of full height that lie one behind the other in `batch`. */
export type HashBatch = (batch: Uint8Array, dataBytes: number) => BatchResult

export function batchHasher(hashPairs: HashPairs, keepLevel: number | undefined): HashBatch {
  const slab = slabHasher(hashPairs)
  return (batch, dataBytes) => {
    const roots = new Uint8Array(Math.ceil(dataBytes / SLAB_DATA_BYTES) * NODE_BYTES)
    const kept = growingNodes()
    for (let at = 0, root = 0; at < dataBytes; at += SLAB_DATA_BYTES, root += NODE_BYTES) {
      const input = batch.subarray(at, at + SLAB_INPUT_BYTES)
      const node = slab.hash(input, Math.min(SLAB_DATA_BYTES, dataBytes - at), SLAB_HEIGHT, (level, nodes) => {
        if (level === keepLevel) kept.append(nodes)
      })
      roots.set(node, root)
    }
    return { roots, kept: kept.nodes() }
  }
}
