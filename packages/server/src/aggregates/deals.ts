import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { Deals, FindDeals } from '../uploads/deals.ts'

/** One content's place in an aggregate that has been validated. */
export interface AggregatedPart {
  contentId: number
  aggregateId: number
  part: number
  parts: number
  links: number[] | null
  root: Uint8Array | null
  pieceRoot: Uint8Array
  pieceHeight: number
  sizeBytes: number
  builtAt: Date
}

/** Where contents lie in validated aggregates: one query, however many they are. */
export async function listAggregated({ kysely }: Db, contentIds: readonly number[]): Promise<AggregatedPart[]> {
  const { rows } = await sql<AggregatedPart>`
    select e.content_id as "contentId", a.id as "aggregateId", e.part, e.parts, e.path_indexes as links, a.root, a.piece_root as "pieceRoot",
      a.piece_height as "pieceHeight", a.size_bytes as "sizeBytes", a.built_at as "builtAt"
    from aggregate_entry e join aggregate a on a.id = e.aggregate_id
    where e.content_id = any(${contentIds}::bigint[]) and a.state = 'built' order by a.built_at, a.id`.execute(kysely)
  return rows
}

/**
 * What nft.storage called deals: an entry for each aggregate a content is in, `queued` while no storage provider has taken it. One whose parts are
 * not all in validated aggregates has none.
 */
export function dealFinder(database: Db): FindDeals {
  return async (contentIds) => {
    const found = new Map<number, { deals: Deals; parts: Set<number>; ofParts: number }>()
    for (const part of await listAggregated(database, contentIds)) {
      const known = found.get(part.contentId) ?? { deals: [], parts: new Set(), ofParts: part.parts }
      found.set(part.contentId, known)
      known.parts.add(part.part)
      known.deals.push(queued(part))
    }
    return new Map([...found].filter(([, { parts, ofParts }]) => parts.size >= ofParts).map(([id, { deals }]) => [id, deals]))
  }
}

function queued({ root, pieceRoot, links, builtAt }: AggregatedPart): Deals[number] {
  return {
    status: 'queued',
    lastChanged: builtAt.toISOString(),
    pieceCid: pieceCidV1({ root: pieceRoot }).toString(),
    ...(root && { batchRootCid: CID.decode(root).toString() }),
    ...(links && { datamodelSelector: links.map((index) => `Links/${index}/Hash`).join('/') }),
  }
}
