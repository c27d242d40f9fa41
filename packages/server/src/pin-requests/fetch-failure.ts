import { isContentError } from '@keepsake/content/errors.ts'
import { ShardGoneError } from '../blocks/content.ts'
import { KeepsakeError } from '../errors.ts'

/** What stands in the way of a DAG, in words for who asked for it. */
export class FetchError extends Error {
  override readonly name = 'FetchError'
  /** Whether trying again cannot help. */
  readonly isFinal: boolean

  constructor(message: string, { isFinal, cause }: { isFinal: boolean; cause?: unknown }) {
    super(message, { cause })
    this.isFinal = isFinal
  }
}

/** The request was deleted or replaced, or another process has it by now: nothing more is to be done for it here. */
export class FetchStoppedError extends Error {
  override readonly name = 'FetchStoppedError'
}

/** Codes of the content of a DAG that stay wrong however often it is fetched. */
const finalContentCodes = ['UNSUPPORTED_HASH', 'UNSUPPORTED_CODEC', 'INVALID_BLOCK', 'LIMIT_EXCEEDED'] as const

/** Anything thrown while fetching, as what its owner is told. What is not known is a trouble of this server, and may pass. */
export function toFetchError(error: unknown): FetchError {
  if (error instanceof FetchError) return error
  if (isContentError(error)) {
    const isFinal = finalContentCodes.some((code) => code === error.code)
    return new FetchError(error.message, { isFinal, cause: error })
  }
  if (error instanceof KeepsakeError && error.code !== 'ERROR_INTERNAL')
    return new FetchError(error.message, { isFinal: error.code === 'ERROR_STORAGE_LIMIT', cause: error })
  if (error instanceof ShardGoneError)
    return new FetchError('Blocks that were here went away meanwhile.', { isFinal: false, cause: error })
  return new FetchError('This server had trouble of its own.', { isFinal: false, cause: error })
}
