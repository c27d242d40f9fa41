import { describe, expect, test } from 'vitest'
import { commPHasher } from '../../src/piece/commp.ts'
import { type BytesProof, rootOver, verifyBytes, verifySubtree } from '../../src/piece/merkle.ts'
import { capacityBytes, type Piece, padPieceTo } from '../../src/piece/piece.ts'
import { hashPairsPortable } from '../../src/piece/portable-pairs.ts'
import { type Prover, prover } from '../../src/piece/prove.ts'
import { pieceTree } from '../../src/piece/tree.ts'
import { pattern, seeded } from '../oracle.ts'
import { naivePad, naiveTree } from './naive.ts'

interface Subject {
  data: Uint8Array
  piece: Piece
  proofs: Prover
  /** Bytes read to make proofs. */
  bytesRead: () => number
}

function subjectOf(length: number, keepLevel: number, height?: number): Subject {
  const data = pattern(length, length)
  const hasher = commPHasher(hashPairsPortable, { keepLevel })
  hasher.write(data)
  const smallest = hasher.digest()
  const piece = height === undefined ? smallest : padPieceTo(smallest, height)
  let bytesRead = 0
  const read = async (offset: number, bytes: number): Promise<Uint8Array> => {
    bytesRead += bytes
    return data.subarray(offset, offset + bytes)
  }
  const proofs = prover(pieceTree(hasher.keptLevel(), piece.height, hashPairsPortable), read, hashPairsPortable)
  return { data, piece, proofs, bytesRead: () => bytesRead }
}

/** Like any other number in `data`, or one bit of it turned. */
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const other = bytes.slice()
  other[at]! ^= 1 << (at % 8)
  return other
}

