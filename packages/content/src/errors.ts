/** What can be wrong with content, as a word a caller can branch on. */
export type ContentErrorCode =
  /** A block is not where it was looked for. */
  | 'BLOCK_NOT_FOUND'
  /** Bytes do not hash to the CID they came with. */
  | 'HASH_MISMATCH'
  /** The CID names a hash function we do not verify. */
  | 'UNSUPPORTED_HASH'
  /** The CID names a codec we cannot read links or paths through. */
  | 'UNSUPPORTED_CODEC'
  /** A CAR cannot be decoded, or breaks a rule for uploads. */
  | 'INVALID_CAR'
  /** A block of a DAG does not decode as its codec says. */
  | 'INVALID_BLOCK'
  /** A path leads nowhere. */
  | 'PATH_NOT_FOUND'
  /** A bound on size, depth or count was passed. */
  | 'LIMIT_EXCEEDED'
  /** Names, paths or values given by the caller are not usable. */
  | 'INVALID_INPUT'
  /** A proof does not show what it is said to show. */
  | 'INVALID_PROOF'

/** The one error of this package. `cause` is kept; `message` may be shown to the person who sent the content. */
export class ContentError extends Error {
  override readonly name = 'ContentError'
  readonly code: ContentErrorCode

  constructor(code: ContentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export function isContentError(error: unknown, code?: ContentErrorCode): error is ContentError {
  return error instanceof ContentError && (code === undefined || error.code === code)
}
