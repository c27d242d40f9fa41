import { CID } from 'multiformats/cid'
import { verifyInclusion } from '../aggregate/segments/inclusion.ts'
import { dataOffset } from '../aggregate/segments/index-area.ts'
import { pathToDag, resolveSelector } from '../aggregate/unixfs-2021/find-entry.ts'
import type { BlockSource } from '../block.ts'
import { encodeCarHeader } from '../car/encode.ts'
import { resolvePath } from '../dag/resolve.ts'
import { ContentError, isContentError } from '../errors.ts'
import { sameNode } from '../piece/hash-pairs.ts'
import { type MerkleProof, verifyBytes } from '../piece/merkle.ts'
import { capacityBytes, type Piece, paddedBytes } from '../piece/piece.ts'
import { parsePieceCidText } from '../piece/piece-cid.ts'
import { fromBase64 } from './base64.ts'
import type { PathInPiece, ProofDocument, ProofPlace, SegmentPlace, UnixfsPlace } from './document.ts'
import { bytesProof } from './place-runs.ts'
import type { Statement } from './report.ts'

type Read = (cid: CID) => Promise<Uint8Array>

/** Checks what a place says of the aggregate that the piece is. `read` gives bytes that were checked. */
export async function checkAggregate(document: ProofDocument, place: ProofPlace, piece: Piece, read: Read): Promise<Statement[]> {
  const { aggregate } = place
  if (aggregate.layout === 'segments') return [checkSegment(aggregate, place, piece)]
  return [checkHeader(aggregate, piece), await checkDirectory(document, aggregate, read)]
}

function checkHeader({ root, header }: UnixfsPlace, piece: Piece): Statement {
  return attempt('header', `The piece is not shown to begin with the header of a CAR with root ${root}`, () => {
    verifyBytes(piece, 0, encodeCarHeader([CID.parse(root)]), bytesProof(header))
    return `The piece begins with the header of a CAR whose root is ${root}.`
  })
}

async function checkDirectory(
  { root }: ProofDocument,
  { root: directory, path, selector }: UnixfsPlace,
  read: Read,
): Promise<Statement> {
  const text = `In the directory ${directory}, both the path ${path} and the selector ${selector} lead to ${root}.`
  const wanted = CID.parse(root)
  if (path !== pathToDag(wanted))
    return { check: 'directory', outcome: 'failed', text: `${path} is not the path of ${root} in such a directory.` }
  try {
    const top = CID.parse(directory)
    const blocks = sourceOf(read)
    const found = [(await resolvePath(blocks, top, path.split('/'))).cid, await resolveSelector(blocks, top, selector)]
    for (const cid of found) if (!cid.equals(wanted)) throw new ContentError('INVALID_PROOF', `one of them leads to ${cid}`)
    return { check: 'directory', outcome: 'checked', text }
  } catch (error) {
    const isFalse = isContentError(error) && !isContentError(error, 'BLOCK_NOT_FOUND')
    const reason = error instanceof Error ? error.message : String(error)
    if (isFalse)
      return {
        check: 'directory',
        outcome: 'failed',
        text: `The place in the directory ${directory} is not as the proof says: ${reason}`,
      }
    return {
      check: 'directory',
      outcome: 'left',
      text: `The place in the directory ${directory} could not be checked: ${reason}`,
    }
  }
}

/** The content's CAR is a segment, the segment is in the index, and what was shown of the content lies inside it. */
function checkSegment({ segment, inclusion }: SegmentPlace, { runs }: ProofPlace, piece: Piece): Statement {
  return attempt('inclusion', `The segment ${segment.cid} is not shown to be in the index of the piece`, () => {
    const parsed = parsePieceCidText(segment.cid)
    if (parsed.version !== 2) throw new ContentError('INVALID_PROOF', 'it is named by a piece CID of version 1')
    const { height, payloadBytes } = parsed.piece
    const subtree = merkleProof(inclusion.subtree)
    const top = verifyInclusion(parsed.piece, { subtree, index: merkleProof(inclusion.index) })
    if (top.height !== piece.height || !sameNode(top.root, piece.root))
      throw new ContentError('INVALID_PROOF', 'it is in another piece')
    if (subtree.index * paddedBytes(height) !== segment.paddedOffset)
      throw new ContentError('INVALID_PROOF', 'it is at another place')
    const start = dataOffset(segment.paddedOffset)
    const isInside = runs.every(
      ({ offset, length }) => offset >= start && offset + length <= start + Math.min(payloadBytes, capacityBytes(height)),
    )
    if (!isInside) throw new ContentError('INVALID_PROOF', 'the blocks lie outside of it')
    return `They lie in segment ${segment.cid} of the piece, and the piece's own index lists that segment (FRC-0058).`
  })
}

function merkleProof({ index, path }: PathInPiece): MerkleProof {
  return { index, path: path.map((node) => fromBase64(node)!) }
}

function attempt(check: Statement['check'], failure: string, work: () => string): Statement {
  try {
    return { check, outcome: 'checked', text: work() }
  } catch (error) {
    if (!isContentError(error)) throw error
    return { check, outcome: 'failed', text: `${failure}: ${error.message}` }
  }
}

function sourceOf(read: Read): BlockSource {
  return {
    get: read,
    async *getMany(cids) {
      for (const cid of cids) yield { cid, bytes: await read(cid) }
    },
  }
}
