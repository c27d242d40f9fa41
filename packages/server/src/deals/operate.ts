import type { DealDetails } from '@keepsake/api/deals.ts'
import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { liveStates } from '../providers/deal.ts'
import { changeDeal } from '../providers/deal-change.ts'
import { addressOf } from '../providers/providers.ts'
import { getProvider } from '../providers/registered.ts'
import { lockRequests, reserve } from '../providers/reserve.ts'
import { type ProposeComponents, proposeDeal } from './propose.ts'
import { getDeal } from './read-deals.ts'
import { findDeal } from './store.ts'

export interface OperateComponents extends ProposeComponents {
  /** Live deals wanted of each piece. */
  wanted: number
}

export interface Proposing {
  aggregateId: number
  actorId: number
  /** Also where there are as many live deals as wanted. */
  force?: boolean | undefined
  signal?: AbortSignal | undefined
}

/**
 * Proposes an aggregate to a provider because the operator says so: the rules of replication are theirs, so only what they surely do not mean is refused.
 *
 * @throws KeepsakeError `NOT_FOUND`; `CONFLICT` where there is such a deal already, or enough of them, or the provider is suspended; `ERROR_UNAVAILABLE`
 *   without a Filecoin network; RpcError. What was reserved by then stays, and a worker goes on with it.
 */
export async function proposeTo(
  components: OperateComponents,
  { aggregateId, actorId, force, signal }: Proposing,
): Promise<DealDetails> {
  const { database, facts, chain, wanted } = components
  if (!chain)
    throw new KeepsakeError(
      'ERROR_UNAVAILABLE',
      'This server has no Filecoin network (FILECOIN_RPC=off), so nothing can be proposed.',
    )
  const { network } = await chain.source()
  const provider = await getProvider(database, network, actorId)
  if (provider.state === 'suspended')
    throw new KeepsakeError(
      'CONFLICT',
      `${addressOf(provider)} is suspended: ${provider.suspendedBecause ?? 'no reason was noted'}.`,
    )
  const epoch = await chain.epochNow()
  const dealId = await database.kysely.transaction().execute(async (kysely) => {
    await lockRequests({ kysely })
    const live = await listLive({ kysely }, aggregateId)
    if (live.some(({ providerId }) => providerId === provider.id))
      throw new KeepsakeError('CONFLICT', `${addressOf(provider)} has aggregate ${aggregateId} already, or has been promised it.`)
    if (live.length >= wanted && !force)
      throw new KeepsakeError(
        'CONFLICT',
        `Aggregate ${aggregateId} has ${live.length} live deals, and ${wanted} are wanted (DEAL_REPLICAS). Say force to make one more all the same.`,
      )
    const about = { aggregateId, providerId: provider.id, driver: 'self-service', epoch } as const
    return await reserve({ kysely }, facts, { ...about, reason: 'The operator proposed it.', evidence: {} })
  })
  await proposeDeal(components, dealId, signal)
  return await getDeal(database, dealId)
}

/** @throws KeepsakeError `NOT_FOUND` */
async function listLive({ kysely }: Db, aggregateId: number): Promise<{ providerId: number }[]> {
  const built = await sql`select from aggregate where id = ${aggregateId} and state = 'built'`.execute(kysely)
  if (built.rows.length === 0) throw new KeepsakeError('NOT_FOUND', `There is no aggregate ${aggregateId} that has been built.`)
  const { rows } = await sql<{ providerId: number }>`
    select provider_id as "providerId" from deal where aggregate_id = ${aggregateId} and state in (${sql.join(liveStates)})`.execute(
    kysely,
  )
  return rows
}

/**
 * Tries again what failed, with the same provider and without waiting; or the signing of a proposal that did not come about.
 *
 * @returns the deal that stands in for it, or itself
 * @throws KeepsakeError `NOT_FOUND`; `CONFLICT` where nothing failed, and as `proposeTo`
 */
export async function retryDeal(components: OperateComponents, id: number, signal?: AbortSignal): Promise<DealDetails> {
  const deal = await findDeal(components.database, id)
  if (!deal) throw new KeepsakeError('NOT_FOUND', `There is no deal ${id}.`)
  if (deal.state === 'failed' || deal.state === 'terminated') {
    const { aggregateId, actorId } = deal
    return await proposeTo(components, { aggregateId, actorId, force: true, signal })
  }
  if (deal.state !== 'reserved')
    throw new KeepsakeError('CONFLICT', `Deal ${id} is ${deal.state}: only one that failed or was terminated can be tried again.`)
  await proposeDeal(components, id, signal)
  return await getDeal(components.database, id)
}

/**
 * Gives up a deal that is not on the chain. One whose provider has the proposal can still be published until its start; then it is a deal all the same, and
 * shown as one.
 *
 * @throws KeepsakeError `NOT_FOUND`, `CONFLICT`
 */
export async function cancelDeal(
  { database, facts }: Pick<OperateComponents, 'database' | 'facts'>,
  id: number,
  reason = 'The operator cancelled it.',
): Promise<DealDetails> {
  const change = { from: ['reserved', 'proposed', 'delivered'], to: 'failed', reason, evidence: { by: 'operator' } } as const
  if (!(await changeDeal(database, facts, id, change))) {
    const { deal } = await getDeal(database, id)
    const isOnChain = deal.state === 'published' || deal.state === 'active'
    throw new KeepsakeError(
      'CONFLICT',
      isOnChain
        ? `Deal ${id} is on the chain as number ${deal.chainDealId}; only its provider can end it.`
        : `Deal ${id} is ${deal.state} already.`,
    )
  }
  return await getDeal(database, id)
}
