import { type ContentErrorCode, isContentError } from '@keepsake/content/errors.ts'

/**
 * Every error a person can meet has a code from this table; the table says which HTTP status it is on every facade.
 * Codes that the original nft.storage API had keep their spelling, so that old clients can branch on them.
 */
export const statusOfCode = {
  BAD_REQUEST: 400,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  RANGE_NOT_SATISFIABLE: 416,
  NOT_ACCEPTABLE: 406,
  ERROR_INVALID_CID: 400,
  ERROR_INVALID_CAR: 400,
  ERROR_INVALID_NAME: 400,
  ERROR_INVALID_MULTIPART: 400,
  ERROR_INVALID_JSON: 400,
  ERROR_INVALID_METADATA: 400,
  ERROR_INVALID_UCAN: 401,
  ERROR_DID_NOT_FOUND: 400,
  ERROR_INVALID_DID: 400,
  ERROR_DUPLICATE_KEY_NAME: 409,
  EXPECTED_BEARER_STRING: 401,
  ERROR_MALFORMED_TOKEN: 401,
  ERROR_USER_NOT_FOUND: 401,
  ERROR_TOKEN_NOT_FOUND: 401,
  ERROR_TOKEN_BLOCKED: 403,
  ERROR_TOKEN_EXPIRED: 401,
  ERROR_TOKEN_SCOPE: 403,
  ERROR_AGENT_DID_REQUIRED: 401,
  ERROR_METAPLEX_TOKEN_NOT_FOUND: 401,
  ERROR_INVALID_METAPLEX_TOKEN: 401,
  ERROR_METAPLEX_UPLOADS_OFF: 403,
  ERROR_ACCOUNT_RESTRICTED: 403,
  ERROR_DELETE_RESTRICTED: 403,
  ERROR_STORAGE_LIMIT: 413,
  ERROR_NOT_SIGNED_IN: 401,
  ERROR_ADMIN_ONLY: 403,
  ERROR_CROSS_SITE: 403,
  ERROR_NOT_REGISTERED: 403,
  ERROR_WAY_OFF: 403,
  ERROR_SIGN_UP_CLOSED: 403,
  ERROR_LINK_INVALID: 400,
  ERROR_LINK_EXPIRED: 410,
  ERROR_LINK_USED: 410,
  ERROR_PIECE_LINK: 403,
  ERROR_CHALLENGE: 410,
  ERROR_INVALID_PASSKEY: 401,
  ERROR_INVALID_SIGNATURE: 401,
  ERROR_INVALID_DID_TOKEN: 401,
  ERROR_INVALID_SPID: 401,
  ERROR_GITHUB: 502,
  ERROR_LINKED_ELSEWHERE: 409,
  ERROR_LAST_WAY_IN: 409,
  ERROR_LAST_ADMIN: 409,
  ERROR_RATE_LIMITED: 429,
  ERROR_MAINTENANCE: 503,
  ERROR_NO_SPACE: 507,
  ERROR_UNAVAILABLE: 503,
  ERROR_NOT_FETCHED: 504,
  ERROR_CONTENT_DAMAGED: 500,
  ERROR_INTERNAL: 500,
} as const

export type ErrorCode = keyof typeof statusOfCode

/** A code as the native API writes it: plain mistakes were `HTTP_ERROR` there, whatever they were. */
export function nativeCodeOf(code: ErrorCode): string {
  return code === 'BAD_REQUEST' || code === 'NOT_FOUND' ? 'HTTP_ERROR' : code
}

/** The one error type of the server. `message` is written for the person who gets it; `cause` is for the log. */
export class KeepsakeError extends Error {
  override readonly name = 'KeepsakeError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  get status(): number {
    return statusOfCode[this.code]
  }

  /** Whether an operator has to know: something broke, and did not only turn out to be impossible for now. */
  get isTrouble(): boolean {
    return this.status >= 500 && (this.status !== 503 || this.cause !== undefined)
  }

  get nativeCode(): string {
    return nativeCodeOf(this.code)
  }
}

const codeOfContentError: Record<ContentErrorCode, ErrorCode> = {
  BLOCK_NOT_FOUND: 'NOT_FOUND',
  HASH_MISMATCH: 'ERROR_INVALID_CAR',
  UNSUPPORTED_HASH: 'ERROR_INVALID_CAR',
  UNSUPPORTED_CODEC: 'BAD_REQUEST',
  INVALID_CAR: 'ERROR_INVALID_CAR',
  INVALID_BLOCK: 'ERROR_INVALID_CAR',
  PATH_NOT_FOUND: 'NOT_FOUND',
  LIMIT_EXCEEDED: 'PAYLOAD_TOO_LARGE',
  INVALID_INPUT: 'BAD_REQUEST',
  INVALID_PROOF: 'BAD_REQUEST',
}

/** Codes of the operating system that mean "no room", whoever wrote. */
const noSpaceCodes = new Set(['ENOSPC', 'EDQUOT', '53100'])

/** The database is stopping, starting or gone: PostgreSQL's classes 08 and 57P, and connections refused. It is brought back by itself. */
const databaseGoneCodes = new Set(['08000', '08001', '08003', '08004', '08006', '57P01', '57P02', '57P03', 'ECONNREFUSED'])

function systemCode(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as Error & { code?: unknown }).code
    if (typeof code === 'string') return code
  }
  return undefined
}

/** Turns anything thrown into a `KeepsakeError`; what is not known becomes `ERROR_INTERNAL` with the original as cause. */
export function toKeepsakeError(error: unknown): KeepsakeError {
  if (error instanceof KeepsakeError) return error
  if (isContentError(error)) return new KeepsakeError(codeOfContentError[error.code], error.message, { cause: error })
  if (noSpaceCodes.has(systemCode(error) ?? '')) {
    return new KeepsakeError('ERROR_NO_SPACE', 'The server has no room left on its disk; nothing of this upload was kept.', {
      cause: error,
    })
  }
  if (databaseGoneCodes.has(systemCode(error) ?? '') || /^Connection terminated/.test((error as Error)?.message)) {
    return new KeepsakeError('ERROR_UNAVAILABLE', 'The database cannot be reached at the moment; try again.', { cause: error })
  }
  return new KeepsakeError('ERROR_INTERNAL', 'Something went wrong on the server.', { cause: error })
}
