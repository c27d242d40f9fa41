import * as dagCbor from '@ipld/dag-cbor'
import { ContentError } from '../../errors.ts'
import { NODE_BYTES, nodeOver, sameNode } from '../../piece/hash-pairs.ts'
import { type MerkleProof, type PieceTop, rootOver } from '../../piece/merkle.ts'
import { MAX_PIECE_HEIGHT, paddedBytes } from '../../piece/piece.ts'
import { ENTRY_BYTES, encodeEntry } from './entry.ts'
import { indexStart, MIN_AGGREGATE_HEIGHT } from './index-area.ts'

/** What shows that a segment is in an aggregate: its data at a place, and an entry that says so in the index. (FRC-0058.) */
export interface InclusionProof {
  /** From the segment's root to that of the aggregate. `index`: its place among those of its size. */
  subtree: MerkleProof
  /** From the entry to the root of the aggregate. `index`: its place among all 64 bytes of the aggregate. */
  index: MerkleProof
}

/** An entry is two leaves: the node over them. */
const ENTRY_HEIGHT = 1

/** How an aggregation proof says that the ids of deals follow. */
const DEALS_TYPE = 0

/**
 * Checks that both halves of a proof lead from a segment to the same aggregate, and that the entry is one of its index.
 *
 * @returns the top of that aggregate: the caller compares it with one it knows, say from a deal
 * @throws {ContentError} `INVALID_PROOF` saying what is wrong
 */
export function verifyInclusion(segment: PieceTop, { subtree, index }: InclusionProof): PieceTop {
  const height = segment.height + subtree.path.length
  if (height > MAX_PIECE_HEIGHT)
    throw invalid(`it would be of an aggregate of height ${height}, more than the limit of ${MAX_PIECE_HEIGHT}`)
  if (height !== ENTRY_HEIGHT + index.path.length) throw invalid('its halves are of aggregates of different sizes')
  if (height < MIN_AGGREGATE_HEIGHT) throw invalid('no aggregate is that small')
  const root = rootOver(segment.root, subtree, subtree.path.length)
  const entry = encodeEntry({ ...segment, offset: subtree.index * paddedBytes(segment.height) })
  const entryNode = nodeOver(entry.subarray(0, NODE_BYTES), entry.subarray(NODE_BYTES))
  if (!sameNode(rootOver(entryNode, index, index.path.length), root)) throw invalid('its halves lead to different aggregates')
  if (index.index * ENTRY_BYTES < indexStart(height)) throw invalid('the entry is not in the index')
  return { root, height }
}

/** The two Merkle proofs as a block of dag-cbor, as aggregators hand them out: `[[index, [node..]], [index, [node..]]]`. */
export function encodeInclusionProof(proof: InclusionProof): Uint8Array {
  return dagCbor.encode(inclusionTuple(proof))
}

/** Reads one that anybody may have written. @throws {ContentError} `INVALID_PROOF` for another form. */
export function decodeInclusionProof(bytes: Uint8Array): InclusionProof {
  return inclusionIn(decodeCbor(bytes))
}

/** An inclusion proof and the deals that the aggregate is in. */
export interface AggregationProof {
  inclusion: InclusionProof
  dealIds: number[]
}

/** The same as a block of dag-cbor: `[inclusion, 0, [deal id..]]`. */
export function encodeAggregationProof({ inclusion, dealIds }: AggregationProof): Uint8Array {
  return dagCbor.encode([inclusionTuple(inclusion), DEALS_TYPE, dealIds])
}

/** Reads one that anybody may have written. @throws {ContentError} `INVALID_PROOF` for another form. */
export function decodeAggregationProof(bytes: Uint8Array): AggregationProof {
  const value = decodeCbor(bytes)
  if (!Array.isArray(value) || value.length !== 3 || value[1] !== DEALS_TYPE)
    throw invalid('it is not of the form it has to have')
  const [inclusion, , dealIds] = value
  if (!Array.isArray(dealIds) || !dealIds.every(isPlace)) throw invalid('its deals are not numbers')
  return { inclusion: inclusionIn(inclusion), dealIds }
}

function inclusionTuple({ subtree, index }: InclusionProof) {
  return [
    [subtree.index, subtree.path],
    [index.index, index.path],
  ]
}

function inclusionIn(value: unknown): InclusionProof {
  if (!Array.isArray(value) || value.length !== 2) throw invalid('it is not of the form it has to have')
  return { subtree: merkleProofIn(value[0]), index: merkleProofIn(value[1]) }
}

function merkleProofIn(value: unknown): MerkleProof {
  if (!Array.isArray(value) || value.length !== 2) throw invalid('it is not of the form it has to have')
  const [index, path] = value
  const isPath =
    Array.isArray(path) &&
    path.length <= MAX_PIECE_HEIGHT &&
    path.every((node) => node instanceof Uint8Array && node.length === NODE_BYTES)
  if (!isPlace(index) || !isPath) throw invalid('one of its halves is not of the form it has to have')
  return { index, path }
}

function isPlace(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes)
  } catch (cause) {
    throw new ContentError('INVALID_PROOF', 'The inclusion proof does not decode.', { cause })
  }
}

function invalid(reason: string): ContentError {
  return new ContentError('INVALID_PROOF', `The inclusion proof does not hold: ${reason}.`)
}
