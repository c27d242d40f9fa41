import { ContentError } from '../errors.ts'
import { pad, QUAD_BYTES, QUAD_DATA_BYTES } from './fr32.ts'
import { hashFewPairs, levelAbove, NODE_BYTES, sameNode } from './hash-pairs.ts'
import { capacityBytes, MIN_PIECE_HEIGHT, type Piece } from './piece.ts'

/** Where neighbouring nodes of one level are in a tree, and what is needed beside them to reach its root. */
export interface MerkleProof {
  /** Place of the first of the nodes in their level, from the left. */
  index: number
  /** The nodes beside the way up, from the bottom; where there is one on either side, the left one first. */
  path: Uint8Array[]
}

/** What shows that bytes are at a place in the data of a piece. */
export interface BytesProof {
  /** What is in front of the bytes in the quad they begin in, and behind them in the one they end in: at most 126 bytes each. */
  before: Uint8Array
  after: Uint8Array
  /** From the quads the bytes are in to the root of the piece. */
  path: Uint8Array[]
}

/** The top of a piece, as its CID of version 2 names it. */
export type PieceTop = Pick<Piece, 'root' | 'height'>

/**
 * The root of the tree that is `levels` levels above neighbouring nodes of one level. For one node this is the usual Merkle proof.
 *
 * @throws {ContentError} `INVALID_PROOF` when the proof is not of the form it has to have. Whether the root is the right one is for
 * the caller to compare.
 */
export function rootOver(nodes: Uint8Array, proof: MerkleProof, levels: number): Uint8Array {
  const count = nodes.length / NODE_BYTES
  const fits = Number.isSafeInteger(proof.index) && proof.index >= 0 && proof.index + count <= 2 ** levels
  if (!fits || !Number.isInteger(count) || count < 1) throw invalidProof('It names a place that the piece does not have.')
  const siblings = proof.path.values()
  let first = proof.index
  let level = nodes
  for (let height = 0; height < levels; height++) {
    const last = first + level.length / NODE_BYTES - 1
    const left = first % 2 === 1 ? [sibling(siblings.next().value)] : []
    const right = last % 2 === 0 ? [sibling(siblings.next().value)] : []
    level = levelAbove(hashFewPairs, joined([...left, level, ...right]))
    first = Math.floor(first / 2)
  }
  if (siblings.next().done !== true) throw invalidProof('It is longer than the way to the root.')
  return level
}

/**
 * Checks that a subtree is at a place in a piece: `node` is its root, `height` its height, `proof.index` its place among those of
 * its height.
 *
 * @throws {ContentError} `INVALID_PROOF` when it is not shown to be there.
 */
export function verifySubtree(piece: PieceTop, node: Uint8Array, height: number, proof: MerkleProof): void {
  if (node.length !== NODE_BYTES) throw invalidProof(`A node is ${NODE_BYTES} bytes, not ${node.length}.`)
  const levels = piece.height - height
  if (!Number.isInteger(levels) || levels < 0 || height < 0)
    throw invalidProof(`A piece of height ${piece.height} has no node of height ${height}.`)
  refuseOtherRoot(piece, rootOver(node, proof, levels))
}

/**
 * Checks that `bytes` are the data of a piece from `offset` on.
 *
 * @throws {ContentError} `INVALID_PROOF` when they are not shown to be; `INVALID_INPUT` for no bytes, which are everywhere.
 */
export function verifyBytes(piece: PieceTop, offset: number, bytes: Uint8Array, proof: BytesProof): void {
  const { beforeBytes, afterBytes, firstQuad } = quadsOf(piece, offset, bytes.length)
  if (proof.before.length !== beforeBytes || proof.after.length !== afterBytes)
    throw invalidProof('What it holds beside the bytes does not fill the quads they are in.')
  const nodes = quadNodes(joined([proof.before, bytes, proof.after]))
  refuseOtherRoot(piece, rootOver(nodes, { index: firstQuad, path: proof.path }, piece.height - MIN_PIECE_HEIGHT))
}

/** Which whole quads bytes of a piece's data are in, and how many bytes of those are not theirs. */
export interface QuadsOfBytes {
  firstQuad: number
  /** One more than the last. */
  endQuad: number
  beforeBytes: number
  afterBytes: number
}

/** @throws {ContentError} `INVALID_INPUT` for no bytes, and for a place that the piece does not have. */
export function quadsOf({ height }: Pick<Piece, 'height'>, offset: number, length: number): QuadsOfBytes {
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(length) ||
    offset < 0 ||
    length < 1 ||
    offset + length > capacityBytes(height)
  )
    throw new ContentError('INVALID_INPUT', `A piece of height ${height} has no ${length} bytes at ${offset}.`)
  const firstQuad = Math.floor(offset / QUAD_DATA_BYTES)
  const endQuad = Math.ceil((offset + length) / QUAD_DATA_BYTES)
  return {
    firstQuad,
    endQuad,
    beforeBytes: offset - firstQuad * QUAD_DATA_BYTES,
    afterBytes: endQuad * QUAD_DATA_BYTES - offset - length,
  }
}

/** The nodes over whole quads of data, one a quad. */
function quadNodes(data: Uint8Array): Uint8Array {
  let nodes = pad(data)
  for (let bytes = QUAD_BYTES; bytes > NODE_BYTES; bytes /= 2) nodes = levelAbove(hashFewPairs, nodes)
  return nodes
}

function refuseOtherRoot(piece: PieceTop, root: Uint8Array): void {
  if (!sameNode(root, piece.root)) throw invalidProof('It leads to the root of another piece.')
}

function sibling(node: Uint8Array | undefined): Uint8Array {
  if (node === undefined) throw invalidProof('It is shorter than the way to the root.')
  if (node.length !== NODE_BYTES) throw invalidProof(`A node is ${NODE_BYTES} bytes, not ${node.length}.`)
  return node
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function invalidProof(reason: string): ContentError {
  return new ContentError('INVALID_PROOF', `The proof does not hold. ${reason}`)
}
