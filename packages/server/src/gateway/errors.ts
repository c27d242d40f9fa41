import { type ContentErrorCode, isContentError } from '@keepsake/content/errors.ts'
import { KeepsakeError } from '../errors.ts'

/** An answer that is not the content asked for: a short text for whoever asked. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Record<string, string> = {}, options?: ErrorOptions) {
    super(message, options)
    this.status = status
    this.headers = headers
  }
}

/** Statuses of the Path Gateway specification, "Response Status Codes". */
const statusOfContentError: Record<ContentErrorCode, number> = {
  BLOCK_NOT_FOUND: 404,
  PATH_NOT_FOUND: 404,
  INVALID_INPUT: 400,
  INVALID_PROOF: 400,
  LIMIT_EXCEEDED: 400,
  UNSUPPORTED_CODEC: 400,
  UNSUPPORTED_HASH: 400,
  // The content is there and is not what its codec says: asking again or asking differently does not help.
  INVALID_BLOCK: 422,
  INVALID_CAR: 422,
  // The block source promised checked bytes; that it could not keep the promise is the fault of this server.
  HASH_MISMATCH: 500,
}

/** Turns anything thrown into what is answered. What is not known is 500 without its text; `cause` keeps it for the log. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  if (isContentError(error)) {
    const status = statusOfContentError[error.code]
    const message = status === 500 ? 'The content is damaged here.' : error.message
    return new GatewayError(status, message, {}, { cause: error })
  }
  if (error instanceof KeepsakeError) return new GatewayError(error.status, error.message, {}, { cause: error })
  return new GatewayError(500, 'Something went wrong on the server.', {}, { cause: error })
}
