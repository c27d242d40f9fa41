/** A call that did not do what was asked: what the server said, or that it could not be reached. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure'
  /** The API's code, for example `ERROR_LINK_USED`; `UNREACHABLE` where there was no answer, `UNREADABLE` where it was none of ours. */
  readonly code: string
  /** HTTP status; 0 without an answer. */
  readonly status: number

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.status = status
  }
}

/** A sentence to show for whatever was thrown. */
export function sentenceOf(error: unknown): string {
  if (error instanceof CallFailure) return error.message
  return error instanceof Error && error.message ? error.message : 'Something went wrong on this page. Reload it and try again.'
}
