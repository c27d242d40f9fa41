import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'

/** How following a network goes, for everybody who asks, whichever process does it. */
export interface FollowStatus {
  /** Epoch up to which the chain was looked at; null where it never was. */
  epoch: number | null
  /** Of the node's head, when it was last asked. */
  headEpoch: number | null
  /** When the node answered last. */
  answeredAt: Date | null
  /** Why it does not go on; null while it does. */
  trouble: string | null
  troubleSince: Date | null
}

export async function noteLook({ kysely }: Db, network: string, { headEpoch }: { headEpoch: number }): Promise<void> {
  await sql`insert into chain_follow (network, head_epoch, answered_at) values (${network}, ${headEpoch}, clock_timestamp())
    on conflict (network) do update set head_epoch = excluded.head_epoch, answered_at = excluded.answered_at, trouble = null, trouble_since = null`.execute(
    kysely,
  )
}

export async function noteTrouble({ kysely }: Db, network: string, trouble: string): Promise<void> {
  await sql`insert into chain_follow (network, trouble, trouble_since) values (${network}, ${trouble}, clock_timestamp())
    on conflict (network) do update set trouble = excluded.trouble,
      trouble_since = coalesce(chain_follow.trouble_since, excluded.trouble_since)`.execute(kysely)
}

export async function findFollowStatus({ kysely }: Db, network: string): Promise<FollowStatus | undefined> {
  const { rows } = await sql<FollowStatus>`
    select h.epoch, f.head_epoch as "headEpoch", f.answered_at as "answeredAt", f.trouble, f.trouble_since as "troubleSince"
    from chain_follow f left join chain_head h on h.network = f.network where f.network = ${network}`.execute(kysely)
  return rows[0]
}
