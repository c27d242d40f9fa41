import { createHash } from 'node:crypto'
import { ContentError } from '@keepsake/content/errors.ts'
import { LEAF_BYTES, pad, QUAD_BYTES, QUAD_DATA_BYTES } from '@keepsake/content/piece/fr32.ts'
import type { HashPairs } from '@keepsake/content/piece/hash-pairs.ts'
import { verifySubtree } from '@keepsake/content/piece/merkle.ts'
import type { Piece } from '@keepsake/content/piece/piece.ts'
import { prover, type ReadPayload } from '@keepsake/content/piece/prove.ts'
import type { PieceTree } from '@keepsake/content/piece/tree.ts'
import { decodeAll, readList } from '@keepsake/filecoin/cbor/reader.ts'
import { byteString, encode, integer, tuple } from '@keepsake/filecoin/cbor/writer.ts'

/** Leaves of each piece that a proof shows. Who lost a share `p` of a piece gets past both with (1-p)², each time anew. */
export const LEAVES_PER_PIECE = 2
/** More than any piece is high: what is longer was not written by a prover. */
const MAX_PATH = 64

/** What decides which leaves are to be shown. */
export interface LeafChallenge {
  /** Data of the beacon entry of the epoch that asks. */
  beacon: Uint8Array
  provider: number
  sector: number
  /** Place of the piece in its sector. */
  piece: number
  /** Of the piece. */
  height: number
}

/** The leaves that a proof has to show, which nobody knows before the beacon speaks. */
export function challengedLeaves({ beacon, provider, sector, piece, height }: LeafChallenge): number[] {
  return Array.from({ length: LEAVES_PER_PIECE }, (_, index) => {
    const digest = createHash('sha256')
      .update(beacon)
      .update(encode(tuple(integer(provider), integer(sector), integer(piece), integer(index))))
      .digest()
    return Number(digest.readBigUInt64BE() % 2n ** BigInt(height))
  })
}

/** A leaf with its way up to the root of its piece. */
export interface LeafProof {
  leaf: Uint8Array
  path: Uint8Array[]
}

/** Of each piece of a sector in order, its challenged leaves in order. */
export interface SectorLeafProofs {
  sector: number
  pieces: LeafProof[][]
}

export function encodeLeafProofs(sectors: readonly SectorLeafProofs[]): Uint8Array {
  const leafPiece = ({ leaf, path }: LeafProof) => tuple(byteString(leaf), byteString(Buffer.concat(path)))
  const written = sectors.map(({ sector, pieces }) =>
    tuple(integer(sector), tuple(...pieces.map((leaves) => tuple(...leaves.map(leafPiece))))),
  )
  return encode(tuple(...written))
}

/** @throws ChainFormatError `INVALID_CBOR`, `UNKNOWN_LAYOUT` */
export function decodeLeafProofs(bytes: Uint8Array): SectorLeafProofs[] {
  return decodeAll(bytes, (reader) =>
    readList(reader, (item) => {
      item.readTuple(2, 'The leaves of a sector')
      const sector = item.readUint()
      const pieces = readList(item, (piece) =>
        readList(piece, (one) => {
          one.readTuple(2, 'A proof of a leaf')
          return { leaf: one.readBytes(), path: nodesOf(one.readBytes()) }
        }),
      )
      return { sector, pieces }
    }),
  )
}

function nodesOf(bytes: Uint8Array): Uint8Array[] {
  const nodes: Uint8Array[] = []
  for (let at = 0; at < bytes.length && nodes.length <= MAX_PATH; at += LEAF_BYTES)
    nodes.push(bytes.subarray(at, at + LEAF_BYTES))
  return nodes
}

/**
 * Shows leaves of a piece: reads the few bytes they are in and those below the kept level of the tree beside them.
 *
 * @throws ContentError `HASH_MISMATCH` where the data is not what the tree was made of
 */
export async function proveLeaves(
  tree: PieceTree,
  read: ReadPayload,
  hashPairs: HashPairs,
  leaves: readonly number[],
): Promise<LeafProof[]> {
  const { proveSubtree } = prover(tree, read, hashPairs)
  const leavesPerQuad = QUAD_BYTES / LEAF_BYTES
  const proofs: LeafProof[] = []
  for (const index of leaves) {
    const quad = new Uint8Array(QUAD_DATA_BYTES)
    quad.set(await read(Math.floor(index / leavesPerQuad) * QUAD_DATA_BYTES, QUAD_DATA_BYTES))
    const at = (index % leavesPerQuad) * LEAF_BYTES
    const { path } = await proveSubtree(0, index)
    proofs.push({ leaf: pad(quad).slice(at, at + LEAF_BYTES), path })
  }
  return proofs
}

/**
 * Checks what was shown of one piece.
 *
 * @throws ContentError `INVALID_PROOF`
 */
export function verifyLeaves(
  piece: Pick<Piece, 'root' | 'height'>,
  leaves: readonly number[],
  proofs: readonly LeafProof[],
): void {
  if (proofs.length !== leaves.length)
    throw new ContentError(
      'INVALID_PROOF',
      `The proof shows ${proofs.length} leaves of a piece where ${leaves.length} were asked for.`,
    )
  for (const [at, { leaf, path }] of proofs.entries()) verifySubtree(piece, leaf, 0, { index: leaves[at]!, path })
}
