import type { ReplicationState, RequestedPiece } from '@keepsake/api/portal.ts'
import { ContentError } from '@keepsake/content/errors.ts'
import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import { type ParsedPieceCid, parsePieceCidText, pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import type { Database, Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import { isSpent } from './audit.ts'
import type { Identified } from './authorize.ts'
import { dataCapOn } from './backing.ts'
import { findOffered, type OfferedPiece } from './eligible.ts'
import type { Refusal } from './refusals.ts'
import { getProvider, listProviders } from './registered.ts'
import { countReplicas, findEndingDeal, findResting, holdsAny, neighboursOf, sumInFlight } from './replicas.ts'
import { reserve } from './reserve.ts'
import type { RetrievalRecord } from './retrieval-records.ts'
import { type Asker, pieceRefusals, type ReplicaCounts, type ReplicationRules } from './rules.ts'
import type { ChainStanding } from './standing.ts'
import { lockRequests } from './store.ts'

/** There is one tenant: this server. */
export const ownTenant = 1

export interface PieceRequest {
  requestId: string
  who: Identified
  network: string
  epoch: number
  standing: ChainStanding
  retrievals: RetrievalRecord
  pieceCid: string
  tenant: number | undefined
  /** What the chain says of our DataCap; undefined where none is needed. */
  dataCapBytes: bigint | undefined
}

export interface RequestOutcome {
  refusals: Refusal[]
  response: RequestedPiece | null
  dealId: number | undefined
}

interface Components {
  database: Pick<Database, 'kysely'>
  facts: Facts
  rules: ReplicationRules
}

/**
 * Gives a piece to a provider, or says every reason why not. One request at a time in all processes: two that ask for the last replica at the same
 * moment get one yes and one no. `finish` runs in the same transaction.
 *
 * @throws KeepsakeError `ERROR_INVALID_CID`, `ERROR_INVALID_SPID` for a header that was signed for something else or was used
 */
export async function requestPiece(
  { database, facts, rules }: Components,
  request: PieceRequest,
  finish: (db: Db, outcome: RequestOutcome) => Promise<void>,
): Promise<RequestOutcome> {
  const wanted = parse(request.pieceCid)
  checkArgument(request.who, wanted)
  return await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    await lockRequests(db)
    const outcome = await decide(db, { facts, rules }, request, wanted)
    await finish(db, outcome)
    return outcome
  })
}

async function decide(
  db: Db,
  { facts, rules }: Omit<Components, 'database'>,
  { requestId, who, network, epoch, standing, retrievals, tenant, dataCapBytes }: PieceRequest,
  wanted: ParsedPieceCid,
): Promise<RequestOutcome> {
  // Under the lock, since it may have been suspended meanwhile.
  const provider = await getProvider(db, network, who.actorId)
  const piece =
    tenant === undefined || tenant === ownTenant ? await findOffered(db, wanted.version === 1 ? wanted : wanted.piece) : undefined
  if (!piece)
    return { refusals: [{ code: 4020, line: 'There is no such piece on offer here.' }], response: null, dealId: undefined }
  const near = neighboursOf(provider, await listProviders(db, network))
  const counts = await countReplicas(db, piece.aggregateId, provider, { near, epoch, rules })
  const inFlightBytes = await sumInFlight(db, provider.id)
  const asker: Asker = {
    provider,
    ...standing,
    retrievals,
    holdsAny: await holdsAny(db, provider.id),
    inFlightBytes,
    dataCap: await dataCapOn(db, network, dataCapBytes),
  }
  const refusals = [
    ...pieceRefusals(asker, piece.height, counts, rules),
    ...restingRefusals(await findResting(db, piece.aggregateId, provider.id)),
  ]
  const states = [replicationState(asker, counts, rules)]
  if (refusals.length > 0) return { refusals, response: { tenant_replication_states: states }, dealId: undefined }
  // Last, since whoever asks again for what it got should hear that it has it.
  if (who.argument.length > 0 && (await isSpent(db, who.headerHash))) {
    throw new KeepsakeError(
      'ERROR_INVALID_SPID',
      'This header was used already: one with a signed argument is good for one piece. Sign a new one.',
    )
  }
  const dealId = await reserve(db, facts, {
    aggregateId: piece.aggregateId,
    providerId: provider.id,
    driver: 'self-service',
    replacesId: await findEndingDeal(db, piece.aggregateId, provider.id),
    epoch,
    evidence: { request: requestId },
  })
  return { refusals, response: { tenant_replication_states: states, ...given(dealId, piece) }, dealId }
}

function restingRefusals(resting: Awaited<ReturnType<typeof findResting>>): Refusal[] {
  if (!resting) return []
  const how = resting.state === 'failed' ? 'came to nothing' : 'was given up'
  const until = resting.againAt ? `at ${resting.againAt.toISOString()}` : 'in a while'
  return [
    {
      code: 4030,
      line: `The last deal of this provider for the piece ${how}${resting.reason ? ` (${resting.reason})` : ''}; ask again ${until}.`,
    },
  ]
}

function given(dealId: number, { root, height }: OfferedPiece): Partial<RequestedPiece> {
  return { deal_proposal_id: String(dealId), piece_cid: pieceCidV1({ root }).toString(), padded_piece_size: paddedBytes(height) }
}

function parse(text: string): ParsedPieceCid {
  try {
    return parsePieceCidText(text)
  } catch (error) {
    if (error instanceof ContentError) throw new KeepsakeError('ERROR_INVALID_CID', error.message, { cause: error })
    throw error
  }
}

/** A header may say what it is for; then it is for nothing else. */
function checkArgument({ argument }: Identified, wanted: ParsedPieceCid): void {
  if (argument.length === 0) return
  const said = new URLSearchParams(new TextDecoder().decode(argument))
  const named = said.get('piece_cid')
  if (said.get('call') === 'reserve_piece' && named !== null && isSamePiece(named, wanted)) return
  throw new KeepsakeError(
    'ERROR_INVALID_SPID',
    'The header was signed for something else: its argument should be call=reserve_piece&piece_cid= and this piece.',
  )
}

function isSamePiece(text: string, wanted: ParsedPieceCid): boolean {
  const rootOf = (piece: ParsedPieceCid) => (piece.version === 1 ? piece.root : piece.piece.root)
  return Buffer.compare(rootOf(parse(text)), rootOf(wanted)) === 0
}

function replicationState(
  { provider: _, inFlightBytes }: Asker,
  counts: ReplicaCounts,
  rules: ReplicationRules,
): ReplicationState {
  return {
    tenant_id: ownTenant,
    tenant_max_in_flight_bytes: rules.maxInFlightBytes,
    actual_in_flight_bytes: inFlightBytes,
    tenant_max_total: rules.maxTotal,
    tenant_max_per_org: rules.maxPerOrganisation,
    tenant_max_per_city: rules.maxPerCity,
    tenant_max_per_country: rules.maxPerCountry,
    tenant_max_per_continent: rules.maxPerContinent,
    actual_total: counts.total,
    actual_within_org: counts.inOrganisation,
    actual_within_city: counts.inCity,
    actual_within_country: counts.inCountry,
    actual_within_continent: counts.onContinent,
    sp_holds_qualifying_deal: counts.own > 0,
  }
}
