// Fr32: how Filecoin lays bytes out as numbers below the order of its field. As a stream of bits, least significant first: 254 bits
// of data, two zero bits, and so on. 127 bytes become 128, a "quad" of four 32-byte numbers. (Filecoin specification, "Fr32".)

import { ContentError } from '../errors.ts'

/** Bytes of data in one quad. */
export const QUAD_DATA_BYTES = 127
/** Bytes of one quad once it is padded. */
export const QUAD_BYTES = 128
/** Bytes of one number, which is one leaf of the tree over a piece. */
export const LEAF_BYTES = 32
/** Bits of data in one number. */
export const LEAF_DATA_BITS = 254

/** Quads that are padded together: the fewest whose data is whole 32-bit words. */
const GROUP_QUADS = 4
/** Bytes of data in a group. */
export const GROUP_DATA_BYTES = GROUP_QUADS * QUAD_DATA_BYTES
/** Bytes of a group once it is padded. */
export const GROUP_BYTES = GROUP_QUADS * QUAD_BYTES

const WORD_BYTES = 4
/** The two highest bits of a number are zero; these are the others of its highest word. */
const TOP_WORD_BITS = 0x3fff_ffff

/** Bytes that `dataBytes` take once they are padded, in whole quads. */
export function paddedLength(dataBytes: number): number {
  return Math.ceil(dataBytes / QUAD_DATA_BYTES) * QUAD_BYTES
}

/** Pads bytes of any length: what is missing to whole quads is zeros. */
export function pad(data: Uint8Array): Uint8Array {
  refuseBigEndian()
  const groups = Math.ceil(data.length / GROUP_DATA_BYTES)
  const from = new Uint8Array(groups * GROUP_DATA_BYTES + WORD_BYTES)
  from.set(data)
  const into = new Uint8Array(groups * GROUP_BYTES)
  padGroups(groups, new Uint32Array(from.buffer), new Uint32Array(into.buffer))
  return into.subarray(0, paddedLength(data.length))
}

/**
 * The data in whole padded quads. The two bits that padding leaves zero are not looked at.
 *
 * @throws {ContentError} `INVALID_INPUT` for a length that is not whole quads.
 */
export function unpad(padded: Uint8Array): Uint8Array {
  refuseBigEndian()
  if (padded.length % QUAD_BYTES !== 0)
    throw new ContentError('INVALID_INPUT', `Padded data comes in quads of ${QUAD_BYTES} bytes; ${padded.length} bytes are not.`)
  const groups = Math.ceil(padded.length / GROUP_BYTES)
  const from = new Uint8Array(groups * GROUP_BYTES)
  from.set(padded)
  const into = new Uint8Array(groups * GROUP_DATA_BYTES + WORD_BYTES)
  unpadGroups(groups, new Uint32Array(from.buffer), new Uint32Array(into.buffer))
  return into.subarray(0, (padded.length / QUAD_BYTES) * QUAD_DATA_BYTES)
}

/**
 * Pads whole groups at about the speed of memory. `from` holds `GROUP_DATA_BYTES` a group and one word more, whose value does not
 * matter; `into` gets `GROUP_BYTES` a group. They must not overlap.
 *
 * A group is 16 numbers of eight words. Number n begins 2n bits before a multiple of 256 bits: its words are words of the data
 * shifted left by 2n bits, filled up from the word before.
 */
export function padGroups(groups: number, from: Uint32Array, into: Uint32Array): void {
  for (let group = 0, at = 0, to = 0; group < groups; group++, at += 7) {
    for (let word = 0; word < 8; word++) into[to + word] = from[at + word]!
    into[to + 7]! &= TOP_WORD_BITS
    let before = from[at + 7]!
    at += 8
    to += 8
    for (let left = 2; left < 32; left += 2, to += 8) {
      const right = 32 - left
      const w0 = from[at]!
      const w1 = from[at + 1]!
      const w2 = from[at + 2]!
      const w3 = from[at + 3]!
      const w4 = from[at + 4]!
      const w5 = from[at + 5]!
      const w6 = from[at + 6]!
      const w7 = from[at + 7]!
      into[to] = (before >>> right) | (w0 << left)
      into[to + 1] = (w0 >>> right) | (w1 << left)
      into[to + 2] = (w1 >>> right) | (w2 << left)
      into[to + 3] = (w2 >>> right) | (w3 << left)
      into[to + 4] = (w3 >>> right) | (w4 << left)
      into[to + 5] = (w4 >>> right) | (w5 << left)
      into[to + 6] = (w5 >>> right) | (w6 << left)
      into[to + 7] = ((w6 >>> right) | (w7 << left)) & TOP_WORD_BITS
      before = w7
      if (left < 30) at += 8
    }
  }
}

/**
 * The inverse of `padGroups`: `from` holds `GROUP_BYTES` a group, `into` gets `GROUP_DATA_BYTES` a group and one word more, in which
 * nothing of use is left.
 */
export function unpadGroups(groups: number, from: Uint32Array, into: Uint32Array): void {
  for (let group = 0, at = 0, to = 0; group < groups; group++, to += 127) {
    for (let number = 0, word = to; number < 16; number++, at += 8, word += 8) {
      const right = 2 * number
      const top = from[at + 7]! & TOP_WORD_BITS
      if (number > 0) into[word - 1]! |= from[at]! << (32 - right)
      for (let index = 0; index < 6; index++) into[word + index] = shifted(from[at + index]!, from[at + index + 1]!, right)
      into[word + 6] = shifted(from[at + 6]!, top, right)
      into[word + 7] = top >>> right
    }
  }
}

/** The 32 bits that begin at bit `right` of two words. */
function shifted(low: number, high: number, right: number): number {
  return right === 0 ? low : (low >>> right) | (high << (32 - right))
}

/** Words are read out of bytes as they lie in memory, which is right on every machine with little-endian order: nearly all. */
export function refuseBigEndian(): void {
  if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1) throw new Error('Pieces cannot be computed on a big-endian machine.')
}
