import { packingRules } from '../aggregates/rules.ts'
import type { Chain } from '../chain/chain.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { Facts } from '../jobs/facts.ts'
import type { JobHandlers, JobLog } from '../jobs/worker.ts'
import type { RetrievalRecords } from '../providers/retrieval-records.ts'
import { deliverDeal } from './deliver.ts'
import { openDrivers } from './drivers/open-drivers.ts'
import { proposeDeal } from './propose.ts'
import { sampleProving } from './proving-share.ts'
import { dealRules } from './rules.ts'
import { settleDeals } from './settle-deals.ts'
import type { Wallet } from './wallet/wallet.ts'

interface Components {
  config: Config
  database: Db
  facts: Facts
  chain: Chain | undefined
  retrievalRecords: RetrievalRecords
  wallet: Wallet
  log: JobLog
}

function dealIdOf(payload: unknown): number {
  const { dealId } = payload as { dealId?: unknown }
  if (typeof dealId !== 'number') throw new Error(`The payload names no deal: ${JSON.stringify(payload)}.`)
  return dealId
}

export function dealJobs(
  service: Components,
): Pick<JobHandlers, 'propose-deal' | 'deliver-deal' | 'settle-deals' | 'sample-proving'> {
  const components = { ...service, rules: dealRules(service.config), drivers: openDrivers() }
  return {
    'propose-deal': (payload, signal) => proposeDeal(components, dealIdOf(payload), signal),
    'deliver-deal': (payload, signal) => deliverDeal(components, dealIdOf(payload), signal),
    'settle-deals': (_payload, signal) => settleDeals(components, signal),
    'sample-proving': async () => {
      if (!service.chain) return
      const packingMs = packingRules(service.config)?.forceMs ?? 0
      await sampleProving(service.database, { packingMs, replicas: service.config.DEAL_REPLICAS })
    },
  }
}
