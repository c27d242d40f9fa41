import type { EligiblePiece, PendingProposals, ProviderStatus, RequestedPiece } from '@keepsake/api/portal.ts'
import { type Piece, paddedBytes } from '@keepsake/content/piece/piece.ts'
import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import type { Chain } from '../chain/chain.ts'
import type { Config } from '../config.ts'
import type { Database } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import { pieceUrl, signLink } from '../pieces/signed-links.ts'
import { findApplication } from './applications.ts'
import { type Backing, dataCapLine, dataCapOn, leftOf } from './backing.ts'
import { type Allowed, type Door, type Known, notRegisteredLine, requireChain } from './door.ts'
import { listEligible, type OfferedPiece } from './eligible.ts'
import type { Said } from './envelope.ts'
import { listPending } from './pending.ts'
import { addressOf, type Provider } from './providers.ts'
import { toAsked } from './register.ts'
import { listProviders } from './registered.ts'
import { holdsAny, neighboursOf, sumInFlight } from './replicas.ts'
import { ownTenant, requestPiece } from './request-piece.ts'
import { noRecord, type RetrievalRecord, type RetrievalRecords } from './retrieval-records.ts'
import { type ReplicationRules, standingRefusals } from './rules.ts'
import type { Standings } from './standing.ts'
import { readStatus } from './status.ts'

export interface PortalParts {
  config: Pick<Config, 'PIECE_DOWNLOADS'>
  database: Pick<Database, 'kysely'>
  facts: Facts
  chain: Chain | undefined
  pieceLinkSecret: Uint8Array
  publicUrl(): string
  rules: ReplicationRules
  standings: Standings
  backing: Backing
  retrievalRecords: Pick<RetrievalRecords, 'read'>
  door: Pick<Door, 'note'>
}

type Answer<T> = Pick<Said, 'refusals' | 'infoLines' | 'entries'> & { response: T | null }

/** How long a link to a piece is good for: deals start within days. */
const linkMs = 30 * 24 * 3_600_000

/** `/sp/status`: also for one that is not registered. */
export async function tellStatus(parts: PortalParts, asked: Known): Promise<Answer<ProviderStatus>> {
  const { provider, source, who, epoch } = asked
  const { network, isDevnet } = source
  if (!provider) {
    await parts.door.note(asked, 200)
    const application = await findApplication(parts.database, network, who.actorId)
    const response = {
      provider: addressOf(who),
      network,
      is_devnet: isDevnet,
      registered: false,
      ...(application && { application: toAsked(application) }),
    }
    return { response, infoLines: [notRegisteredLine(who.actorId, network, parts.publicUrl())] }
  }
  const { rules } = parts
  const { retrievals, holdsAny, ...standing } = await standingFor(parts, provider, epoch)
  const response = await readStatus(parts.database, { provider, standing, retrievals, rules, isDevnet })
  await parts.door.note(asked, 200)
  return {
    response,
    infoLines: standingRefusals({ provider, ...standing, retrievals, holdsAny }, rules).map(({ line }) => line),
  }
}

/** How a provider stands: on the chain, by what it gave back, and by whether it holds anything. */
async function standingFor({ database, standings, retrievalRecords }: PortalParts, provider: Provider, epoch: number) {
  const [standing, retrievals, holds] = await Promise.all([
    standings.of(provider.actorId, epoch),
    retrievalsOf(retrievalRecords, provider),
    holdsAny(database, provider.id),
  ])
  return { ...standing, retrievals, holdsAny: holds }
}

async function retrievalsOf(records: Pick<RetrievalRecords, 'read'>, { id, network }: Provider): Promise<RetrievalRecord> {
  return (await records.read(network, id)).get(id) ?? noRecord
}

export interface EligibleWishes {
  limit: number
  tenant: number | undefined
  isLocalOnly: boolean
}

