import { isContentError } from '@keepsake/content/errors.ts'
import { KeepsakeError } from '../errors.ts'
import type { PinState } from './backend.ts'
import { BackendError } from './backend.ts'

/** What a failure that is about one root means for its pin. @throws whatever is no such failure */
export function stateOfError(error: unknown): PinState {
  if (error instanceof BackendError) return { status: 'failed', detail: error.message, isFinal: error.isFinal }
  if (!(error instanceof KeepsakeError) && !isContentError(error)) throw error
  return { status: 'failed', detail: `it cannot be read here: ${error.message}` }
}

/** Why an audit does not take a root for pinned. */
export function sampleFailureText({ status, detail }: PinState): string {
  if (status === 'absent') return 'an audit found that the backend does not have it any more'
  return `an audit found it ${status}${detail ? `: ${detail}` : ''}`
}
