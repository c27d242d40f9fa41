import { createCipheriv, createHash } from 'node:crypto'

/** Choices that a seed repeats. */
export interface Random {
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  shuffled<T>(list: readonly T[]): T[]
}

const zeros = new Uint8Array(64 * 1024)

/** Bytes that a seed repeats: the key stream of AES in counter mode, which is quicker than any disk. */
export function seededBytes(seed: string, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const digest = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('aes-128-ctr', digest.subarray(0, 16), digest.subarray(16))
  const bytes = new Uint8Array(sizeBytes)
  for (let at = 0; at < sizeBytes; at += zeros.length) {
    bytes.set(cipher.update(zeros.subarray(0, Math.min(zeros.length, sizeBytes - at))), at)
  }
  return bytes
}

export function seededRandom(seed: string): Random {
  const wordsPerRefill = 64
  let refills = 0
  let words = new DataView(new ArrayBuffer(0))
  let used = wordsPerRefill
  /** From 0 up to but not 1. */
  const next = () => {
    if (used === wordsPerRefill) {
      words = new DataView(seededBytes(`${seed} ${refills++}`, wordsPerRefill * 4).buffer)
      used = 0
    }
    return words.getUint32(used++ * 4) / 2 ** 32
  }
  const between = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    between,
    chance: (probability) => next() < probability,
    pick: (list) => {
      if (list.length === 0) throw new Error('There is nothing to pick from.')
      return list[between(0, list.length - 1)]!
    },
    shuffled: (list) => {
      const copy = [...list]
      for (let at = copy.length - 1; at > 0; at--) {
        const other = between(0, at)
        ;[copy[at], copy[other]] = [copy[other]!, copy[at]!]
      }
      return copy
    },
  }
}
