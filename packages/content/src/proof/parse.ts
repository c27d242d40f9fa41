import { ContentError } from '../errors.ts'
import { sha256 } from '../hash/sha256.ts'
import { QUAD_DATA_BYTES } from '../piece/fr32.ts'
import { NODE_BYTES } from '../piece/hash-pairs.ts'
import { MAX_PIECE_HEIGHT } from '../piece/piece.ts'
import { toBase64 } from './base64.ts'
import {
  type BytesInPiece,
  type IndexRange,
  MAX_DEALS,
  MAX_DOCUMENT_BYTES,
  MAX_INDEX_RANGES,
  MAX_PLACES,
  MAX_PROVEN_BLOCKS,
  MAX_RUNS,
  type PathInPiece,
  PROOF_VERSION,
  type ProofDeal,
  type ProofDocument,
  type ProofOfProving,
  type ProofPlace,
  type ProofRun,
  type SegmentPlace,
  type ShardPlace,
  type UnixfsPlace,
} from './document.ts'
import { base64, cidText, constant, count, type Field, indexRange, list, object, refuse, text } from './fields.ts'

const node = base64(NODE_BYTES, NODE_BYTES)
const beside = base64(0, QUAD_DATA_BYTES - 1)
const bytesInPiece = { before: beside, after: beside, path: list(node, 2 * MAX_PIECE_HEIGHT) }
const pathInPiece = object<PathInPiece>({ index: count, path: list(node, MAX_PIECE_HEIGHT) })
const network = text(/^[a-z0-9-]{1,32}$/)
const provider = text(/^[ft]0\d{1,20}$/)

/** Ranges that come one after the other, none over another. */
const indexRanges: Field<IndexRange[]> = (value, at) => {
  const ranges = list(indexRange, MAX_INDEX_RANGES)(value, at)
  if (ranges.length === 0 || ranges.some(([from], index) => index > 0 && from < ranges[index - 1]![1]))
    refuse(at, 'ranges in order')
  if (ranges.at(-1)![1] > MAX_PROVEN_BLOCKS) refuse(at, `about the first ${MAX_PROVEN_BLOCKS} blocks`)
  return ranges
}

const run = object<ProofRun>({ blocks: indexRanges, offset: count, length: count, cidV0: indexRanges, ...bytesInPiece }, [
  'cidV0',
])

const unixfsPlace = object<UnixfsPlace>({
  layout: constant('unixfs-2021'),
  root: cidText,
  path: text(/^[a-z0-9./]{1,2000}$/),
  selector: text(/^Links\/\d{1,9}\/Hash\/Links\/\d{1,9}\/Hash\/Links\/\d{1,9}\/Hash$/),
  header: object<BytesInPiece>(bytesInPiece),
})

const segmentPlace = object<SegmentPlace>({
  layout: constant('segments'),
  segment: object<SegmentPlace['segment']>({ cid: cidText, paddedOffset: count }),
  inclusion: object<SegmentPlace['inclusion']>({ subtree: pathInPiece, index: pathInPiece }),
})

const aggregate: Field<UnixfsPlace | SegmentPlace> = (value, at) =>
  (value as { layout?: unknown } | null)?.layout === 'segments' ? segmentPlace(value, at) : unixfsPlace(value, at)

const place = object<ProofPlace>(
  {
    piece: object<ProofPlace['piece']>({ cid: cidText, cidV1: cidText, paddedBytes: count }),
    aggregate,
    part: object<NonNullable<ProofPlace['part']>>({ index: count, of: count }),
    runs: list(run, MAX_RUNS),
    deals: list(object<ProofDeal>({ network, dealId: count, provider }), MAX_DEALS),
    proving: list(object<ProofOfProving>({ network, provider, sector: count, epoch: count }), MAX_DEALS),
  },
  ['part'],
)

const shard: Field<ShardPlace | null> = (value, at) =>
  value === null ? null : object<ShardPlace>({ cid: cidText, offset: count, length: count })(value, at)

const document = object<ProofDocument>({
  format: constant('keepsake-proof'),
  version: constant(PROOF_VERSION),
  root: cidText,
  dag: object<ProofDocument['dag']>({ blocks: count, bytes: count }),
  shard,
  places: list(place, MAX_PLACES),
  checksum: base64(32, 32),
})

/**
 * Reads a document that anybody may have written. What it claims is for `verifyProof` to check.
 *
 * @throws {ContentError} `INVALID_PROOF` for another form or version, for unknown keys and for a wrong checksum; `LIMIT_EXCEEDED` for a text of more
 * than `MAX_DOCUMENT_BYTES`.
 */
export async function parseProof(json: string): Promise<ProofDocument> {
  if (json.length > MAX_DOCUMENT_BYTES) {
    throw new ContentError('LIMIT_EXCEEDED', `A proof may have ${MAX_DOCUMENT_BYTES} bytes; this one has ${json.length}.`)
  }
  const value = parseJson(json)
  refuseOtherVersion(value)
  const read = document(value, 'proof')
  const runs = read.places.reduce((sum, place) => sum + place.runs.length, 0)
  if (runs > MAX_RUNS) throw new ContentError('LIMIT_EXCEEDED', `A proof may have ${MAX_RUNS} runs; this one has ${runs}.`)
  if ((await sealProof(read)).checksum !== read.checksum) {
    throw new ContentError('INVALID_PROOF', 'The proof is damaged: its checksum is another.')
  }
  return read
}

/** The same document with the checksum that belongs to it. */
export async function sealProof({
  checksum: _,
  ...rest
}: Omit<ProofDocument, 'checksum'> & { checksum?: string }): Promise<ProofDocument> {
  const { checksum: __, ...ordered } = document({ ...rest, checksum: toBase64(new Uint8Array(32)) }, 'proof')
  return { ...ordered, checksum: toBase64(await sha256(new TextEncoder().encode(JSON.stringify(ordered)))) }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new ContentError('INVALID_PROOF', 'The proof is not JSON.', { cause })
  }
}

function refuseOtherVersion(value: unknown): void {
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown }
  if (format !== 'keepsake-proof') throw new ContentError('INVALID_PROOF', 'This is not a proof of Keepsake.')
  if (version !== PROOF_VERSION) {
    const told = String(JSON.stringify(version)).slice(0, 40)
    throw new ContentError('INVALID_PROOF', `The proof is of version ${told}; only version ${PROOF_VERSION} can be checked here.`)
  }
}
