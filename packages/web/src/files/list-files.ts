import type { Nft } from '@keepsake/api/nft.ts'
import { failureOf } from '../api/call.ts'
import { CallFailure } from '../api/failure.ts'

export interface FilesPage {
  files: Nft[]
  /** How many there are over all pages. */
  count: number
  /** Where the next page begins, where there is one. It stays right while new files arrive. */
  next: string | undefined
}

export const orders = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  name: 'By name',
  largest: 'Largest first',
  smallest: 'Smallest first',
} as const

export type Order = keyof typeof orders

export function orderOf(text: string | null): Order {
  return text !== null && Object.hasOwn(orders, text) ? (text as Order) : 'newest'
}

/** Which files, in which order. */
export interface FilesQuery {
  /** A CID, or a part of a name. */
  search: string
  order: Order
}

const pageLength = 50
/** The most the API gives at once. */
const longestPage = 1000

/** CIDs as people paste them: version 0, or version 1 in base 32, 36 or 58. */
const cidPattern = /^(Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{50,}|k[0-9a-z]{45,}|z[1-9A-HJ-NP-Za-km-z]{40,})$/

/** A page of one's own uploads. @throws CallFailure; what `signal` was aborted with */
export async function listFiles(
  { search, order, cursor, limit = pageLength }: FilesQuery & { cursor?: string | undefined; limit?: number },
  signal: AbortSignal,
): Promise<FilesPage> {
  const wanted = search.trim().replace(/^ipfs:\/\/([^/]+).*$/, '$1')
  const query = new URLSearchParams({ limit: String(limit), sort: order })
  if (wanted) query.set(cidPattern.test(wanted) ? 'cid' : 'name', wanted)
  if (cursor) query.set('cursor', cursor)
  const response = await fetch(`/api/?${query}`, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new CallFailure('UNREACHABLE', 0, 'The server could not be reached. Check your connection and try again.', { cause })
  })
  const answer = (await response.json().catch(() => ({}))) as { value?: Nft[] }
  if (!response.ok || !answer.value) throw failureOf(response, answer)
  const link = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  return {
    files: answer.value,
    count: Number(response.headers.get('count') ?? answer.value.length),
    next: (link && new URL(link, location.href).searchParams.get('cursor')) || undefined,
  }
}

/** The CIDs of all files that match, on whatever page. */
export async function listAllCids(query: FilesQuery, signal: AbortSignal): Promise<string[]> {
  const cids: string[] = []
  let cursor: string | undefined
  do {
    const page = await listFiles({ ...query, cursor, limit: longestPage }, signal)
    for (const { cid } of page.files) cids.push(cid)
    cursor = page.next
  } while (cursor)
  return cids
}
