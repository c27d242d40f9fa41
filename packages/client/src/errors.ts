export type ClientErrorCode =
  /** Nobody answers at the endpoint, or the connection broke and stayed broken. */
  | 'UNREACHABLE'
  /** The server said no; `status` and `apiCode` say how. */
  | 'REFUSED'
  /** Something answers, and it is no Keepsake server. */
  | 'UNEXPECTED_ANSWER'
  /** What came is not what was asked for: a hash does not match. */
  | 'NOT_VERIFIED'
  /** What is being stored changed while it was read. */
  | 'CHANGED'

/** The one error of this package; `message` may be shown to a person. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  /** HTTP status of a refusal. */
  readonly status: number | undefined
  /** The server's own word for a refusal, for example `ERROR_TOKEN_EXPIRED`. */
  readonly apiCode: string | undefined

  constructor(code: ClientErrorCode, message: string, options: ErrorOptions & { status?: number; apiCode?: string } = {}) {
    super(message, options)
    this.code = code
    this.status = options.status
    this.apiCode = options.apiCode
  }
}

export function isClientError(error: unknown, code?: ClientErrorCode): error is ClientError {
  return error instanceof ClientError && (code === undefined || error.code === code)
}
