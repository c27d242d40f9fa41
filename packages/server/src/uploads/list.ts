import type { ListQuery, Nft } from '@keepsake/api/nft.ts'
import type { Db } from '../database/database.ts'
import { invalidParams, parseInstant, parseLimit, single } from '../http/query.ts'
import { parseCid } from './cid-spelling.ts'
import type { FindDeals } from './deals.ts'
import { encodeCursor, type ListOrderName, listOrders, parseCursor } from './list-order.ts'
import { countUploads, listUploads } from './store.ts'
import { toNft } from './uploads.ts'

const maxCids = 100

interface Components {
  database: Db
  findDeals: FindDeals
}

export interface Page {
  uploads: Nft[]
  /** How many there are over all pages. */
  count: number
  /** Query of the next page, where there is one. */
  next: string | undefined
}

function parseOrder(text: string | undefined): ListOrderName {
  const order = text || 'newest'
  if (!Object.hasOwn(listOrders, order))
    throw invalidParams(`expected sort to be one of ${Object.keys(listOrders).join(', ')}, got "${order}"`)
  return order as ListOrderName
}

function parseCids(text: string | undefined): Uint8Array[] | undefined {
  if (text === undefined || text === '') return undefined
  const cids = text.split(',')
  if (cids.length > maxCids) throw invalidParams(`at most ${maxCids} CIDs, got ${cids.length}`)
  return cids.map((cid) => parseCid(cid.trim()).toV1().bytes)
}

function parseName(text: string | undefined): string | undefined {
  // PostgreSQL takes no NUL, and no name holds one.
  if (text?.includes('\0')) throw invalidParams('name holds a NUL character')
  return text || undefined
}

/**
 * A page of a user's live uploads, newest first unless sorted otherwise.
 *
 * `before` is inclusive, as it was on nft.storage, so walking by it shows the last entry of a page again; `cursor` does not.
 *
 * @throws KeepsakeError `BAD_REQUEST` "invalid params"
 */
export async function listOwnUploads({ database, findDeals }: Components, userId: number, query: ListQuery): Promise<Page> {
  const limit = parseLimit(single(query.limit))
  const filter = {
    userId,
    before: parseInstant('before', single(query.before)),
    nameContains: parseName(single(query.name)),
    cids: parseCids(single(query.cid)),
  }
  const order = parseOrder(single(query.sort))
  const cursor = single(query.cursor)
  const after = cursor ? parseCursor(order, cursor) : undefined
  // One more than asked for tells whether there is another page.
  const [rows, count] = await Promise.all([
    listUploads(database, { ...filter, order: listOrders[order], after, limit: limit + 1 }),
    countUploads(database, filter),
  ])
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const next = rows.length > limit && last ? nextQuery(query, encodeCursor(order, last)) : undefined
  // Once for the page, not for each row.
  const deals = await findDeals(shown.map(({ contentId }) => contentId))
  return { uploads: shown.map((row) => toNft(row, row.sourceCid, deals.get(row.contentId))), count, next }
}

function nextQuery(query: ListQuery, cursor: string): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...query, cursor })) {
    const text = single(value)
    if (text) params.set(name, text)
  }
  return params.toString()
}
