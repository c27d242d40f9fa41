import { commPHasher } from '@keepsake/content/piece/commp.ts'
import { hashPairsPortable } from '@keepsake/content/piece/portable-pairs.ts'
import { BATCH_DATA_BYTES } from '../src/slab-messages.ts'

const MiB = 1024 * 1024

/** Bytes that do not repeat. */
export const everything: Uint8Array = new Uint8Array(13 * BATCH_DATA_BYTES).map((_, at) => Math.imul(at, 2_654_435_761) >>> 24)

/** What comes of the first `length` of them by the portable code. */
export function expected(length: number, keepLevel: number) {
  const hasher = commPHasher(hashPairsPortable, { keepLevel })
  for (let at = 0; at < length; at += MiB) hasher.write(everything.subarray(at, Math.min(at + MiB, length)))
  return { piece: hasher.digest(), level: hasher.keptLevel() }
}
