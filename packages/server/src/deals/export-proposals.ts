import type { ExportedProposal } from '@keepsake/api/deals.ts'
import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import { decodeClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { formatAddress } from '@keepsake/filecoin/address.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import { sourceOf } from '../pieces/source-of.ts'
import { changeDeal } from '../providers/deal-change.ts'
import { type DealRow, findDeal } from './store.ts'

interface Components {
  database: Db
  facts: Facts
  config: Pick<Config, 'PUBLIC_URL' | 'PIECE_DOWNLOADS'>
  pieceLinkSecret: Uint8Array
}

/** Most proposals in one export. */
const maxExported = 1000
/** A provider that gets its proposals by post has a while to begin. */
const linkDays = 30

/**
 * Signed proposals, to be handed to their providers by other means. Whoever has one can publish it, so each is `delivered` before it is given out.
 *
 * @param ids which; all that wait to be published where left out
 * @throws KeepsakeError `NOT_FOUND`; `CONFLICT` where one has nothing to hand over
 */
export async function exportProposals(components: Components, ids?: readonly number[]): Promise<ExportedProposal[]> {
  const { database, facts } = components
  const exported: ExportedProposal[] = []
  for (const id of ids ?? (await listExportable(database))) {
    const deal = await findDeal(database, id)
    if (!deal) throw new KeepsakeError('NOT_FOUND', `There is no deal ${id}.`)
    if (!isExportable(deal)) {
      const needs = deal.state === 'reserved' ? 'its proposal is still to be signed' : 'there is nothing left to hand over'
      throw new KeepsakeError('CONFLICT', `Deal ${id} is ${deal.state}: ${needs}.`)
    }
    exported.push(exportedOf(components, deal))
  }
  for (const { deal } of exported)
    await changeDeal(database, facts, deal, {
      from: 'proposed',
      to: 'delivered',
      reason: 'The operator took the proposal along.',
    })
  return exported
}

function isExportable(deal: DealRow): deal is DealRow & { proposal: Uint8Array } {
  return (deal.state === 'proposed' || deal.state === 'delivered') && deal.proposal !== null
}

async function listExportable({ kysely }: Db): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select id from deal where state in ('proposed', 'delivered') order by id limit ${maxExported}`.execute(kysely)
  return rows.map(({ id }) => id)
}

function exportedOf(components: Components, deal: DealRow & { proposal: Uint8Array }): ExportedProposal {
  const bytes = new Uint8Array(deal.proposal)
  const { proposal } = decodeClientDealProposal(bytes)
  const piece = { root: deal.pieceRoot, height: deal.pieceHeight, payloadBytes: deal.sizeBytes }
  return {
    deal: deal.id,
    network: deal.network,
    provider: formatAddress(proposal.provider),
    client: formatAddress(proposal.client),
    proposalCid: CID.decode(deal.proposalCid as Uint8Array).toString(),
    pieceCid: pieceCidV1(piece).toString(),
    pieceCidV2: pieceCidV2(piece).toString(),
    pieceSize: proposal.pieceSizeBytes,
    payloadSize: deal.sizeBytes,
    label: new TextDecoder().decode(proposal.label.bytes),
    startEpoch: proposal.startEpoch,
    endEpoch: proposal.endEpoch,
    source: sourceOf(components, piece, new Date(Date.now() + linkDays * 86_400_000)),
    clientDealProposal: Buffer.from(bytes).toString('base64'),
    chainDealId: null,
  }
}
