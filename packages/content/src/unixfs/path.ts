import { ContentError } from '../errors.ts'

/**
 * Longest name of a file or directory, in bytes of UTF-8. The published client has no bound (most file systems stop at 255), but
 * with this one no block of a directory can pass 2 MiB, the most that peers exchange: 999 entries is the largest flat directory.
 */
export const MAX_NAME_BYTES = 1024

/** Directories a path may lead through. */
export const MAX_PATH_DEPTH = 256

const encoder = new TextEncoder()

/**
 * The names on the way to a file, by the rules of the published client: `/` and `\` part names, except that `\/` is a part of
 * one; white space around the path and segments that are empty or `.` do not count.
 *
 * @throws {ContentError} `INVALID_INPUT` for a path without a name, for `..` (and `.` between backslashes), NUL and unpaired
 * surrogates, none of which a gateway path can reach, and for names longer than `MAX_NAME_BYTES`; `LIMIT_EXCEEDED` for a path
 * deeper than `MAX_PATH_DEPTH`.
 */
export function namesOnPath(path: string): string[] {
  const kept = path.split('/').filter((segment) => segment !== '' && segment !== '.')
  const names =
    kept
      .join('/')
      .trim()
      .match(/([^\\/]|\\\/)+/g) ?? []
  if (names.length === 0) throw new ContentError('INVALID_INPUT', `${JSON.stringify(path)} is not the name of a file`)
  if (names.length > MAX_PATH_DEPTH) {
    throw new ContentError('LIMIT_EXCEEDED', `a path has ${names.length} names, more than the limit of ${MAX_PATH_DEPTH}`)
  }
  for (const name of names) refuseBadName(name, path)
  return names
}

function refuseBadName(name: string, path: string): void {
  if (name === '..' || name === '.' || name.includes('\0') || !name.isWellFormed()) {
    throw new ContentError(
      'INVALID_INPUT',
      `${JSON.stringify(path)} cannot be the path of a file: ${JSON.stringify(name)} is not a name`,
    )
  }
  const nameBytes = name.length * 3 > MAX_NAME_BYTES ? encoder.encode(name).length : 0
  if (nameBytes > MAX_NAME_BYTES) {
    const start = JSON.stringify(name.slice(0, 40))
    throw new ContentError(
      'INVALID_INPUT',
      `the name that starts with ${start} has ${nameBytes} bytes, more than the limit of ${MAX_NAME_BYTES}`,
    )
  }
}
