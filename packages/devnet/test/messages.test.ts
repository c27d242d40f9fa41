import { fastestPairs } from '@keepsake/commp/native-pairs.ts'
import { commPHasher } from '@keepsake/content/piece/commp.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { bitfieldOf } from '@keepsake/filecoin/bitfield.ts'
import { encode, integer, tuple } from '@keepsake/filecoin/cbor/writer.ts'
import { describe, expect, it } from 'vitest'
import { challengedLeaves, decodeLeafProofs, encodeLeafProofs, proveLeaves, verifyLeaves } from '../src/messages/leaf-proofs.ts'
import { decodePreCommitParams, encodePreCommitParams } from '../src/messages/pre-commit.ts'
import { DEVNET_PROOF } from '../src/messages/proof-types.ts'
import {
  dealNotice,
  decodeBatchReturn,
  decodeProveCommitParams,
  encodeBatchReturn,
  encodeProveCommitParams,
  type ProveCommitParams,
} from '../src/messages/prove-commit.ts'
import { devnetSealedCid } from '../src/messages/sealed-cid.ts'
import { decodeSectorSets, decodeTerminateReturn, encodeSectorSets, encodeTerminateReturn } from '../src/messages/sector-sets.ts'
import { decodeWindowPostParams, encodeWindowPostParams } from '../src/messages/window-post.ts'
import { makePiece } from './provider.ts'

const { hashPairs } = fastestPairs()

const someRoot = commPHasher(hashPairs).digest().root
const pieceCid = pieceCidV1({ root: someRoot })

describe('parameters and results of messages', () => {
  it('say the same after a round trip: a pre-commitment', () => {
    const sectors = [
      {
        sealProof: DEVNET_PROOF,
        sector: 7,
        sealedCid: devnetSealedCid(1000, 7, [someRoot]),
        sealRandomnessEpoch: 12,
        dealIds: [3, 70_000],
        expiration: 600_000,
        unsealedCid: pieceCid,
      },
      {
        sealProof: DEVNET_PROOF,
        sector: 8,
        sealedCid: devnetSealedCid(1000, 8, []),
        sealRandomnessEpoch: -1,
        dealIds: [],
        expiration: 9,
        unsealedCid: null,
      },
    ]
    expect(decodePreCommitParams(encodePreCommitParams(sectors))).toEqual(sectors)
  })

  it('say the same after a round trip: the activation of sectors', () => {
    const params: ProveCommitParams = {
      sectors: [
        { sector: 7, pieces: [{ pieceCid, pieceSizeBytes: 2 ** 20, allocation: null, notify: [dealNotice(3)] }] },
        { sector: 8, pieces: [{ pieceCid, pieceSizeBytes: 128, allocation: { client: 101, id: 5 }, notify: [] }] },
      ],
      proofs: [Uint8Array.of(1, 2), new Uint8Array()],
      aggregateProof: new Uint8Array(),
      aggregateProofType: null,
      requireActivationSuccess: false,
      requireNotificationSuccess: true,
    }
    expect(decodeProveCommitParams(encodeProveCommitParams(params))).toEqual(params)
    const result = { successCount: 1, failures: [{ index: 1, exitCode: 16 }] }
    expect(decodeBatchReturn(encodeBatchReturn(result))).toEqual(result)
  })

  it('say the same after a round trip: a proof of a window', () => {
    const params = {
      deadline: 47,
      partitions: [
        { index: 0, skipped: bitfieldOf([]) },
        { index: 1, skipped: bitfieldOf([3, 4, 9]) },
      ],
      proofs: [{ type: DEVNET_PROOF, bytes: Uint8Array.of(9) }],
      chainCommitEpoch: 77,
      chainCommitRandomness: new Uint8Array(32).fill(4),
    }
    expect(decodeWindowPostParams(encodeWindowPostParams(params))).toEqual(params)
  })

  it('say the same after a round trip: sets of sectors', () => {
    const sets = [{ deadline: 3, partition: 1, sectors: bitfieldOf([1, 2, 3, 80]) }]
    expect(decodeSectorSets(encodeSectorSets(sets))).toEqual(sets)
    expect(decodeTerminateReturn(encodeTerminateReturn(true))).toBe(true)
    expect(decodeTerminateReturn(encodeTerminateReturn(false))).toBe(false)
  })

  it('are refused where they have another number of fields', () => {
    const other = encode(tuple(integer(1), integer(2)))
    for (const decode of [decodePreCommitParams, decodeProveCommitParams, decodeWindowPostParams, decodeSectorSets])
      expect(() => decode(other)).toThrow(expect.objectContaining({ code: 'UNKNOWN_LAYOUT' }))
  })
})

describe('proofs of leaves', () => {
  const challenge = { beacon: new Uint8Array(96).fill(7), provider: 1000, sector: 1, piece: 0 }

  it.each([127, 5_000, 100_000])('hold for a piece of %i bytes, also on their way through a message', async (sizeBytes) => {
    const { piece, tree, read } = makePiece(sizeBytes)
    const leaves = challengedLeaves({ ...challenge, height: piece.height })
    const proofs = await proveLeaves(tree, read, hashPairs, leaves)
    const [sector] = decodeLeafProofs(encodeLeafProofs([{ sector: 1, pieces: [proofs] }]))
    expect(sector?.sector).toBe(1)
    verifyLeaves(piece, leaves, sector!.pieces[0]!)
  })

  it('cannot be made out of other bytes', async () => {
    const { data, tree, read, piece } = makePiece(100_000)
    data.fill(0)
    const leaves = challengedLeaves({ ...challenge, height: piece.height })
    await expect(proveLeaves(tree, read, hashPairs, leaves)).rejects.toMatchObject({ code: 'HASH_MISMATCH' })
  })

  it('do not hold for other leaves, another piece, fewer leaves or a changed byte', async () => {
    const { piece, tree, read } = makePiece(100_000)
    const leaves = challengedLeaves({ ...challenge, height: piece.height })
    const proofs = await proveLeaves(tree, read, hashPairs, leaves)
    const invalid = expect.objectContaining({ code: 'INVALID_PROOF' })
    expect(() =>
      verifyLeaves(
        piece,
        leaves.map((leaf) => leaf ^ 1),
        proofs,
      ),
    ).toThrow(invalid)
    expect(() => verifyLeaves(makePiece(100_000).piece, leaves, proofs)).toThrow(invalid)
    expect(() => verifyLeaves(piece, leaves, proofs.slice(1))).toThrow(invalid)
    const changed = proofs.map(({ leaf, path }) => ({ leaf: leaf.map((byte, at) => (at === 0 ? byte ^ 1 : byte)), path }))
    expect(() => verifyLeaves(piece, leaves, changed)).toThrow(invalid)
  })

  it('ask for other leaves for every beacon, provider, sector and piece', () => {
    const height = 40
    const asked = [
      challenge,
      { ...challenge, beacon: new Uint8Array(96) },
      { ...challenge, provider: 1001 },
      { ...challenge, sector: 2 },
      { ...challenge, piece: 1 },
    ].map((one) => challengedLeaves({ ...one, height }).join())
    expect(new Set(asked).size).toBe(asked.length)
    for (const leaf of asked.join().split(',')) expect(Number(leaf)).toBeLessThan(2 ** height)
  })
})
