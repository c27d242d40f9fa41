import { ContentError } from '../errors.ts'

/** Names through which a path would get from data to the code behind it. */
const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Sets a value in JSON data by path. All but the last name must lead through objects and arrays that are there. An array may
 * grow at its end, by `maxGrowth` places at most; places left out hold null.
 *
 * @throws {ContentError} `INVALID_INPUT` when the path does not lead there.
 */
export function setAtPath(data: object, path: readonly string[], value: unknown, maxGrowth: number): void {
  const last = path.at(-1)
  if (last === undefined) throw new ContentError('INVALID_INPUT', 'a file needs a path in `meta`')
  if (path.some((name) => FORBIDDEN.has(name))) throw noSuchPath(path)
  let target: object = data
  for (const name of path.slice(0, -1)) {
    const next = Object.hasOwn(target, name) ? (target as Record<string, unknown>)[name] : undefined
    if (typeof next !== 'object' || next === null) throw noSuchPath(path)
    target = next
  }
  if (!Array.isArray(target)) {
    ;(target as Record<string, unknown>)[last] = value
    return
  }
  const index = /^(0|[1-9][0-9]{0,8})$/.test(last) ? Number(last) : Number.NaN
  if (!(index < target.length + maxGrowth)) throw noSuchPath(path)
  while (target.length < index) target.push(null)
  target[index] = value
}

function noSuchPath(path: readonly string[]): ContentError {
  return new ContentError('INVALID_INPUT', `there is no place for a file at ${JSON.stringify(path.join('.'))} in \`meta\``)
}