/** `/sp/eligible_pieces` */
export async function tellEligible(
  parts: PortalParts,
  asked: Allowed,
  { tenant, ...wishes }: EligibleWishes,
): Promise<Answer<EligiblePiece[]>> {
  const { database, rules } = parts
  const { provider, epoch, source } = asked
  const standing = await standingFor(parts, provider, epoch)
  const { sectorSizeBytes } = standing
  const refusals = standingRefusals({ provider, ...standing }, rules)
  if (refusals.length > 0) {
    await parts.door.note(asked, 403, refusals)
    return { refusals, response: null }
  }
  const near = neighboursOf(provider, await listProviders(database, source.network))
  const isOurs = tenant === undefined || tenant === ownTenant
  const dataCap = await dataCapOn(database, source.network, await parts.backing.dataCapBytes())
  const maxPieceBytes = Math.min(sectorSizeBytes, dataCap ? leftOf(dataCap) : sectorSizeBytes)
  const pieces = isOurs ? await listEligible(database, { provider, near, rules, epoch, maxPieceBytes, ...wishes }) : []
  const infoLines = [
    ...(await roomLines(parts, provider)),
    ...(dataCap && maxPieceBytes < sectorSizeBytes ? [`${dataCapLine(dataCap)} Larger pieces are not on offer.`] : []),
  ]
  await parts.door.note(asked, 200)
  return { response: pieces.map(toEligible), entries: pieces.length, infoLines }
}

/** What may keep a provider from taking what it is shown. */
async function roomLines({ database, rules }: PortalParts, provider: Provider): Promise<string[]> {
  const bytes = await sumInFlight(database, provider.id)
  return bytes === 0
    ? []
    : [`This provider has taken ${bytes} bytes that are in no sector yet, of at most ${rules.maxInFlightBytes}.`]
}

function toEligible({ root, height, payloadBytes, layout, replicas }: OfferedPiece): EligiblePiece {
  const cid = pieceCidV1({ root }).toString()
  return {
    piece_cid: cid,
    piece_cid_v2: pieceCidV2({ root, height, payloadBytes }).toString(),
    padded_piece_size: paddedBytes(height),
    data_size: payloadBytes,
    format: layout === 'segments' ? 'segments' : 'car',
    replicas,
    tenants: [ownTenant],
    sample_request_cmd: `sh keepsake-sp.sh request ${cid}`,
  }
}

/** `/sp/pending_proposals` */
export async function tellPending(parts: PortalParts, asked: Allowed): Promise<Answer<PendingProposals>> {
  const clock = await requireChain(parts.chain).clock()
  const { provider, id: requestId, epoch } = asked
  const components = { database: parts.database, facts: parts.facts, sourceOf: (piece: Piece) => sourceOf(parts, piece) }
  const response = await listPending(components, { providerId: provider.id, requestId, epoch, clock, tenant: ownTenant })
  await parts.door.note(asked, 200)
  return { response, entries: response.pending_proposals.length }
}

function sourceOf({ config, pieceLinkSecret, publicUrl }: PortalParts, piece: Piece): string {
  const end = new Date(Date.now() + linkMs)
  return pieceUrl(
    publicUrl(),
    pieceCidV1(piece).toString(),
    config.PIECE_DOWNLOADS === 'signed' ? signLink(pieceLinkSecret, piece, end) : undefined,
  )
}

/** `/sp/request_piece` */
export async function givePiece(
  parts: PortalParts,
  asked: Allowed,
  { pieceCid, tenant }: { pieceCid: string; tenant: number | undefined },
): Promise<Answer<RequestedPiece>> {
  const { provider, epoch, id: requestId, who, source } = asked
  const [standing, retrievals] = await Promise.all([
    parts.standings.of(provider.actorId, epoch),
    retrievalsOf(parts.retrievalRecords, provider),
  ])
  const dataCapBytes = await parts.backing.dataCapBytes()
  const request = { requestId, who, network: source.network, epoch, standing, retrievals, pieceCid, tenant, dataCapBytes }
  const { refusals, response } = await requestPiece(parts, request, async (db, outcome) => {
    await parts.door.note(asked, outcome.refusals.length > 0 ? 403 : 200, outcome.refusals, { dealId: outcome.dealId, db })
  })
  if (refusals.length > 0) return { refusals, response }
  return {
    response,
    infoLines: [`The piece is reserved. In a moment its proposal is among ${parts.publicUrl()}/sp/pending_proposals.`],
  }
}
