import type { PendingProposal, PendingProposals } from '@keepsake/api/portal.ts'
import { type Piece, paddedBytes } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import { dateOf, type EpochClock } from '@keepsake/filecoin/epoch.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Database, Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import { shellQuote } from './commands.ts'
import { changeDeal } from './deal-change.ts'

interface Row {
  id: number
  state: 'proposed' | 'delivered'
  proposal: Uint8Array
  proposalCid: Uint8Array
  startEpoch: number
  endEpoch: number
  root: Uint8Array
  height: number
  payloadBytes: number
}

/** Most in one answer; the others come when these are published. */
const maxPending = 1000
const maxFailures = 100
const failuresWithin = sql`interval '3 days'`

export interface PendingComponents {
  database: Pick<Database, 'kysely'>
  facts: Facts
  /** Where a piece is downloaded, with a link that is good for long enough. */
  sourceOf(piece: Piece): string
}

export interface PendingRequest {
  providerId: number
  requestId: string
  epoch: number
  clock: EpochClock
  tenant: number
}

/**
 * Proposals that wait to be published, the most urgent first. Whoever gets this answer has them: what was `proposed` is `delivered` in the same transaction.
 */
export async function listPending(components: PendingComponents, request: PendingRequest): Promise<PendingProposals> {
  const { database, facts, sourceOf } = components
  const { providerId, requestId, epoch } = request
  return await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    const rows = await selectPending(db, providerId, epoch)
    const failures = await selectFailures(db, providerId, request.tenant)
    for (const { id, state } of rows) {
      if (state !== 'proposed') continue
      await changeDeal(db, facts, id, {
        from: 'proposed',
        to: 'delivered',
        reason: 'The storage provider fetched the proposal.',
        epoch,
        evidence: { request: requestId },
      })
    }
    return { pending_proposals: rows.map((row) => toProposal(row, request, sourceOf)), recent_failures: failures }
  })
}

/** Locked, in the order of their numbers, until they are noted as delivered. */
async function selectPending({ kysely }: Db, providerId: number, epoch: number): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select d.id, d.state, d.proposal, d.proposal_cid as "proposalCid", d.start_epoch as "startEpoch", d.end_epoch as "endEpoch",
      a.piece_root as root, a.piece_height as height, a.size_bytes as "payloadBytes"
    from deal d join aggregate a on a.id = d.aggregate_id
    where d.provider_id = ${providerId} and d.driver = 'self-service' and d.state in ('proposed', 'delivered') and d.proposal is not null
      and d.start_epoch > ${epoch}
    order by d.id limit ${maxPending} for update of d`.execute(kysely)
  return rows.sort((a, b) => a.startEpoch - b.startEpoch)
}

async function selectFailures({ kysely }: Db, providerId: number, tenant: number): Promise<PendingProposals['recent_failures']> {
  const { rows } = await sql<{ id: number; at: Date; reason: string | null; root: Uint8Array }>`
    select d.id, d.changed_at as at, d.reason, a.piece_root as root from deal d join aggregate a on a.id = d.aggregate_id
    where d.provider_id = ${providerId} and d.state = 'failed' and d.changed_at > clock_timestamp() - ${failuresWithin}
    order by d.changed_at desc limit ${maxFailures}`.execute(kysely)
  return rows.map(({ id, at, reason, root }) => ({
    timestamp: at.toISOString(),
    error: reason ?? 'It failed.',
    deal_proposal_id: String(id),
    piece_cid: pieceCidV1({ root }).toString(),
    tenant_id: tenant,
  }))
}

const secondsPerHour = 3600

function toProposal(
  row: Row,
  { clock, epoch, tenant }: PendingRequest,
  sourceOf: PendingComponents['sourceOf'],
): PendingProposal {
  const { id, proposal, proposalCid, startEpoch, endEpoch, root, height, payloadBytes } = row
  const piece: Piece = { root, height, payloadBytes }
  const cid = pieceCidV1(piece).toString()
  const url = sourceOf(piece)
  const proposalName = CID.decode(proposalCid).toString()
  return {
    deal_proposal_id: String(id),
    deal_proposal_cid: proposalName,
    proposal: Buffer.from(proposal).toString('base64'),
    hours_remaining: Math.round(((startEpoch - epoch) * clock.epochSeconds * 100) / secondsPerHour) / 100,
    piece_cid: cid,
    piece_cid_v2: pieceCidV2(piece).toString(),
    piece_size: paddedBytes(height),
    data_size: payloadBytes,
    deal_start_time: dateOf(clock, startEpoch).toISOString(),
    deal_start_epoch: startEpoch,
    deal_end_epoch: endEpoch,
    tenant_id: tenant,
    data_sources: [{ source_type: 'http', url }],
    sample_download_cmd: `aria2c -x 8 -s 8 -c -o ${cid}.car ${shellQuote(url)}`,
    sample_import_cmd: `boostd import-data ${proposalName} ${cid}.car`,
  }
}
