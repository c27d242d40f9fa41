import type { Deal, DealDetails, DealEvent } from '@keepsake/api/deals.ts'
import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { decodeClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { isDevnetName } from '@keepsake/filecoin/devnet-name.ts'
import { dateOf, type EpochClock } from '@keepsake/filecoin/epoch.ts'
import { type RawBuilder, sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { DealState } from '../providers/deal.ts'

/** Which deals; of what is left out, all. */
export interface DealFilter {
  state?: DealState | undefined
  actorId?: number | undefined
  aggregateId?: number | undefined
  /** Only those with a smaller number. */
  before?: number | undefined
}

interface Row {
  id: number
  state: DealState
  reason: string | null
  driver: string
  network: string
  actorId: number
  providerName: string
  organisation: string
  aggregateId: number
  items: number
  pieceRoot: Uint8Array
  pieceHeight: number
  proposal: Uint8Array | null
  proposalCid: Uint8Array | null
  startEpoch: number | null
  endEpoch: number | null
  dueAt: Date | null
  againAt: Date | null
  chainDealId: number | null
  sector: number | null
  proving: Deal['proving']
  deadline: number | null
  partition: number | null
  lastProvenEpoch: number | null
  checkedEpoch: number | null
  replacesId: number | null
  createdAt: Date
  changedAt: Date
  genesisAt: Date | null
  epochSeconds: number | null
}

async function selectDeals({ kysely }: Db, rest: RawBuilder<unknown>): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select d.id, d.state, d.reason, d.driver, p.network, p.actor_id as "actorId", p.name as "providerName", p.organisation,
      d.aggregate_id as "aggregateId", a.items, a.piece_root as "pieceRoot", a.piece_height as "pieceHeight", d.proposal,
      d.proposal_cid as "proposalCid", d.start_epoch as "startEpoch", d.end_epoch as "endEpoch", d.due_at as "dueAt", d.again_at as "againAt",
      d.chain_deal_id as "chainDealId", d.sector, d.proving, d.deadline, d.partition, d.last_proven_epoch as "lastProvenEpoch",
      d.checked_epoch as "checkedEpoch", d.replaces_id as "replacesId", d.created_at as "createdAt", d.changed_at as "changedAt",
      s.genesis_at as "genesisAt", s.epoch_seconds as "epochSeconds"
    from deal d join provider p on p.id = d.provider_id join aggregate a on a.id = d.aggregate_id left join chain_source s on s.network = p.network
    ${rest}`.execute(kysely)
  return rows
}

/** States in which `dueAt` means something. */
const awaited: readonly DealState[] = ['reserved', 'proposed', 'delivered', 'published']

function dealOf(row: Row): Deal {
  const { genesisAt, epochSeconds, pieceRoot, pieceHeight, actorId, providerName, organisation, proposal: _, ...rest } = row
  const clock = genesisAt && epochSeconds ? { genesisSeconds: genesisAt.getTime() / 1000, epochSeconds } : undefined
  return {
    ...rest,
    isDevnet: isDevnetName(row.network),
    provider: { id: formatAddress(idAddress(actorId)), name: providerName, organisation },
    pieceCid: pieceCidV1({ root: pieceRoot }).toString(),
    pieceSizeBytes: paddedBytes(pieceHeight),
    proposalCid: row.proposalCid && CID.decode(row.proposalCid).toString(),
    startsAt: instantOf(clock, row.startEpoch),
    endsAt: instantOf(clock, row.endEpoch),
    dueAt: awaited.includes(row.state) ? (row.dueAt?.toISOString() ?? null) : null,
    againAt: row.againAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
  }
}

function instantOf(clock: EpochClock | undefined, epoch: number | null): string | null {
  return clock && epoch !== null ? dateOf(clock, epoch).toISOString() : null
}

/** Deals, the newest first. */
export async function listDeals(db: Db, { limit, ...filter }: DealFilter & { limit: number }): Promise<Deal[]> {
  const { state, actorId, aggregateId, before } = filter
  const conditions = [
    state !== undefined && sql`d.state = ${state}`,
    actorId !== undefined && sql`p.actor_id = ${actorId}`,
    aggregateId !== undefined && sql`d.aggregate_id = ${aggregateId}`,
    before !== undefined && sql`d.id < ${before}`,
  ].filter((condition) => condition !== false)
  const where = conditions.length > 0 ? sql`where ${sql.join(conditions, sql` and `)}` : sql``
  return (await selectDeals(db, sql`${where} order by d.id desc limit ${limit}`)).map(dealOf)
}

/** @throws KeepsakeError `NOT_FOUND` */
export async function getDeal(db: Db, id: number): Promise<DealDetails> {
  const [row] = await selectDeals(db, sql`where d.id = ${id}`)
  if (!row) throw new KeepsakeError('NOT_FOUND', `There is no deal ${id}.`)
  const signed = row.proposal && decodeClientDealProposal(new Uint8Array(row.proposal)).proposal
  return {
    deal: dealOf(row),
    events: await listEvents(db, id),
    label: signed && new TextDecoder().decode(signed.label.bytes),
    client: signed && formatAddress(signed.client),
  }
}

async function listEvents({ kysely }: Db, dealId: number): Promise<DealEvent[]> {
  const rows = await kysely
    .selectFrom('deal_event')
    .select(['at', 'state', 'reason', 'epoch', 'evidence'])
    .where('deal_id', '=', dealId)
    .orderBy('id')
    .execute()
  return rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() }))
}
