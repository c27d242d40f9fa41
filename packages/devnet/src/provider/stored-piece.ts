import { createReadStream } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { commPOfStream } from '@keepsake/commp/commp-of-stream.ts'
import { fastestPairs } from '@keepsake/commp/native-pairs.ts'
import { padPieceTo } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { SLAB_HEIGHT } from '@keepsake/content/piece/slab.ts'
import { pieceTree } from '@keepsake/content/piece/tree.ts'
import type { CID } from 'multiformats/cid'
import { challengedLeaves, type LeafChallenge, type LeafProof, proveLeaves } from '../messages/leaf-proofs.ts'
import { indexPath } from './piece-blocks.ts'
import { readAtPath } from './read-at-path.ts'
import { writeWhole } from './write-whole.ts'

/** The file is not the piece that the deal is about. */
export class WrongPiece extends Error {
  override readonly name = 'WrongPiece'
}

/** Beside a piece lies the level of its tree from which proofs are made. */
function treePath(path: string): string {
  return `${path}.tree`
}

/**
 * Computes the commitment of a file anew and compares it with that of the deal: whoever sent the bytes need not be believed. What proofs need later is
 * kept beside the file.
 *
 * @throws WrongPiece
 */
export async function verifyPiece(path: string, wanted: { pieceCid: CID; height: number }, signal: AbortSignal): Promise<void> {
  const { piece, level } = await commPOfStream(createReadStream(path, { signal }), { keepLevel: SLAB_HEIGHT, threads: 0, signal })
  const found = pieceCidV1(piece.height <= wanted.height ? padPieceTo(piece, wanted.height) : piece)
  if (!found.equals(wanted.pieceCid)) throw new WrongPiece(`The bytes are piece ${found}, the deal is about ${wanted.pieceCid}.`)
  await writeWhole(treePath(path), Buffer.concat([Uint8Array.of(level!.height), level!.nodes]))
}

/**
 * Shows the leaves of a piece that the chain asks for, out of the bytes that are on the disk now. Where those are not what they were, no proof of them
 * can be made.
 *
 * @throws ContentError `HASH_MISMATCH`; what the file system says where the file is gone
 */
export async function proveStored(path: string, challenge: LeafChallenge): Promise<LeafProof[]> {
  const kept = await readFile(treePath(path))
  const { hashPairs } = fastestPairs()
  const tree = pieceTree({ height: kept[0]!, nodes: Uint8Array.from(kept.subarray(1)) }, challenge.height, hashPairs)
  return await proveLeaves(tree, readAtPath(path), hashPairs, challengedLeaves(challenge))
}

/** Removes a piece and what was kept beside it. */
export async function removePiece(path: string): Promise<void> {
  for (const file of [path, `${path}.part`, treePath(path), indexPath(path)]) await rm(file, { force: true })
}
