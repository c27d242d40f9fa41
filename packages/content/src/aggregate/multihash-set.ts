const SHA2_256 = 0x12
const SHA2_256_BYTES = 34
const DIGEST_WORDS = 8
const INITIAL_SLOTS = 1024

/**
 * Multihashes that were met. Those of sha2-256, nearly all there are, take 43 to 86 bytes each, outside the heap: a set of strings would take four
 * times that, and an aggregate has millions of blocks.
 */
export interface MultihashSet {
  /** Whether it is new here. */
  add(multihash: Uint8Array): boolean
  has(multihash: Uint8Array): boolean
}

export function multihashSet(): MultihashSet {
  const digests = digestSet()
  const others = new Set<string>()
  const nameOf = (multihash: Uint8Array) => String.fromCharCode(...multihash)
  return {
    add(multihash) {
      return isSha256(multihash) ? digests.add(multihash) : others.size < others.add(nameOf(multihash)).size
    },
    has: (multihash) => (isSha256(multihash) ? digests.has(multihash) : others.has(nameOf(multihash))),
  }
}

function isSha256(multihash: Uint8Array): boolean {
  return multihash.length === SHA2_256_BYTES && multihash[0] === SHA2_256 && multihash[1] === DIGEST_WORDS * 4
}

/** Open addressing over 32-byte digests. They are hashes already, so their first word says where to look. */
function digestSet() {
  let slots = INITIAL_SLOTS
  let words = new Uint32Array(slots * DIGEST_WORDS)
  let taken = new Uint8Array(slots)
  let size = 0
  const wanted = new Uint32Array(DIGEST_WORDS)
  const wantedBytes = new Uint8Array(wanted.buffer)

  /** The slot of `wanted`, or the free one where it belongs. */
  const find = (): number => {
    for (let slot = wanted[0]! & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      if (taken[slot] === 0) return slot
      const at = slot * DIGEST_WORDS
      let word = 0
      while (word < DIGEST_WORDS && words[at + word] === wanted[word]) word++
      if (word === DIGEST_WORDS) return slot
    }
  }
  const put = (slot: number): void => {
    taken[slot] = 1
    words.set(wanted, slot * DIGEST_WORDS)
  }
  const grow = (): void => {
    const [oldWords, oldTaken, oldSlots] = [words, taken, slots]
    slots *= 2
    words = new Uint32Array(slots * DIGEST_WORDS)
    taken = new Uint8Array(slots)
    for (let slot = 0; slot < oldSlots; slot++) {
      if (oldTaken[slot] === 0) continue
      wanted.set(oldWords.subarray(slot * DIGEST_WORDS, (slot + 1) * DIGEST_WORDS))
      put(find())
    }
  }
  const findDigest = (multihash: Uint8Array): number => {
    wantedBytes.set(multihash.subarray(SHA2_256_BYTES - DIGEST_WORDS * 4))
    return find()
  }
  return {
    has: (multihash: Uint8Array): boolean => taken[findDigest(multihash)] === 1,
    add(multihash: Uint8Array): boolean {
      // Three quarters full is where looking gets slow.
      if (size * 4 >= slots * 3) grow()
      const slot = findDigest(multihash)
      if (taken[slot] === 1) return false
      put(slot)
      size++
      return true
    },
  }
}
