import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import type { Db } from '../../database/database.ts'
import type { Schema } from '../../database/schema.ts'
import type { Facts } from '../../jobs/facts.ts'
import type { DealState } from '../../providers/deal.ts'
import { isLive, liveStates, mayChange } from '../../providers/deal.ts'
import type { DealColumns } from '../../providers/deal-change.ts'
import { changeDeal, noteDealEvent } from '../../providers/deal-change.ts'
import type { DealNews, SecondPublication } from './read-deals.ts'
import type { ProvingNews } from './read-sectors.ts'
import type { Head } from './store.ts'
import { lockDeals, lockHead, writeHead } from './store.ts'

/** What one look at the chain found, to be written as one. */
export interface News {
  /** The head of the look before; undefined where this is the first. */
  before: Head | undefined
  head: Head
  /** When the state of `head` was that of the chain: now, or when its epoch was. */
  seenAt: Date
  /** CIDs of the tipset and the state that was read, for whoever wants to look it up. */
  shownBy: Record<string, unknown>
  deals: readonly DealNews[]
  twice: readonly SecondPublication[]
  proving: readonly ProvingNews[]
  /** When the provider of a deal that is off the chain again must have published it. */
  dueAt: (startEpoch: number) => Date
}

/** Rows changed since they were read: by a job, or by another process that follows the same network. What was read is to be read again. */
export class StaleLookError extends Error {
  override readonly name = 'StaleLookError'
}

/**
 * Writes what the chain said, and up to where it was read, in one transaction.
 *
 * @throws StaleLookError where rows are not as they were when they were read; then nothing is written
 */
export async function writeNews({ database, facts }: { database: Db; facts: Facts }, news: News): Promise<void> {
  await database.kysely.transaction().execute(async (kysely) => {
    const locked = await lockHead({ kysely }, news.head.network)
    if (!isSame(locked, news.before)) throw new StaleLookError('Another process has followed the chain meanwhile.')
    const ids = [...news.deals, ...news.twice, ...news.proving].map(({ deal }) => deal.id)
    await lockDeals({ kysely }, ids)
    await writeHead({ kysely }, news.head, news.seenAt)
    for (const second of news.twice) await noteSecond({ kysely }, second, news)
    // What changes a state records facts, which come last in a transaction.
    const states = new Map(news.deals.map(({ deal, standing }) => [deal.id, standing.state]))
    const later = news.proving.filter(({ deal }) => states.get(deal.id) === 'active')
    for (const one of news.proving) if (!later.includes(one)) await writeProving({ kysely }, one, news)
    for (const one of news.deals) await writeDeal(kysely, facts, one, news)
    for (const one of later) await writeProving({ kysely }, one, news)
  })
}

function isSame(a: Head | undefined, b: Head | undefined): boolean {
  if (!a || !b) return a === b
  return a.epoch === b.epoch && Buffer.concat(a.tipSet).equals(Buffer.concat(b.tipSet))
}

async function noteSecond(db: Db, { deal, chainDealId }: SecondPublication, { head, shownBy }: News): Promise<void> {
  await noteDealEvent(db, deal.id, {
    state: deal.state,
    reason: `The provider published the same proposal once more, as deal ${chainDealId}. Deal ${deal.chainDealId} counts.`,
    epoch: head.epoch,
    evidence: { ...shownBy, chainDealId },
  })
}

/** How a deal gets from one state to another: the table of changes has no leaps, the chain between two looks may. */
function pathOf(from: DealState, to: DealState): DealState[] {
  if (from === to || mayChange(from, to)) return [to]
  if (to === 'delivered') return ['published', 'delivered']
  if (to === 'published') return ['active', 'published']
  if (to === 'active' || to === 'failed') return ['published', to]
  return ['published', 'active', to]
}

const liveList = `(${liveStates.map((state) => `'${state}'`).join()})`

/** What only the chain says of a deal, when it says nothing more. */
const nothingOnChain: DealColumns = {
  chain_deal_id: null,
  published_epoch: null,
  activated_epoch: null,
  slashed_epoch: null,
  sector: null,
  proving: null,
  deadline: null,
  partition: null,
  proving_since_epoch: null,
  last_proven_epoch: null,
}

