import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

/** Where a content, or a part of it, lies in an aggregate that has been validated. */
export interface PlaceRow {
  aggregateId: number
  layout: 'unixfs-2021' | 'segments'
  /** CID of the directory in binary; null for segments. */
  root: Uint8Array | null
  pieceRoot: Uint8Array
  pieceHeight: number
  sizeBytes: number
  part: number
  parts: number
  links: [number, number, number] | null
  byteOffset: number | null
  byteLength: number | null
  dagBytes: number
  dagBlocks: number
  /** For segments: entries before it in the index. */
  position: number
}

export async function listPlaces({ kysely }: Db, cid: Uint8Array): Promise<PlaceRow[]> {
  const { rows } = await sql<PlaceRow>`
    select a.id as "aggregateId", a.layout, a.root, a.piece_root as "pieceRoot", a.piece_height as "pieceHeight", a.size_bytes as "sizeBytes",
      e.part, e.parts, e.path_indexes as links, e.byte_offset as "byteOffset", e.byte_length as "byteLength",
      e.dag_bytes as "dagBytes", e.dag_blocks as "dagBlocks",
      case when a.layout = 'segments' then
        (select count(*) from aggregate_entry before where before.aggregate_id = a.id and before.byte_offset < e.byte_offset)
      else 0 end as position
    from aggregate_entry e join aggregate a on a.id = e.aggregate_id
    where e.cid = ${cid} and a.state = 'built' order by a.layout desc, e.part`.execute(kysely)
  return rows
}

/** Why there is nothing to prove yet. */
export interface Standing {
  completeAt: Date | null
  /** `aside` where nobody holds it any more, or it cannot be read. */
  packing: 'waiting' | 'taken' | 'aside'
  obstacle: string | null
  /** Of the aggregate it has been taken into. */
  aggregateState: string | null
}

/** Undefined for a content that nobody stored here. */
export async function findStanding({ kysely }: Db, cid: Uint8Array): Promise<Standing | undefined> {
  const { rows } = await sql<Standing>`
    select content.complete_at as "completeAt", content.packing, o.reason as obstacle,
      (select a.state from aggregate_entry e join aggregate a on a.id = e.aggregate_id where e.cid = content.cid
        order by a.id desc limit 1) as "aggregateState"
    from content left join aggregate_obstacle o on o.content_id = content.id where content.cid = ${cid}`.execute(kysely)
  return rows[0]
}
