import { GROUP_BYTES, GROUP_DATA_BYTES, padGroups, refuseBigEndian } from './fr32.ts'
import { clearTopBits, type HashPairs, NODE_BYTES } from './hash-pairs.ts'
import { capacityBytes, paddedBytes } from './piece.ts'

/** Height of the subtree that is hashed in one go: few calls of `HashPairs`, and all of it stays in the processor's cache. */
export const SLAB_HEIGHT = 13
/** Bytes of data in a slab: 260,096. */
export const SLAB_DATA_BYTES = capacityBytes(SLAB_HEIGHT)
/** What `SlabHasher.hash` reads from: a slab's data and a word more, so that the last group is padded like any other. */
export const SLAB_INPUT_BYTES = SLAB_DATA_BYTES + 4

/** Gets the nodes of a level, from the left. They are overwritten by the next slab. */
export type OnLevel = (height: number, nodes: Uint8Array) => void

export interface SlabHasher {
  /**
   * The root of the tree of `height` over the first `dataBytes` of `input`. What is behind them in `input` is overwritten with zeros.
   * The root is overwritten by the next slab.
   */
  hash(input: Uint8Array, dataBytes: number, height: number, onLevel?: OnLevel): Uint8Array
}

/** Pads and hashes slab after slab in the same memory. `input` has to begin at a multiple of four bytes in its buffer. */
export function slabHasher(hashPairs: HashPairs): SlabHasher {
  refuseBigEndian()
  const slabBytes = paddedBytes(SLAB_HEIGHT)
  // Levels lie in two buffers in turn: a hash may not be written where hashes are read from.
  const even = new Uint8Array(slabBytes)
  const odd = new Uint8Array(slabBytes / 2)
  const leaves = new Uint32Array(even.buffer)

  return {
    hash(input, dataBytes, height, onLevel) {
      const leavesBytes = paddedBytes(height)
      const groups = Math.ceil(leavesBytes / GROUP_BYTES)
      input.fill(0, dataBytes, groups * GROUP_DATA_BYTES)
      padGroups(groups, new Uint32Array(input.buffer, input.byteOffset, input.byteLength >>> 2), leaves)
      let nodes = even.subarray(0, leavesBytes)
      onLevel?.(0, nodes)
      for (let level = 1; level <= height; level++) {
        const above = (level % 2 === 0 ? even : odd).subarray(0, nodes.length / 2)
        hashPairs(nodes, above)
        clearTopBits(above)
        nodes = above
        onLevel?.(level, nodes)
      }
      return nodes.subarray(0, NODE_BYTES)
    },
  }
}
