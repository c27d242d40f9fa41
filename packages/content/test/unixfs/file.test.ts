import { describe, expect, test } from 'vitest'
import { chunksOf } from '../../src/unixfs/chunk.ts'
import { packFile } from '../../src/unixfs/file.ts'
import { Blob, blockCids, collect, inPieces, NFTStorage, pattern, seeded } from '../oracle.ts'

const KIB = 1024

describe('packFile', () => {
  test.each([
    ['1 byte', 1],
    ['one full chunk', 256 * KIB],
    ['one full chunk and a byte', 256 * KIB + 1],
    ['174 chunks, a full node', 174 * 256 * KIB],
    ['175 chunks, the second level', 175 * 256 * KIB],
    ['45 MiB', 45 * 1024 * KIB],
  ])('makes the same blocks as the published client of %s', async (_, length) => {
    const bytes = pattern(length)
    const expected = await NFTStorage.encodeBlob(new Blob([bytes as Uint8Array<ArrayBuffer>]))
    const { blocks, result } = await collect(packFile(inPieces(bytes, () => 65_536)))
    expect(String(result.cid)).toBe(String(expected.cid))
    expect(result.fileBytes).toBe(length)
    const own = (async function* () {
      yield* blocks
    })()
    expect(await blockCids(own)).toEqual(await blockCids(expected.car.blocks()))
    expect(result.dagBytes).toBe(blocks.reduce((sum, block) => sum + block.bytes.length, 0))
  })

  test('gives the CIDs nft.storage was seen to give', async () => {
    const hello = await collect(packFile(inPieces(new TextEncoder().encode('hello world!'), () => 5)))
    expect(String(hello.result.cid)).toBe('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')
    const zeros = await collect(packFile(inPieces(new Uint8Array(175 * 256 * KIB), () => 1_000_000)))
    expect(String(zeros.result.cid)).toBe('bafybeigfps5vzivfspwgm3uwsfyl5s6bn3ysh7uqidgauxgopw4yi66lse')
  })

  test('makes an empty file the empty raw block', async () => {
    const { blocks, result } = await collect(packFile(inPieces(new Uint8Array(), () => 1)))
    expect(blocks).toHaveLength(1)
    expect(String(result.cid)).toBe('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
    expect(result).toMatchObject({ fileBytes: 0, dagBytes: 0 })
  })

  test('gives leaves in order, and each parent right after its last child', async () => {
    const { blocks, result } = await collect(packFile(inPieces(pattern(349 * 256 * KIB), () => 256 * KIB)))
    const codes = blocks.map((block) => (block.cid.code === 0x55 ? 'leaf' : 'node'))
    const nodesAt = codes.flatMap((code, index) => (code === 'node' ? [index] : []))
    expect(nodesAt).toEqual([174, 349, 351, 352])
    expect(blocks.at(-1)!.cid.equals(result.cid)).toBe(true)
  })

  test('stops when told to', async () => {
    const abort = new AbortController()
    const packer = packFile(
      inPieces(pattern(100 * 256 * KIB), () => 256 * KIB),
      { signal: abort.signal },
    )
    await packer.next()
    abort.abort(new Error('enough'))
    await expect(collect(packer)).rejects.toThrow('enough')
  })
})

describe('chunksOf', () => {
  test('gives the same chunks however the source is cut', async () => {
    const below = seeded(7)
    for (let round = 0; round < 200; round++) {
      const bytes = pattern(below(200), round)
      const chunkBytes = 1 + below(20)
      const pieces = inPieces(bytes, () => below(1 + below(40)))
      const chunks: Uint8Array[] = []
      for await (const chunk of chunksOf(pieces, chunkBytes)) chunks.push(chunk)
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
      expect(chunks.slice(0, -1).every((chunk) => chunk.length === chunkBytes)).toBe(true)
      expect(chunks.every((chunk) => chunk.length > 0)).toBe(true)
    }
  })
})
