/** Documents of this version are written and read; the number goes up when what a document means changes. */
export const PROOF_VERSION = 1

/** Bounds on what is read from others. A document of an ordinary file has less than 10 kB. */
export const MAX_DOCUMENT_BYTES = 512 * 1024
export const MAX_PLACES = 64
export const MAX_RUNS = 64
export const MAX_INDEX_RANGES = 256
export const MAX_DEALS = 256

/** Blocks of one DAG that a document speaks about: 256 MiB of a file. Of a larger DAG it proves the first, and says so. */
export const MAX_PROVEN_BLOCKS = 1024

/** Numbers from the first to before the second. */
export type IndexRange = [number, number]

/** Bytes as base64, with padding. */
export type Base64 = string

/**
 * Shows where the bytes of a content lie in pieces for Filecoin. Blocks are counted from 0 in the order of a walk: from the root, a block before
 * what it links to, links in their order, each block only where it is met first.
 *
 * Bytes in here are base64, CIDs text of version 1, sizes and offsets bytes.
 */
export interface ProofDocument {
  format: 'keepsake-proof'
  version: typeof PROOF_VERSION
  root: string
  /** What the whole DAG has, as the server counts. Checked where all of it is proven. */
  dag: { blocks: number; bytes: number }
  /** In which CAR of the server's the root's block lies. A hint: only who has the whole CAR can check it. Null where there is no block. */
  shard: ShardPlace | null
  places: ProofPlace[]
  /** sha2-256 of the document without it, as JSON with the keys in the order of the schema. Finds damage, not lies. */
  checksum: Base64
}

export interface ShardPlace {
  cid: string
  offset: number
  length: number
}

/** One piece that holds the content or a part of it. */
export interface ProofPlace {
  /** `cid`: the piece CID of version 2; `cidV1`: the one in deals, where `paddedBytes` is the piece size. */
  piece: { cid: string; cidV1: string; paddedBytes: number }
  aggregate: UnixfsPlace | SegmentPlace
  /** Which part this is, where a DAG is larger than a piece. */
  part?: { index: number; of: number }
  runs: ProofRun[]
  /** Empty until a storage provider has taken the piece. */
  deals: ProofDeal[]
  /** Empty until the chain says that a deal is being kept. */
  proving: ProofOfProving[]
}

/** The piece is a CAR whose root is a directory of everything in it (`unixfs-2021`). */
export interface UnixfsPlace {
  layout: 'unixfs-2021'
  root: string
  path: string
  selector: string
  /** That the piece begins with the header of a CAR with this root. */
  header: BytesInPiece
}

/** The content's own CAR is a piece inside the piece (`segments`, FRC-0058). */
export interface SegmentPlace {
  layout: 'segments'
  /** Piece CID of the content's own CAR, and where it begins in the padded form of the piece. */
  segment: { cid: string; paddedOffset: number }
  /** That the segment is there, and that the index of the piece says so. */
  inclusion: { subtree: PathInPiece; index: PathInPiece }
}

export interface PathInPiece {
  index: number
  path: Base64[]
}

/** What is beside the bytes in the first and last 127 bytes they touch, and the nodes beside the way from there to the piece's root. */
export interface BytesInPiece {
  before: Base64
  after: Base64
  path: Base64[]
}

/** Blocks that lie side by side in the piece, as sections of a CAR (length, CID, bytes), and the proof of all these bytes. */
export interface ProofRun extends BytesInPiece {
  blocks: IndexRange[]
  offset: number
  length: number
  /** Those whose sections spell the CID in version 0. */
  cidV0?: IndexRange[]
}

export interface ProofDeal {
  network: string
  dealId: number
  provider: string
}

export interface ProofOfProving {
  network: string
  provider: string
  sector: number
  epoch: number
}
