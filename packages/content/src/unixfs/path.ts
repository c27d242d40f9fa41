import { ContentError } from '../errors.ts'

/**
 * Longest name of a file or directory, in bytes of UTF-8. The published client has no bound (most file systems stop at 255), but
 * with this one no block of a directory can pass 2 MiB, the most that peers exchange: 999 entries is the largest flat directory.
 */
export const MAX_NAME_BYTES = 1024

/** Names on a path. It keeps directories within the depth that readers walk, files and shards included. */
export const MAX_PATH_DEPTH = 48

const encoder = new TextEncoder()

/**
 * The names on the way to a file, by the rules of the published client: `/` and `\` part names; white space around the path and
 * segments that are empty or `.` do not count.
 *
 * @throws {ContentError} `INVALID_INPUT` for a path without a name and for names that `checkName` refuses; `LIMIT_EXCEEDED` for a
 * path of more than `MAX_PATH_DEPTH` names.
 */
export function namesOnPath(path: string): string[] {
  const kept = path.split('/').filter((segment) => segment !== '' && segment !== '.')
  // The client takes `\/` for a part of a name; such names are refused below.
  const names =
    kept
      .join('/')
      .trim()
      .match(/([^\\/]|\\\/)+/g) ?? []
  if (names.length === 0) throw new ContentError('INVALID_INPUT', `${quoted(path)} is not the name of a file`)
  if (names.length > MAX_PATH_DEPTH) {
    throw new ContentError('LIMIT_EXCEEDED', `a path has ${names.length} names, more than the limit of ${MAX_PATH_DEPTH}`)
  }
  for (const name of names) checkName(name)
  return names
}

/**
 * Refuses names that no path can reach again.
 *
 * @throws {ContentError} `INVALID_INPUT` for the empty name, `.`, `..`, names with `/`, NUL or half a surrogate pair, and names
 * longer than `MAX_NAME_BYTES`.
 */
export function checkName(name: string): void {
  const isReachable = name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0')
  if (!isReachable || !name.isWellFormed()) {
    throw new ContentError('INVALID_INPUT', `${quoted(name)} cannot be the name of a file or directory`)
  }
  // No character takes more than three bytes for each of its units, so short names need not be encoded.
  const nameBytes = name.length * 3 > MAX_NAME_BYTES ? encoder.encode(name).length : 0
  if (nameBytes > MAX_NAME_BYTES) {
    throw new ContentError(
      'INVALID_INPUT',
      `the name ${quoted(name)} has ${nameBytes} bytes, more than the limit of ${MAX_NAME_BYTES}`,
    )
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
