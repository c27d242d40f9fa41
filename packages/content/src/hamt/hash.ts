import { murmur364 } from '@multiformats/murmur3'

/** Multicodec code written into every shard node as `hashType` (murmur3-x64-64). */
export const HAMT_HASH_CODE = 0x22

/** Slots of a shard node as written by us, and by every UnixFS writer in wide use. */
export const HAMT_FANOUT = 256

/** Levels a 64-bit hash can tell names apart on. Two names that agree on all of them cannot be held by one HAMT. */
export const HAMT_MAX_LEVELS = 8

/** Hexadecimal digits in front of every link name of a shard node with `HAMT_FANOUT` slots. */
const HAMT_PREFIX_LENGTH = 2

const encoder = new TextEncoder()

/**
 * The 8 bytes a name is placed by: the first half of murmur3-x64-128 of its UTF-8, most significant byte first.
 * With 256 slots, byte `n` is the slot at level `n` (the root is level 0). (UnixFS specification, "HAMT sharded directories".)
 */
export function hamtHash(name: string): Uint8Array {
  return murmur364.encode(encoder.encode(name)) as Uint8Array
}

/** What stands in front of a link's name: the slot as upper-case hexadecimal, `length` digits. */
export function hamtPrefix(slot: number, length: number = HAMT_PREFIX_LENGTH): string {
  return slot.toString(16).toUpperCase().padStart(length, '0')
}
