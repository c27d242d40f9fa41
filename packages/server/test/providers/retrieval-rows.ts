import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../../src/database/database.ts'

interface Checks {
  ok?: number
  failed?: number
  /** So long ago. */
  hoursAgo?: number
}

const anything = CID.parse('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')

/** Checks of a provider, the failed ones last, as the part that makes them would leave them. */
export async function insertChecks({ kysely }: Db, dealId: number, { ok = 0, failed = 0, hoursAgo = 0 }: Checks): Promise<void> {
  const at = new Date(Date.now() - hoursAgo * 3_600_000)
  for (const [count, outcome, reason] of [
    [ok, 'ok', null],
    [failed, 'wrong-bytes', 'Other bytes came.'],
  ] as const) {
    await sql`insert into retrieval (provider_id, deal_id, cid, way, outcome, reason, first_byte_ms, duration_ms, bytes, at)
      select provider_id, id, ${anything.bytes}, 'raw', ${outcome}, ${reason}::text, 20, 40, 1000, ${at} from deal, generate_series(1, ${count}::int)
      where id = ${dealId}`.execute(kysely)
  }
}