function columnsOf(state: DealState, news: DealNews, epoch: number): DealColumns {
  const { chainDealId, sector, activatedEpoch, slashedEpoch } = news
  const seen = { chain_deal_id: chainDealId, checked_epoch: epoch }
  const active = { ...seen, sector: sector ?? null, activated_epoch: activatedEpoch ?? null, slashed_epoch: null }
  if (state === 'delivered') return { ...nothingOnChain, checked_epoch: epoch }
  if (state === 'published') return { ...nothingOnChain, ...seen, published_epoch: epoch, due_at: null }
  if (state === 'active') return active
  const ended = { ...seen, proving: null, proving_since_epoch: null }
  return slashedEpoch === undefined ? ended : { ...ended, slashed_epoch: slashedEpoch }
}

async function writeDeal(kysely: Kysely<Schema>, facts: Facts, news: DealNews, { head, shownBy, dueAt }: News): Promise<void> {
  const { deal, standing, chainDealId, sector } = news
  if (deal.state === standing.state) {
    const set = columnsOf(standing.state, news, head.epoch)
    await kysely.updateTable('deal').set(set).where('id', '=', deal.id).execute()
    return
  }
  if (!isLive(deal.state) && (await hasSuccessor({ kysely }, deal.id))) return await noteLate({ kysely }, news, { head, shownBy })
  let from = deal.state
  for (const to of pathOf(deal.state, standing.state)) {
    const changed = await changeDeal({ kysely }, facts, deal.id, {
      from,
      to,
      reason: to === standing.state ? standing.reason : null,
      epoch: head.epoch,
      evidence: { ...shownBy, chainDealId, ...(sector !== undefined && { sector }) },
      set: { ...columnsOf(to, news, head.epoch), ...(to === 'delivered' && { due_at: dueAt(deal.startEpoch) }) },
    })
    if (!changed) throw new StaleLookError(`Deal ${deal.id} is no longer ${from}.`)
    from = to
  }
}

/** Whether the same provider has been given the same aggregate anew: then that deal counts, or there would be two where one was meant. */
async function hasSuccessor({ kysely }: Db, dealId: number): Promise<boolean> {
  const { rows } = await sql`
    select from deal d join deal other on other.aggregate_id = d.aggregate_id and other.provider_id = d.provider_id
      and coalesce(other.replaces_id, 0) = coalesce(d.replaces_id, 0) and other.state in ${sql.raw(liveList)}
    where d.id = ${dealId} limit 1`.execute(kysely)
  return rows.length > 0
}

async function noteLate(
  db: Db,
  { deal, chainDealId }: DealNews,
  { head, shownBy }: Pick<News, 'head' | 'shownBy'>,
): Promise<void> {
  await noteDealEvent(db, deal.id, {
    state: deal.state,
    reason: `The provider published it all the same, as deal ${chainDealId}, after it had been given up and made anew. The new one counts.`,
    epoch: head.epoch,
    evidence: { ...shownBy, chainDealId },
  })
}

/** Each proof moves `last_proven_epoch`; only what turns is an event. */
async function writeProving({ kysely }: Db, { deal, standing }: ProvingNews, { head, shownBy }: News): Promise<void> {
  const { proving, reason, deadline, partition, provingSinceEpoch, lastProvenEpoch } = standing
  const hasTurned = proving !== deal.proving
  const isMoved = lastProvenEpoch !== deal.lastProvenEpoch || deadline !== deal.deadline || partition !== deal.partition
  if (!hasTurned && !isMoved) return
  const { numUpdatedRows } = await kysely
    .updateTable('deal')
    .set({
      proving,
      deadline,
      partition,
      proving_since_epoch: provingSinceEpoch,
      last_proven_epoch: lastProvenEpoch,
      checked_epoch: head.epoch,
      ...(hasTurned && { reason, changed_at: sql<Date>`clock_timestamp()` }),
    })
    .where('id', '=', deal.id)
    .where('state', '=', 'active')
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw new StaleLookError(`Deal ${deal.id} is no longer active.`)
  if (!hasTurned) return
  await noteDealEvent({ kysely }, deal.id, {
    state: 'active',
    reason: reason ?? `Sector ${deal.sector} is proving.`,
    epoch: head.epoch,
    evidence: { ...shownBy, chainDealId: deal.chainDealId, sector: deal.sector, deadline, partition, lastProvenEpoch },
  })
}
