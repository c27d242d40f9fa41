import { UnixFS } from 'ipfs-unixfs'
import { describe, expect, test } from 'vitest'
import { fileNodeData } from '../../src/unixfs/file-node.ts'

const sizes = [
  0,
  1,
  127,
  128,
  262_144,
  2 ** 31 - 1,
  2 ** 31,
  3_000_000_000,
  2 ** 32 - 1,
  2 ** 32,
  7_900_000_000,
  2 ** 35,
  2 ** 45 + 5,
]

describe('the data of an inner node of a file', () => {
  test.each(sizes)('says how many bytes it holds: %d', (size) => {
    const read = UnixFS.unmarshal(fileNodeData([size, 1]))
    expect(read.type).toBe('file')
    expect(read.blockSizes).toEqual([BigInt(size), 1n])
    expect(read.fileSize()).toBe(BigInt(size) + 1n)
  })

  test('is written as the specification has it, also from 2 to 4 GiB', () => {
    expect(Buffer.from(fileNodeData([2 ** 31])).toString('hex')).toBe('0802188080808008208080808008')
    expect(Buffer.from(fileNodeData([2 ** 32 - 1])).toString('hex')).toBe('080218ffffffff0f20ffffffff0f')
  })

  test('is what the library writes where that is right', () => {
    for (const size of [1, 262_144, 45_613_056, 2 ** 31 - 262_145, 7_900_000_000]) {
      const data = new UnixFS({ type: 'file', blockSizes: [BigInt(size), 262_144n] }).marshal()
      expect(Buffer.compare(fileNodeData([size, 262_144]), data)).toBe(0)
    }
  })
})