describe('a subtree', () => {
  test('of every height and place is shown to be there, and nowhere else', async () => {
    const { data, piece, proofs } = subjectOf(3000, 5)
    const levels = naiveTree(naivePad(data), piece.height)
    for (let height = 0; height <= piece.height; height++) {
      for (let index = 0; index < levels[height]!.length; index++) {
        const proof = await proofs.proveSubtree(height, index)
        expect(proof.path.length).toBe(piece.height - height)
        verifySubtree(piece, levels[height]![index]!, height, proof)
        const elsewhere = (index + 1) % levels[height]!.length
        if (Buffer.compare(levels[height]![index]!, levels[height]![elsewhere]!) !== 0) {
          expect(() => verifySubtree(piece, levels[height]![elsewhere]!, height, proof)).toThrow('root of another piece')
          expect(() => verifySubtree(piece, levels[height]![index]!, height, { ...proof, index: elsewhere })).toThrow(
            'root of another piece',
          )
        }
      }
    }
  })

  test('is shown to be in a piece that was padded up, zeros included', async () => {
    const { piece, proofs } = subjectOf(1000, 5, 12)
    const index = 2 ** 7 - 1
    const proof = await proofs.proveSubtree(5, index)
    const zeros = naiveTree(new Uint8Array(128), 5).at(-1)![0]!
    verifySubtree(piece, zeros, 5, proof)
  })

  test('is shown without reading where it is at or above the kept level', async () => {
    const { proofs, bytesRead } = subjectOf(100_000, 7)
    await proofs.proveSubtree(7, 3)
    expect(bytesRead()).toBe(0)
    await proofs.proveSubtree(6, 3)
    expect(bytesRead()).toBe(capacityBytes(7))
  })

  test.each([
    [0, 16 * 8],
    [7, 0],
    [-1, 0],
    [2, -1],
    [2, 1.5],
  ])('of height %s at %s is refused where the piece has none', async (height, index) => {
    const { proofs } = subjectOf(2000, 2)
    await expect(proofs.proveSubtree(height, index)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })

  test('proof that is too short, too long, or holds what is no node does not hold', async () => {
    const { data, piece, proofs } = subjectOf(2000, 2)
    const node = naiveTree(naivePad(data), piece.height)[2]![5]!
    const proof = await proofs.proveSubtree(2, 5)
    const check = (path: Uint8Array[], index = 5) => verifySubtree(piece, node, 2, { index, path })
    check(proof.path)
    expect(() => check(proof.path.slice(1))).toThrow('shorter than the way to the root')
    expect(() => check([...proof.path, new Uint8Array(32)])).toThrow('longer than the way to the root')
    expect(() => check([new Uint8Array(31), ...proof.path.slice(1)])).toThrow('A node is 32 bytes, not 31.')
    expect(() => check(proof.path, 5 + 2 ** (piece.height - 2))).toThrow('a place that the piece does not have')
    expect(() => check(proof.path, -1)).toThrow('a place that the piece does not have')
    expect(() => verifySubtree(piece, node.subarray(1), 2, proof)).toThrow('A node is 32 bytes')
    expect(() => verifySubtree(piece, node, piece.height + 1, proof)).toThrow('has no node of height')
    expect(() => rootOver(new Uint8Array(), proof, 3)).toThrow('a place that the piece does not have')
  })
})

describe('bytes', () => {
  test('from anywhere to anywhere are shown to be there', async () => {
    const next = seeded(11)
    for (const [length, keepLevel, height] of [
      [1, 2, undefined],
      [127, 2, undefined],
      [3000, 4, undefined],
      [3000, 9, 14],
      [600_000, 13, undefined],
    ] as const) {
      const { data, piece, proofs } = subjectOf(length, keepLevel, height)
      for (let round = 0; round < 60; round++) {
        const offset = next(length)
        const bytes = data.subarray(offset, offset + 1 + next(Math.min(length - offset, round % 2 === 0 ? 300 : 20_000)))
        const proof = await proofs.proveBytes(offset, bytes.length)
        expect(proof.path.length).toBeLessThanOrEqual(2 * (piece.height - 2))
        verifyBytes(piece, offset, bytes, proof)
      }
    }
  })

  test('cannot be changed, nor anything of their proof, by a single bit', async () => {
    const { data, piece, proofs } = subjectOf(5000, 6)
    const [offset, length] = [1000, 333]
    const bytes = data.slice(offset, offset + length)
    const proof = await proofs.proveBytes(offset, length)
    verifyBytes(piece, offset, bytes, proof)
    const refused = (other: Partial<{ piece: Piece; offset: number; bytes: Uint8Array; proof: BytesProof }>) =>
      expect(() => verifyBytes(other.piece ?? piece, other.offset ?? offset, other.bytes ?? bytes, other.proof ?? proof)).toThrow(
        'The proof does not hold.',
      )
    for (let at = 0; at < length; at++) refused({ bytes: flipped(bytes, at) })
    for (let at = 0; at < proof.before.length; at++) refused({ proof: { ...proof, before: flipped(proof.before, at) } })
    for (let at = 0; at < proof.after.length; at++) refused({ proof: { ...proof, after: flipped(proof.after, at) } })
    for (let step = 0; step < proof.path.length; step++) {
      for (let at = 0; at < 32; at++) {
        refused({ proof: { ...proof, path: proof.path.map((node, place) => (place === step ? flipped(node, at) : node)) } })
      }
    }
    for (let at = 0; at < 32; at++) refused({ piece: { ...piece, root: flipped(piece.root, at) } })
    for (const other of [offset - 127, offset - 1, offset + 1, offset + 127]) refused({ offset: other })
    refused({ bytes: bytes.subarray(1) })
    refused({ proof: { ...proof, path: proof.path.slice(0, -1) } })
    refused({ piece: { ...piece, height: piece.height + 1 } })
    refused({ piece: { ...piece, height: piece.height - 1 } })
  })

  test('behind the data are zeros', async () => {
    const { piece, proofs } = subjectOf(1000, 4)
    verifyBytes(piece, 1000, new Uint8Array(16), await proofs.proveBytes(1000, 16))
    expect(() =>
      verifyBytes(piece, capacityBytes(piece.height) - 1, new Uint8Array(2), {
        before: new Uint8Array(),
        after: new Uint8Array(),
        path: [],
      }),
    ).toThrow('has no 2 bytes at')
  })

  test('are not proven where there are none', async () => {
    const { proofs } = subjectOf(1000, 4)
    await expect(proofs.proveBytes(10, 0)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    await expect(proofs.proveBytes(-1, 5)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    await expect(proofs.proveBytes(1020, 5)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })

  test('that changed since the tree was kept make no proof', async () => {
    const hasher = commPHasher(hashPairsPortable, { keepLevel: 4 })
    hasher.write(pattern(3000))
    const { height } = hasher.digest()
    const tree = pieceTree(hasher.keptLevel(), height, hashPairsPortable)
    const changed = flipped(pattern(3000), 700)
    const proofs = prover(tree, async (offset, length) => changed.subarray(offset, offset + length), hashPairsPortable)
    await expect(proofs.proveBytes(600, 10)).rejects.toMatchObject({ code: 'HASH_MISMATCH' })
  })
})
