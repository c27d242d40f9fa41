import { type RawBuilder, sql } from 'kysely'
import { KeepsakeError } from '../errors.ts'

/** By what a list is sorted; the id decides between equals, so every place in it is one place. */
export interface ListOrder {
  /** SQL of what is sorted by. */
  key: RawBuilder<unknown>
  /** The same as text, in a row and in a cursor. */
  keyText: RawBuilder<unknown>
  /** The text of a cursor as a value of SQL; undefined where it is none. */
  parseKey(text: string): RawBuilder<unknown> | undefined
  isDescending: boolean
}

/** A place in a list: the entry after which the next page begins. */
export interface Cursor {
  /** Of the entry; `keyText` in its row. */
  key: string
  id: number
}

function wholeNumber(text: string, max: number): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return value <= max ? value : undefined
}

const latestMs = 8.64e15

function parseTime(text: string): RawBuilder<unknown> | undefined {
  const ms = wholeNumber(text, latestMs)
  return ms === undefined ? undefined : sql`${new Date(ms)}::timestamptz`
}

function parseSize(text: string): RawBuilder<unknown> | undefined {
  const bytes = wholeNumber(text, Number.MAX_SAFE_INTEGER)
  return bytes === undefined ? undefined : sql`${bytes}::bigint`
}

const byTime = {
  key: sql`upload.created_at`,
  keyText: sql`(extract(epoch from upload.created_at) * 1000)::bigint::text`,
  parseKey: parseTime,
}
const bySize = {
  key: sql`coalesce(content.dag_bytes, 0)`,
  keyText: sql`coalesce(content.dag_bytes, 0)::text`,
  parseKey: parseSize,
}

export const listOrders = {
  newest: { ...byTime, isDescending: true },
  oldest: { ...byTime, isDescending: false },
  name: {
    key: sql`(natural_key(upload.name) collate "C")`,
    keyText: sql`natural_key(upload.name)`,
    parseKey: (text) => (text.includes('\0') ? undefined : sql`(${text}::text collate "C")`),
    isDescending: false,
  },
  largest: { ...bySize, isDescending: true },
  smallest: { ...bySize, isDescending: false },
} as const satisfies Record<string, ListOrder>

export type ListOrderName = keyof typeof listOrders

/** A cursor is of one order: its name begins it. */
export function encodeCursor(order: ListOrderName, { key, id }: Cursor): string {
  return `${order}.${Buffer.from(key).toString('base64url')}.${id.toString(36)}`
}

/** @throws KeepsakeError `BAD_REQUEST` where it is none, or one of another order */
export function parseCursor(order: ListOrderName, text: string): Cursor {
  const [, of, encoded = '', idText = ''] = /^([a-z]+)\.([\w-]*)\.([0-9a-z]{1,11})$/.exec(text) ?? []
  const id = Number.parseInt(idText, 36)
  const key = Buffer.from(encoded, 'base64url').toString()
  if (of !== undefined && of !== order && of in listOrders) throw invalid(`cursor is of a list sorted by "${of}", not "${order}"`)
  if (of === undefined || !Number.isSafeInteger(id) || listOrders[order].parseKey(key) === undefined)
    throw invalid('cursor is not one of ours')
  return { key, id }
}

function invalid(what: string): KeepsakeError {
  return new KeepsakeError('BAD_REQUEST', `invalid params: ${what}`)
}
