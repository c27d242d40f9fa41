import type { PortalAnswer } from '@keepsake/api/portal.ts'
import type { KeepsakeError } from '../errors.ts'
import { codeOfAll, type Refusal, type RefusalCode, refusalSlugs } from './refusals.ts'

export interface Said {
  requestId: string
  epoch: number | undefined
  status: number
  /** Why not; none where it went well. */
  refusals?: readonly Refusal[]
  infoLines?: readonly string[]
  response: unknown
  /** Where the response is a list, or has one. */
  entries?: number | undefined
}

/** What every answer is wrapped in, as Spade had it. */
export function envelope({ requestId, epoch, status, refusals = [], infoLines = [], response, entries }: Said): PortalAnswer {
  const code = refusals.length > 0 ? codeOfAll(refusals) : undefined
  return {
    request_id: requestId,
    response_timestamp: new Date().toISOString(),
    ...(epoch !== undefined && { response_state_epoch: epoch }),
    response_code: status,
    ...(code !== undefined && {
      error_code: code,
      error_slug: refusalSlugs[code],
      error_lines: refusals.map(({ line }) => line),
    }),
    ...(infoLines.length > 0 && { info_lines: [...infoLines] }),
    ...(entries !== undefined && { response_entries: entries }),
    response,
  }
}

/** The portal's number for an error of the server. */
export function refusalOf(error: KeepsakeError): Refusal {
  return { code: codeOf(error), line: error.message }
}

function codeOf({ status }: KeepsakeError): RefusalCode {
  if (status === 401 || status === 403) return 4401
  return status === 429 || status >= 500 ? 4503 : 4400
}
