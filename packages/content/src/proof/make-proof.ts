import { varint } from 'multiformats'
import { CID } from 'multiformats/cid'
import { ENTRY_BYTES } from '../aggregate/segments/entry.ts'
import { indexStart } from '../aggregate/segments/index-area.ts'
import { entrySelector } from '../aggregate/unixfs-2021/entries.ts'
import { pathToDag } from '../aggregate/unixfs-2021/find-entry.ts'
import { encodeCarHeader } from '../car/encode.ts'
import type { BytesProof, MerkleProof } from '../piece/merkle.ts'
import { type Piece, paddedBytes } from '../piece/piece.ts'
import { pieceCidV1, pieceCidV2 } from '../piece/piece-cid.ts'
import type { Prover } from '../piece/prove.ts'
import { toBase64 } from './base64.ts'
import {
  type BytesInPiece,
  type IndexRange,
  MAX_DEALS,
  MAX_INDEX_RANGES,
  MAX_PROVEN_BLOCKS,
  type PathInPiece,
  PROOF_VERSION,
  type ProofDeal,
  type ProofDocument,
  type ProofOfProving,
  type ProofPlace,
  type ProofRun,
  type ShardPlace,
} from './document.ts'
import { sealProof } from './parse.ts'
import { walkOrder } from './walk-order.ts'

/** Runs a document has of one place: where blocks of the content were in the piece before it, they may lie anywhere. */
const MAX_RUNS_MADE = 12

/** Longest that stands in front of the bytes of a block: the length and a CID. */
const MAX_PREFIX_BYTES = 9 + 128

/** An aggregate that holds the content, and what is needed to prove it. */
export interface PlaceToProve {
  piece: Piece
  prover: Prover
  /** Reads the data of the piece; fewer bytes come where it ends. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Where the section of the first block begins that was put in for this content; undefined where all were there before. */
  start: number | undefined
  /** Where the sections of other blocks begin. Those it does not know are left out of the proof. */
  locate(cids: readonly CID[]): Promise<Map<string, number>>
  aggregate:
    | { layout: 'unixfs-2021'; root: CID; links: [number, number, number] }
    | { layout: 'segments'; segment: Piece; paddedOffset: number; position: number }
  part?: { index: number; of: number } | undefined
  /** Deals about the piece that the chain has, and which of them are being kept. */
  deals?: readonly ProofDeal[]
  proving?: readonly ProofOfProving[]
}

export interface ProofToMake {
  root: CID
  /** What the DAG has as somebody counted; counted again where all of it is found. */
  dag: { blocks: number; bytes: number }
  shard: ShardPlace | null
  places: readonly PlaceToProve[]
  /** Gives verified bytes of blocks with links; leaves are not asked for. */
  readNode(cid: CID): Promise<Uint8Array>
}

/**
 * Makes the document that `verifyProof` checks. Reads the nodes of the DAG, the few bytes in front of each of its blocks in the pieces, and what the
 * Merkle proofs need; never the leaves. It is the same whenever it is made from the same rows.
 */
export async function makeProof({ root, dag, shard, places, readNode }: ProofToMake): Promise<ProofDocument> {
  const { blocks, isWhole } = await firstBlocks(root, readNode)
  const made: ProofPlace[] = []
  let counted = dag
  for (const place of places) {
    const runs = await findRuns(blocks, place)
    const found = countOf(runs)
    if (isWhole && found.blocks === blocks.length) counted = found
    made.push(await makePlace(root, runs, place))
  }
  const proof = { format: 'keepsake-proof', version: PROOF_VERSION, root: root.toV1().toString() } as const
  return await sealProof({ ...proof, dag: counted, shard, places: made })
}

async function firstBlocks(root: CID, readNode: ProofToMake['readNode']): Promise<{ blocks: CID[]; isWhole: boolean }> {
  const blocks: CID[] = []
  for await (const { cid } of walkOrder(root, readNode)) {
    if (blocks.length === MAX_PROVEN_BLOCKS) return { blocks, isWhole: false }
    blocks.push(cid)
  }
  return { blocks, isWhole: true }
}

function countOf(runs: readonly FoundRun[]): { blocks: number; bytes: number } {
  let blocks = 0
  let bytes = 0
  for (const run of runs) {
    for (const [from, to] of run.blocks) blocks += to - from
    bytes += run.blockBytes
  }
  return { blocks, bytes }
}

