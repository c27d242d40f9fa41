import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { RefusalCode } from './refusals.ts'

/** What can be asked of the portal. */
export type PortalCall = 'status' | 'eligible_pieces' | 'pending_proposals' | 'request_piece' | 'register'

/** One request to the portal, and what it was told. */
export interface PortalRequest {
  id: string
  network: string
  actorId: number | undefined
  headerHash: Uint8Array | undefined
  /** Where it came from. */
  place: string
  call: PortalCall
  pieceCid: string | undefined
  status: number
  errorCode: RefusalCode | undefined
  reason: string | undefined
  dealId: number | undefined
  tookMs: number
}

const maxReasonCharacters = 2000

export async function recordRequest({ kysely }: Db, request: PortalRequest): Promise<void> {
  await kysely
    .insertInto('portal_request')
    .values({
      id: request.id,
      network: request.network,
      actor_id: request.actorId ?? null,
      header_hash: request.headerHash ?? null,
      place: request.place,
      call: request.call,
      piece_cid: request.pieceCid ?? null,
      status: request.status,
      error_code: request.errorCode ?? null,
      reason: request.reason?.slice(0, maxReasonCharacters) ?? null,
      deal_id: request.dealId ?? null,
      took_ms: Math.round(request.tookMs),
    })
    .execute()
}

/** Whether a header has got somebody a piece. */
export async function isSpent({ kysely }: Db, headerHash: Uint8Array): Promise<boolean> {
  const { rows } =
    await sql`select from portal_request where header_hash = ${headerHash} and deal_id is not null limit 1`.execute(kysely)
  return rows.length > 0
}

export interface LoggedRequest {
  id: string
  at: Date
  actorId: number | null
  place: string
  call: PortalCall
  pieceCid: string | null
  status: number
  errorCode: number | null
  reason: string | null
  dealId: number | null
  tookMs: number
}

/** The newest requests; of one provider where it is named, and only those that changed something or were refused unless all are asked for. */
export async function listRequests(
  { kysely }: Db,
  { actorId, all = false, limit }: { actorId?: number | undefined; all?: boolean; limit: number },
): Promise<LoggedRequest[]> {
  const { rows } = await sql<LoggedRequest>`
    select id, at, actor_id as "actorId", place, call, piece_cid as "pieceCid", status, error_code as "errorCode", reason, deal_id as "dealId",
      took_ms as "tookMs"
    from portal_request where ${actorId === undefined ? sql`true` : sql`actor_id = ${actorId}`}
      and ${all ? sql`true` : sql`(status <> 200 or deal_id is not null)`}
    order by at desc limit ${limit}`.execute(kysely)
  return rows
}

/** Most that are kept, whatever their age: some hundred megabytes. */
const maxKept = 1_000_000
const forgottenAtOnce = 10_000

/** Forgets requests older than that, and the oldest of what is too many. */
export async function forgetRequests(
  { kysely }: Db,
  before: Date,
  { most = maxKept, signal }: { most?: number; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { rows } = await sql<{ at: Date }>`select at from portal_request order by at desc offset ${most} limit 1`.execute(kysely)
  // The first that is too many goes too.
  const limit = rows[0] && rows[0].at > before ? new Date(rows[0].at.getTime() + 1) : before
  for (;;) {
    signal?.throwIfAborted()
    const deleted = await sql`
      delete from portal_request where id in (select id from portal_request where at < ${limit} order by at limit ${forgottenAtOnce})`.execute(
      kysely,
    )
    if (Number(deleted.numAffectedRows ?? 0) < forgottenAtOnce) return
  }
}
