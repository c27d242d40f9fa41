import { createHash } from 'node:crypto'

// What a piece commitment is, as plainly as it can be said: bit by bit, and the whole tree in memory. Shares nothing with what it checks.

/** Pads by moving single bits: 254 of data, two zeros. The data is filled up to whole quads. */
export function naivePad(data: Uint8Array): Uint8Array {
  const quads = Math.max(1, Math.ceil(data.length / 127))
  const padded = new Uint8Array(quads * 128)
  for (let bit = 0; bit < data.length * 8; bit++) {
    const to = Math.floor(bit / 254) * 256 + (bit % 254)
    if (data[bit >> 3]! & (1 << (bit & 7))) padded[to >> 3]! |= 1 << (to & 7)
  }
  return padded
}

/** All levels of the tree over padded data that is filled up with zeros to `2 ** height` leaves, or to the next power of two. */
export function naiveTree(padded: Uint8Array, height?: number): Uint8Array[][] {
  const leaves = Array.from({ length: padded.length / 32 }, (_, at) => padded.subarray(at * 32, at * 32 + 32))
  const width = height === undefined ? 2 ** Math.ceil(Math.log2(leaves.length)) : 2 ** height
  while (leaves.length < width) leaves.push(new Uint8Array(32))
  const levels = [leaves]
  while (levels.at(-1)!.length > 1) {
    const below = levels.at(-1)!
    levels.push(Array.from({ length: below.length / 2 }, (_, at) => naiveNode(below[2 * at]!, below[2 * at + 1]!)))
  }
  return levels
}

function naiveNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  const node = new Uint8Array(createHash('sha256').update(left).update(right).digest())
  node[31]! &= 0b0011_1111
  return node
}

export function naiveRoot(data: Uint8Array): Uint8Array {
  return naiveTree(naivePad(data)).at(-1)![0]!
}
