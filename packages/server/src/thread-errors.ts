import type { ContentErrorCode } from '@keepsake/content/errors.ts'
import { ContentError, isContentError } from '@keepsake/content/errors.ts'
import type { ErrorCode } from './errors.ts'
import { KeepsakeError } from './errors.ts'

/** An error as it goes between threads: what is sent loses its class on the way. */
export interface PlainError {
  kind: 'keepsake' | 'content' | 'other'
  code: string | undefined
  message: string
  stack: string | undefined
}

export function plainError(error: unknown): PlainError {
  const { code, message, stack } = error as Error & { code?: unknown }
  const kind = error instanceof KeepsakeError ? 'keepsake' : isContentError(error) ? 'content' : 'other'
  return { kind, code: typeof code === 'string' ? code : undefined, message: message ?? String(error), stack }
}

export function errorOf({ kind, code, message, stack }: PlainError): Error {
  if (kind === 'keepsake') return new KeepsakeError(code as ErrorCode, message)
  if (kind === 'content') return new ContentError(code as ContentErrorCode, message)
  return Object.assign(new Error(message), { code, stack })
}
