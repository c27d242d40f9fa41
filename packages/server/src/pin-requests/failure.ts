import type { PinningFailure } from '@keepsake/api/pinning.ts'
import type { ErrorCode, KeepsakeError } from '../errors.ts'
import { statusOfCode } from '../errors.ts'

/** The words of the specification for what it has words for. */
const reasons: Partial<Record<ErrorCode, string>> = {
  BAD_REQUEST: 'BAD_REQUEST',
  ERROR_INVALID_JSON: 'BAD_REQUEST',
  ERROR_INVALID_CID: 'BAD_REQUEST',
  NOT_FOUND: 'NOT_FOUND',
  ERROR_STORAGE_LIMIT: 'INSUFFICIENT_FUNDS',
  ERROR_INTERNAL: 'INTERNAL_SERVER_ERROR',
}

/** The word the Pinning Service API has for an error; ours where it has none. */
export function pinningReasonOf(code: ErrorCode): string {
  return reasons[code] ?? (statusOfCode[code] === 401 ? 'UNAUTHORIZED' : code)
}

/** What it is over HTTP there: an account that is full is 409. */
export function pinningStatusOf(code: ErrorCode): number {
  return code === 'ERROR_STORAGE_LIMIT' ? 409 : statusOfCode[code]
}

/** An error as the Pinning Service API shows it, whoever found it. */
export function pinningFailure({ code, message }: KeepsakeError): { status: number; body: PinningFailure } {
  return { status: pinningStatusOf(code), body: { error: { reason: pinningReasonOf(code), details: message } } }
}
