import { type Chain, findChainSource } from '../chain/chain.ts'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { JobLog } from '../jobs/worker.ts'
import { changeDeal } from '../providers/deal-change.ts'
import { lockRequests, reserve } from '../providers/reserve.ts'
import { isGoodEnough, type RetrievalRecords } from '../providers/retrieval-records.ts'
import { againAfter, type DealRules } from './rules.ts'
import { listEnding, listMissedStarts, listStaleReservations, listUnsettled, settleAgain } from './store.ts'

export interface SettleComponents {
  database: Db
  facts: Facts
  chain: Chain | undefined
  retrievalRecords: Pick<RetrievalRecords, 'read'>
  rules: DealRules
  log: JobLog
}

/** Rows of one kind looked at together. */
const batchSize = 500

/**
 * The rules over deals that run by themselves. What has become of a deal on the chain is not for here; this is about what we had hoped for and what did not
 * come, and about what comes after. All of it is read from rows, so that it may be broken off anywhere and run beside itself.
 */
export async function settleDeals(components: SettleComponents, signal?: AbortSignal): Promise<void> {
  await failStale(components, signal)
  await failMissedStarts(components, signal)
  await settleAgainTimes(components, signal)
  await renewEnding(components, signal)
}

/** Takes what `list` gives until it gives less than a batch; `work` has to make it give each only once. */
async function eachBatch<T>(list: () => Promise<T[]>, work: (item: T) => Promise<unknown>, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const batch = await list()
    for (const item of batch) {
      signal?.throwIfAborted()
      await work(item)
    }
    if (batch.length < batchSize) return
  }
}

async function failStale({ database, facts, log }: SettleComponents, signal?: AbortSignal): Promise<void> {
  const reason = 'No proposal could be made in time.'
  await eachBatch(
    () => listStaleReservations(database, batchSize),
    async ({ id }) => {
      if (await changeDeal(database, facts, id, { from: 'reserved', to: 'failed', reason })) log.warn({ dealId: id }, reason)
    },
    signal,
  )
}

function missedReason(state: 'proposed' | 'delivered', startEpoch: number): string {
  const what = state === 'proposed' ? 'never came for the proposal' : 'had the proposal and did not publish it'
  return `The provider ${what} before the start of the deal, epoch ${startEpoch}. It cannot be published any more.`
}

/**
 * The chain takes a deal until its start and not later. So it has failed when the chain was followed beyond that and it was not there; and not before, however
 * late it is by the clock: while no node can be reached nobody knows. What becomes of it after it was published is for whoever follows the chain.
 */
async function failMissedStarts({ database, facts, log }: SettleComponents, signal?: AbortSignal): Promise<void> {
  await eachBatch(
    () => listMissedStarts(database, batchSize),
    async ({ id, state, startEpoch, epoch }) => {
      const reason = missedReason(state, startEpoch)
      const failed = await changeDeal(database, facts, id, {
        from: state,
        to: 'failed',
        reason,
        epoch,
        evidence: { followedTo: epoch },
      })
      if (failed) log.warn({ dealId: id, reason }, 'a deal failed')
    },
    signal,
  )
}

/** How long an epoch is, in milliseconds, on the network of now; on one that is not in use any more nothing is offered anyway. */
async function epochMs(chain: Chain | undefined): Promise<number> {
  const seconds = chain ? (await findChainSource(chain))?.epochSeconds : undefined
  return (seconds ?? 30) * 1000
}

/** Of what failed or was terminated: when its provider may have the piece again. Others may have it at once. */
async function settleAgainTimes({ database, chain, rules }: SettleComponents, signal?: AbortSignal): Promise<void> {
  const ms = await epochMs(chain)
  await eachBatch(
    () => listUnsettled(database, batchSize),
    ({ id, failures }) => settleAgain(database, id, new Date(Date.now() + againAfter(rules, failures) * ms)),
    signal,
  )
}

/** Proposes to the same provider, where that may have pieces, what is to stand in for a deal that ends soon. Others are offered the piece beside that, for it counts no more. */
async function renewEnding(
  { database, facts, chain, retrievalRecords, rules, log }: SettleComponents,
  signal?: AbortSignal,
): Promise<void> {
  const source = rules.renewEpochs === undefined || !chain ? undefined : await findChainSource(chain)
  if (!source || !chain || rules.renewEpochs === undefined) return
  const epoch = await chain.epochNow()
  const records = await retrievalRecords.read(source.network)
  const notWith = [...records].filter(([, { standing }]) => !isGoodEnough(standing, rules.leastStanding)).map(([id]) => id)
  const which = { network: source.network, epoch, renewEpochs: rules.renewEpochs, notWith, limit: batchSize }
  await eachBatch(
    () => listEnding(database, which),
    async ({ id, aggregateId, providerId, endEpoch }) => {
      const reason = `Deal ${id} with the same provider ends at epoch ${endEpoch}; this is to stand in for it.`
      const renewal = {
        aggregateId,
        providerId,
        driver: 'self-service',
        replacesId: id,
        epoch,
        reason,
        evidence: { replaces: id },
      } as const
      const dealId = await database.kysely.transaction().execute(async (kysely) => {
        await lockRequests({ kysely })
        // Meanwhile its provider may have asked for a successor itself.
        const isStillDue = (await listEnding({ kysely }, { ...which, id })).length > 0
        return isStillDue ? await reserve({ kysely }, facts, renewal) : undefined
      })
      if (dealId !== undefined) log.info({ dealId, replaces: id }, 'a deal that ends soon is to be renewed')
    },
    signal,
  )
}
