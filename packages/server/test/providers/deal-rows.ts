import { randomBytes } from 'node:crypto'
import type { Db } from '../../src/database/database.ts'
import type { DealState } from '../../src/providers/deal.ts'

/** Network of the rows that tests make. */
export const testNetwork = 'keepsake-devnet-0badcafe'

interface ProviderRow {
  actorId?: number
  network?: string
  organisation?: string
}

let nextActor = 1000

export async function insertProvider({ kysely }: Db, row: ProviderRow = {}): Promise<{ id: number; actorId: number }> {
  const actorId = row.actorId ?? nextActor++
  const { id } = await kysely
    .insertInto('provider')
    .values({
      network: row.network ?? testNetwork,
      actor_id: actorId,
      organisation: row.organisation ?? `organisation ${actorId}`,
      city: 'Lyon',
      country: 'FR',
      continent: 'EU',
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, actorId }
}

/** An aggregate that has been built, of a piece of 2^(height + 5) bytes that nobody has. */
export async function insertAggregate({ kysely }: Db, { height = 15 } = {}): Promise<{ id: number; pieceRoot: Uint8Array }> {
  const pieceRoot = randomBytes(32)
  // Of a piece's root the two highest bits are always 0.
  pieceRoot[31]! &= 0x3f
  const { id } = await kysely
    .insertInto('aggregate')
    .values({
      layout: 'segments',
      state: 'built',
      size_bytes: 100_000,
      piece_root: pieceRoot,
      piece_height: height,
      built_at: new Date(),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, pieceRoot }
}

interface DealRow {
  aggregateId?: number
  providerId?: number
  state?: DealState
  replacesId?: number
}

/** A deal with all that its state needs. */
export async function insertDeal(db: Db, row: DealRow = {}): Promise<number> {
  const aggregateId = row.aggregateId ?? (await insertAggregate(db)).id
  const providerId = row.providerId ?? (await insertProvider(db)).id
  const { state = 'reserved' } = row
  const isSigned = state !== 'reserved' && state !== 'failed'
  const isOnChain = state === 'published' || state === 'active' || state === 'expired' || state === 'terminated'
  const { id } = await db.kysely
    .insertInto('deal')
    .values({
      aggregate_id: aggregateId,
      provider_id: providerId,
      state,
      replaces_id: row.replacesId ?? null,
      proposal_cid: isSigned ? randomBytes(38) : null,
      proposal: isSigned ? randomBytes(200) : null,
      chain_deal_id: isOnChain ? Math.floor(Math.random() * 1e9) : null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}
