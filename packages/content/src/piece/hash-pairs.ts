import { sha256 } from '@noble/hashes/sha2.js'
import { nodeCrypto, opensslHash } from '../hash/node-crypto.ts'

/**
 * Hashes many pairs of nodes at once: sha2-256 of every 64 bytes of `pairs`, 32 bytes each, into `into`. The two do not
 * overlap. Nodes are made of the hashes by `clearTopBits`.
 */
export type HashPairs = (pairs: Uint8Array, into: Uint8Array) => void

/** The top bits a node loses so that it is a number of the field. */
const TOP_BYTE_BITS = 0x3f
export const NODE_BYTES = 32

/** Makes nodes out of hashes: each loses its two highest bits. */
export function clearTopBits(nodes: Uint8Array): void {
  for (let at = NODE_BYTES - 1; at < nodes.length; at += NODE_BYTES) nodes[at]! &= TOP_BYTE_BITS
}

/** The level above `nodes`, which is an even number of nodes. */
export function levelAbove(hashPairs: HashPairs, nodes: Uint8Array): Uint8Array {
  const above = new Uint8Array(nodes.length / 2)
  hashPairs(nodes, above)
  clearTopBits(above)
  return above
}

/**
 * For the few hashes of a proof, everywhere and at once: nothing has to be compiled or loaded. For the tree over a whole piece it
 * is slow; `portable-pairs.ts` and `@keepsake/commp` are for that.
 */
export function hashFewPairs(pairs: Uint8Array, into: Uint8Array): void {
  for (let at = 0; at < pairs.length; at += 2 * NODE_BYTES) {
    const pair = pairs.subarray(at, at + 2 * NODE_BYTES)
    into.set(nodeCrypto === undefined ? sha256(pair) : opensslHash(nodeCrypto, 'sha256', pair), at / 2)
  }
}

/** The node over two nodes. */
export function nodeOver(left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = new Uint8Array(2 * NODE_BYTES)
  pair.set(left)
  pair.set(right, NODE_BYTES)
  return levelAbove(hashFewPairs, pair)
}

export function sameNode(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}
