import { createRequire } from 'node:module'
import type { HashPairs } from '@keepsake/content/piece/hash-pairs.ts'
import { hashPairsPortable } from '@keepsake/content/piece/portable-pairs.ts'

/** Which hasher of pairs is used here: native code, or WebAssembly where no native code comes for this platform. */
export interface FastestPairs {
  name: 'hashtree' | 'as-sha256'
  hashPairs: HashPairs
}

/** The fastest hasher of pairs that this machine can run. */
export function fastestPairs(): FastestPairs {
  const native = loadHashtree()
  return native === undefined ? { name: 'as-sha256', hashPairs: hashPairsPortable } : { name: 'hashtree', hashPairs: native }
}

/** Native code is a package for each platform that may not be there; it is CommonJS and can only be tried. */
function loadHashtree(): HashPairs | undefined {
  try {
    const { hashInto } = createRequire(import.meta.url)('@chainsafe/hashtree') as typeof import('@chainsafe/hashtree')
    return hashInto
  } catch {
    return undefined
  }
}
