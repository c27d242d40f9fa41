import type { BlockEntry } from './shard-writer.ts'

const initialBytes = 64 * 1024

/** Where blocks lie, of a shard that has a great many: side by side in few arrays an entry takes some 60 bytes, as an object five times that. */
export interface EntryColumns extends Iterable<BlockEntry> {
  /** Copies what it is given. */
  add(entry: BlockEntry): void
}

export function entryColumns(): EntryColumns {
  let multihashes = new Uint8Array(initialBytes)
  let filled = 0
  const ends: number[] = []
  const offsets: number[] = []
  const lengths: number[] = []
  return {
    add({ multihash, offset, length }) {
      if (filled + multihash.length > multihashes.length) {
        const larger = new Uint8Array(2 * Math.max(multihashes.length, multihash.length))
        larger.set(multihashes.subarray(0, filled))
        multihashes = larger
      }
      multihashes.set(multihash, filled)
      filled += multihash.length
      ends.push(filled)
      offsets.push(offset)
      lengths.push(length)
    },
    *[Symbol.iterator]() {
      let from = 0
      for (const [index, end] of ends.entries()) {
        const multihash = multihashes.subarray(from, end)
        yield { multihash, offset: offsets[index] as number, length: lengths[index] as number }
        from = end
      }
    },
  }
}
