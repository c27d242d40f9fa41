import { hashInto } from '@chainsafe/as-sha256'
import type { HashPairs } from './hash-pairs.ts'

/** WebAssembly, four hashes at a time: the fastest there is without native code. A page that loads this has to allow `wasm-unsafe-eval`. */
export const hashPairsPortable: HashPairs = hashInto
