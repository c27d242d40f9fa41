import { crc32 } from 'node:zlib'

// Sums tell whether bytes are what they were when an aggregate was validated. They are for disks that rot, not for somebody who forges: the piece
// itself is a hash, but computing it takes eight times as long as sending the bytes.

/** Of so many bytes there is a sum; of those at the end, which may be fewer, as well. A range costs reading whole ones. */
export const SUMMED_BYTES = 32 * 1024
/** A CRC-32, little-endian. */
export const SUM_BYTES = 4

/** Tells about the bytes of an aggregate, given in order, with which sum each stretch ends. */
export interface Summer {
  /** Calls back for every sum that is complete, with how many bytes of this chunk belong to it and to those before. */
  add(chunk: Uint8Array, onSum?: (sum: number, chunkBytes: number) => void): void
  /** The sum of what is left; undefined where nothing is. */
  end(): number | undefined
}

export function summer(): Summer {
  let sum = 0
  let filled = 0
  return {
    add(chunk, onSum) {
      for (let at = 0; at < chunk.length; ) {
        const taken = Math.min(chunk.length - at, SUMMED_BYTES - filled)
        sum = crc32(chunk.subarray(at, at + taken), sum)
        filled += taken
        at += taken
        if (filled < SUMMED_BYTES) return
        onSum?.(sum, at)
        sum = 0
        filled = 0
      }
    },
    end: () => (filled > 0 ? sum : undefined),
  }
}

/** All sums of an aggregate of so many bytes, as they are kept. */
export function sumCollector(sizeBytes: number) {
  const sums = Buffer.alloc(Math.ceil(sizeBytes / SUMMED_BYTES) * SUM_BYTES)
  const running = summer()
  let at = 0
  const note = (sum: number) => {
    at = sums.writeUInt32LE(sum, at)
  }
  return {
    add: (chunk: Uint8Array): void => running.add(chunk, note),
    end(): Uint8Array {
      const last = running.end()
      if (last !== undefined) note(last)
      return sums
    },
  }
}