async function makePlace(root: CID, found: readonly FoundRun[], place: PlaceToProve): Promise<ProofPlace> {
  const { piece, prover, part } = place
  const runs: ProofRun[] = []
  for (const { blocks, offset, length, cidV0 } of found) {
    const inPiece = bytesInPiece(await prover.proveBytes(offset, length))
    runs.push({ blocks, offset, length, ...(cidV0.length > 0 && { cidV0 }), ...inPiece })
  }
  return {
    piece: { cid: pieceCidV2(piece).toString(), cidV1: pieceCidV1(piece).toString(), paddedBytes: paddedBytes(piece.height) },
    aggregate: await makeAggregate(root, place),
    ...(part && { part }),
    runs,
    deals: [...(place.deals ?? [])].slice(0, MAX_DEALS),
    proving: [...(place.proving ?? [])].slice(0, MAX_DEALS),
  }
}

async function makeAggregate(root: CID, { aggregate, piece, prover }: PlaceToProve): Promise<ProofPlace['aggregate']> {
  if (aggregate.layout === 'unixfs-2021') {
    return {
      layout: 'unixfs-2021',
      root: aggregate.root.toString(),
      path: pathToDag(root),
      selector: entrySelector(aggregate),
      header: bytesInPiece(await prover.proveBytes(0, encodeCarHeader([aggregate.root]).length)),
    }
  }
  const { segment, paddedOffset, position } = aggregate
  const subtree = await prover.proveSubtree(segment.height, paddedOffset / paddedBytes(segment.height))
  const index = await prover.proveSubtree(1, indexStart(piece.height) / ENTRY_BYTES + position)
  return {
    layout: 'segments',
    segment: { cid: pieceCidV2(segment).toString(), paddedOffset },
    inclusion: { subtree: pathInPiece(subtree), index: pathInPiece(index) },
  }
}

interface FoundRun {
  blocks: IndexRange[]
  offset: number
  /** Of the sections. */
  length: number
  /** Of the blocks in them. */
  blockBytes: number
  cidV0: IndexRange[]
}

/** Where the blocks of the DAG lie in the piece: those put in for it side by side, then those that were there before. */
async function findRuns(blocks: readonly CID[], place: PlaceToProve): Promise<FoundRun[]> {
  const runs: FoundRun[] = []
  const elsewhere: number[] = []
  let at = place.start
  for (const [index, cid] of blocks.entries()) {
    const section = at === undefined ? undefined : await sectionAt(place, at, cid)
    if (section) at = addTo(runs, index, section)
    else elsewhere.push(index)
  }
  const places = elsewhere.length > 0 ? await place.locate(elsewhere.map((index) => blocks[index]!)) : new Map<string, number>()
  for (const index of elsewhere) {
    const cid = blocks[index]!
    const offset = places.get(cid.toString())
    const section = offset === undefined ? undefined : await sectionAt(place, offset, cid)
    if (section) addTo(runs, index, section)
  }
  return runs.filter(({ blocks: ranges }) => ranges.length <= MAX_INDEX_RANGES).slice(0, MAX_RUNS_MADE)
}

interface FoundSection {
  offset: number
  length: number
  blockBytes: number
  isV0: boolean
}

/** The section that begins at a place, if it is that of this block. */
async function sectionAt({ read }: PlaceToProve, offset: number, cid: CID): Promise<FoundSection | undefined> {
  const start = await read(offset, MAX_PREFIX_BYTES)
  try {
    const [bytes, lengthBytes] = varint.decode(start)
    const { version, codec, multihashSize, size } = CID.inspectBytes(start.subarray(lengthBytes))
    const multihash = start.subarray(lengthBytes + size - multihashSize, lengthBytes + size)
    const isIt =
      codec === cid.code &&
      cid.multihash.bytes.length === multihash.length &&
      cid.multihash.bytes.every((byte, at) => byte === multihash[at])
    return isIt ? { offset, length: lengthBytes + bytes, blockBytes: bytes - size, isV0: version === 0 } : undefined
  } catch {
    // Zeros, the end, or the middle of something.
    return undefined
  }
}

/** Adds a block to the run it goes on with. Gives the place behind it. */
function addTo(runs: FoundRun[], index: number, { offset, length, blockBytes, isV0 }: FoundSection): number {
  const end = offset + length
  let run = runs.find((candidate) => candidate.offset + candidate.length === offset && candidate.blocks.at(-1)![1] <= index)
  if (!run) {
    run = { blocks: [], offset, length: 0, blockBytes: 0, cidV0: [] }
    runs.push(run)
  }
  run.length += length
  run.blockBytes += blockBytes
  extend(run.blocks, index)
  if (isV0) extend(run.cidV0, index)
  return end
}

function extend(ranges: IndexRange[], index: number): void {
  const last = ranges.at(-1)
  if (last?.[1] === index) last[1]++
  else ranges.push([index, index + 1])
}

function bytesInPiece({ before, after, path }: BytesProof): BytesInPiece {
  return { before: toBase64(before), after: toBase64(after), path: path.map(toBase64) }
}

function pathInPiece({ index, path }: MerkleProof): PathInPiece {
  return { index, path: path.map(toBase64) }
}
