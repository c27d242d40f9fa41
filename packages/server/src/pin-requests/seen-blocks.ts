import { RAW } from '@keepsake/content/hash/cid.ts'
import type { CID } from 'multiformats/cid'

/** Words of 32 bits that stand for a block: 128 bits of its hash, which nobody can make two blocks agree in. */
const words = 4
const initialSlots = 1024

/**
 * Remembers which blocks were seen, in 34 to 68 bytes each and two arrays in all: a set of strings takes three times as much.
 * Hashes shorter than 128 bits count whole.
 */
export function seenBlocks() {
  let slots = initialSlots
  let table = new Uint32Array(slots * words)
  let taken = new Uint8Array(slots)
  let count = 0
  const key = new Uint32Array(words)
  const keyBytes = new Uint8Array(key.buffer)

  const readKey = ({ code: codec, multihash: { code, digest } }: CID) => {
    keyBytes.fill(0)
    keyBytes.set(digest.subarray(0, keyBytes.length))
    // Short hashes of different functions are different blocks.
    if (digest.length < keyBytes.length) key[words - 1] = (key[words - 1] as number) ^ code
    // So are the same bytes as raw ones, which lead nowhere, and as a node, whose links are to be followed.
    if (codec !== RAW) key[words - 2] = (key[words - 2] as number) ^ codec
  }
  /** The slot where the key is, or would be. */
  const find = (): number => {
    for (let slot = ((key[0] as number) ^ (key[1] as number)) & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      if (taken[slot] === 0) return slot
      const at = slot * words
      if (table[at] === key[0] && table[at + 1] === key[1] && table[at + 2] === key[2] && table[at + 3] === key[3]) return slot
    }
  }
  const place = (slot: number) => {
    table.set(key, slot * words)
    taken[slot] = 1
  }
  const grow = () => {
    const [before, wasTaken, many] = [table, taken, slots]
    slots *= 2
    table = new Uint32Array(slots * words)
    taken = new Uint8Array(slots)
    for (let slot = 0; slot < many; slot++) {
      if (wasTaken[slot] === 0) continue
      key.set(before.subarray(slot * words, (slot + 1) * words))
      place(find())
    }
  }
  return {
    get count() {
      return count
    },
    /** False for a block that was added before. */
    add(cid: CID): boolean {
      readKey(cid)
      let slot = find()
      if (taken[slot] === 1) return false
      if (count * 2 >= slots) {
        grow()
        readKey(cid)
        slot = find()
      }
      place(slot)
      count++
      return true
    },
  }
}
