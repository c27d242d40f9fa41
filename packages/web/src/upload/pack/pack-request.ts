/** What is to become one upload. Files stay where they are; only pieces of them are read. */
export type PackRequest =
  /** One file: its CID is that of the file alone, as with `storeBlob` of the published client. */
  | { kind: 'file'; file: File }
  /** Files with paths, in one directory. */
  | { kind: 'directory'; files: readonly PathFile[] }
  /** A CAR that somebody packed already. */
  | { kind: 'car'; file: File }
  /** A token: metadata, and files that are linked at places in it. */
  | { kind: 'token'; meta: unknown; files: readonly TokenPart[] }

export interface PathFile {
  /** `images/1.png`, from inside of the directory. */
  path: string
  file: File
}

export interface TokenPart {
  /** Where the link goes in the metadata: `['image']`. */
  place: readonly string[]
  file: File
}

/** A content that was packed: named, and cut into CARs that are made of pieces of the files when they are read. */
export interface Packed {
  cid: string
  /** CARs of the same root. Each has the block of the root, so they may arrive in any order. */
  parts: readonly Blob[]
  /** What metadata.json of a token says. */
  tokenData?: Record<string, unknown>
}

/** From the worker to the page. */
export type PackMessage =
  | { type: 'progress'; readBytes: number }
  | { type: 'packed'; packed: Packed }
  | { type: 'failed'; reason: 'unreadable' | 'content' | 'unexpected'; message: string }

export function filesOf(request: PackRequest): File[] {
  return 'file' in request ? [request.file] : request.files.map(({ file }) => file)
}

export function sizeBytesOf(request: PackRequest): number {
  return filesOf(request).reduce((sum, { size }) => sum + size, 0)
}
