import { ContentError } from '../errors.ts'
import { isCanonicalCid } from '../hash/cid.ts'
import { fromBase64 } from './base64.ts'
import type { IndexRange } from './document.ts'

/** Reads one value, `at` being where it stands. @throws {ContentError} `INVALID_PROOF` naming the place */
export type Field<T> = (value: unknown, at: string) => T

export function refuse(at: string, expected: string): never {
  throw new ContentError('INVALID_PROOF', `The proof is not of the form it has to have: ${at} has to be ${expected}.`)
}

/** An object with these keys and no others; those in `optional` may be missing. Keys come out in the order given. */
export function object<T extends object>(
  fields: { [K in keyof T]-?: Field<T[K]> },
  optional: readonly (keyof T)[] = [],
): Field<T> {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(at, 'an object')
    const given = value as Record<string, unknown>
    for (const key of Object.keys(given)) if (!Object.hasOwn(fields, key)) refuse(`${at}.${key.slice(0, 40)}`, 'left out')
    const read: Partial<T> = {}
    for (const key of Object.keys(fields) as (keyof T & string)[]) {
      if (!Object.hasOwn(given, key) && optional.includes(key)) continue
      read[key] = fields[key](given[key], `${at}.${key}`)
    }
    return read as T
  }
}

export function list<T>(item: Field<T>, most: number): Field<T[]> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > most) refuse(at, `a list of at most ${most}`)
    return value.map((entry, index) => item(entry, `${at}[${index}]`))
  }
}

export function constant<const T extends string | number>(expected: T): Field<T> {
  return (value, at) => (value === expected ? expected : refuse(at, JSON.stringify(expected)))
}

export function text(pattern: RegExp): Field<string> {
  return (value, at) =>
    typeof value === 'string' && pattern.test(value) ? value : refuse(at, `text of the form ${pattern.source}`)
}

export const count: Field<number> = (value, at) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : refuse(at, 'a number from 0 on')

/** Text of a CID, version 1, in the one way it is written. */
export const cidText: Field<string> = (value, at) => (isCanonicalCid(value) ? value : refuse(at, 'a CID of version 1 in base32'))

/** Base64 of `least` to `most` bytes. */
export function base64(least: number, most: number): Field<string> {
  return (value, at) => {
    const isShort = typeof value === 'string' && value.length <= Math.ceil(most / 3) * 4
    const bytes = isShort ? fromBase64(value) : undefined
    if (bytes === undefined || bytes.length < least || bytes.length > most) {
      return refuse(at, least === most ? `base64 of ${most} bytes` : `base64 of at most ${most} bytes`)
    }
    return value as string
  }
}

export const indexRange: Field<IndexRange> = (value, at) => {
  const isPair = Array.isArray(value) && value.length === 2
  if (!isPair) refuse(at, 'two numbers')
  const [from, to] = [count(value[0], at), count(value[1], at)]
  return from < to ? [from, to] : refuse(at, 'two numbers, the second larger')
}
