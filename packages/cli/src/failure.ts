import { isClientError } from '@keepsake/client/errors.ts'
import { isContentError } from '@keepsake/content/errors.ts'

/** Something went wrong that the person can understand from `message` alone. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError'
}

/** The command was not called as it can be called. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError'
}

/** Nothing was found to be wrong, and not all could be checked. */
export class IncompleteError extends CommandError {
  override readonly name = 'IncompleteError'
}

export const exitCodes = { ok: 0, failed: 1, usage: 2, incomplete: 2, interrupted: 130 } as const

const systemMessages: Record<string, string> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the disk is read-only',
  EMFILE: 'too many files are open',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  EEXIST: 'it exists already',
}

/** An error of the file system as a sentence about `path`; anything else as it is. */
export function describeFileError(error: unknown, path: string): Error {
  const { code } = error as NodeJS.ErrnoException
  const told = code === undefined ? undefined : systemMessages[code]
  return told ? new CommandError(`${path}: ${told}.`, { cause: error }) : (error as Error)
}

/** One sentence for the person; what is not meant for one says so. */
export function messageOf(error: unknown): string {
  if (error instanceof CommandError || isClientError(error)) return error.message
  if (isContentError(error)) return /[.!?]$/.test(error.message) ? error.message : `${error.message}.`
  const { code, path } = error as NodeJS.ErrnoException
  if (code !== undefined && path !== undefined) {
    const described = describeFileError(error, path)
    if (described instanceof CommandError) return described.message
  }
  return `Something unexpected happened: ${error instanceof Error ? error.message : String(error)} (--verbose shows where)`
}
