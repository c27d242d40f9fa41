import { sql } from 'kysely'
import type { Db } from '../database/database.ts'

/** The channel on which processes tell each other, by PostgreSQL's NOTIFY, that something became of contents. */
export const contentChannel = 'keepsake_content'

/** A payload has to stay below 8,000 bytes; an id takes at most 11 characters and a space. */
const idsPerPayload = 500
/** With more at once, naming them costs more than everybody looking again. */
export const maxNamedIds = 5_000

/**
 * Says, inside the caller's transaction `db`, that something became of these contents. Whoever watches one is told when that commits, in
 * whatever process; a transaction that fails says nothing. `facts.record` does it for every fact about one content.
 */
export async function tellContentsChanged({ kysely }: Db, contentIds: readonly number[]): Promise<void> {
  if (contentIds.length === 0) return
  await sql`select pg_notify(${contentChannel}, payload) from unnest(${payloadsOf(contentIds)}::text[]) payload`.execute(kysely)
}

function payloadsOf(ids: readonly number[]): string[] {
  if (ids.length > maxNamedIds) return ['*']
  const payloads: string[] = []
  for (let at = 0; at < ids.length; at += idsPerPayload)
    payloads.push(
      ids
        .slice(at, at + idsPerPayload)
        .map((id) => id.toString(36))
        .join(' '),
    )
  return payloads
}

/** The contents a payload names; undefined where it may be any. */
export function parseContentPayload(payload: string): number[] | undefined {
  return payload === '*' ? undefined : payload.split(' ').map((id) => Number.parseInt(id, 36))
}
