import { hashFewPairs } from '@keepsake/content/piece/hash-pairs.ts'
import { hashPairsPortable } from '@keepsake/content/piece/portable-pairs.ts'
import { expect, test } from 'vitest'
import { fastestPairs } from '../src/native-pairs.ts'

test('all hashers of pairs give the same hashes, for any number of pairs', () => {
  const { name, hashPairs } = fastestPairs()
  if (process.platform === 'linux' && process.arch === 'x64') expect(name).toBe('hashtree')
  for (const pairs of [1, 2, 3, 4, 5, 7, 8, 100, 4096]) {
    const nodes = new Uint8Array(pairs * 64).map((_, at) => (at * 31 + pairs) % 256)
    const [plain, native, portable] = [hashFewPairs, hashPairs, hashPairsPortable].map((hash) => {
      const into = new Uint8Array(pairs * 32)
      hash(nodes, into)
      return into
    })
    expect(native).toEqual(plain)
    expect(portable).toEqual(plain)
  }
})
