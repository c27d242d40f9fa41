import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import { changeDeal } from '../providers/deal-change.ts'
import type { DealDriver, ProposedDeal } from './drivers/driver.ts'
import { findDeal } from './store.ts'

interface Components {
  database: Db
  facts: Facts
  drivers: ReadonlyMap<string, DealDriver>
}

/** Hands a signed proposal to its provider in the way of the deal; nothing where it is not waiting for that any more. */
export async function deliverDeal(components: Components, dealId: number, signal?: AbortSignal): Promise<void> {
  const { database, facts, drivers } = components
  const deal = await findDeal(database, dealId)
  if (deal?.state !== 'proposed' || !deal.proposal || !deal.proposalCid) return
  const driver = drivers.get(deal.driver)
  if (!driver) throw new Error(`Deal ${dealId} is to go by the driver ${deal.driver}, which this server does not have.`)
  const delivery = await driver.deliver(deal as ProposedDeal, signal)
  if (delivery.kind === 'waits') return
  const { evidence } = delivery
  if (delivery.kind === 'delivered') {
    await changeDeal(database, facts, dealId, {
      from: 'proposed',
      to: 'delivered',
      evidence: { driver: driver.name, ...evidence },
    })
  } else {
    const reason = `The provider refused the proposal: ${delivery.reason}`
    await changeDeal(database, facts, dealId, {
      from: 'proposed',
      to: 'failed',
      reason,
      evidence: { driver: driver.name, ...evidence },
    })
  }
}
