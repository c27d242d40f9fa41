import type { ProviderDeal, ProviderDeals, StorageProvider, StorageProviders } from '@keepsake/api/storage-providers.ts'
import type { Chain } from '../chain/chain.ts'
import type { ChainSource } from '../chain/source.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { countByState, countOverdue, type HeldDeal, listDeals } from './holdings.ts'
import { addressOf, type Provider } from './providers.ts'
import { getProvider, listProviders } from './registered.ts'
import { countOffered } from './replication.ts'
import { mustMineOn, replicationRules } from './rules.ts'

export interface OverviewComponents {
  config: Config
  database: Db
  chain: Chain | undefined
  publicUrl(): string
}

const maxDeals = 200

/** Where the chain is; undefined where there is none, or nobody has said yet. */
export async function whereNow(chain: Chain | undefined): Promise<{ source: ChainSource; epoch: number } | undefined> {
  try {
    return chain && { source: await chain.source(), epoch: await chain.epochNow() }
  } catch (error) {
    if (error instanceof KeepsakeError && error.code === 'ERROR_UNAVAILABLE') return undefined
    throw error
  }
}

/** Who takes pieces here, by which rules, and what is on offer: for everybody to see. */
export async function readOverview(components: OverviewComponents): Promise<StorageProviders> {
  const { config, database, chain } = components
  const rules = replicationRules(config)
  const now = await whereNow(chain)
  return {
    network: now?.source.network ?? null,
    isDevnet: now?.source.isDevnet ?? false,
    epoch: now?.epoch ?? null,
    portalUrl: `${components.publicUrl()}/sp`,
    rules: {
      replicas: rules.maxTotal,
      perOrganisation: rules.maxPerOrganisation,
      perCity: rules.maxPerCity,
      perCountry: rules.maxPerCountry,
      perContinent: rules.maxPerContinent,
      inFlightBytes: rules.maxInFlightBytes,
      endingDays: config.DEAL_ENDING_DAYS,
      mustMine: mustMineOn(now?.source ?? { isDevnet: false }, rules),
    },
    offered: now
      ? await countOffered(database, { network: now.source.network, epoch: now.epoch, rules })
      : { pieces: 0, bytes: 0 },
    providers: now ? await readProviders(database, now.source.network) : [],
  }
}

/** Every provider of a network with what it holds. */
async function readProviders(database: Db, network: string): Promise<StorageProvider[]> {
  const [providers, counts, overdue] = await Promise.all([
    listProviders(database, network),
    countByState(database, network),
    countOverdue(database, network),
  ])
  const heldBy = Map.groupBy(counts, ({ providerId }) => providerId)
  return providers.map((provider) => show(provider, heldBy.get(provider.id) ?? [], overdue.get(provider.id) ?? 0))
}

function show(
  provider: Provider,
  held: readonly { state: string; deals: number; bytes: number }[],
  overdue: number,
): StorageProvider {
  const { name, organisation, city, country, continent, state, retrievalUrl } = provider
  const deals = held.map((one) => ({ state: one.state, deals: one.deals, bytes: one.bytes }))
  const about = { name, organisation, city, country, continent, state, retrievalUrl }
  return { provider: addressOf(provider), ...about, deals, overdue }
}

/** The deals of one provider. @throws KeepsakeError `NOT_FOUND`, `ERROR_UNAVAILABLE` */
export async function readProviderDeals({ database, chain }: OverviewComponents, actorId: number): Promise<ProviderDeals> {
  const now = await whereNow(chain)
  if (!now) throw new KeepsakeError('NOT_FOUND', 'This server is on no Filecoin network.')
  const { network } = now.source
  const provider = await getProvider(database, network, actorId)
  const [counts, overdue, deals] = await Promise.all([
    countByState(database, network, provider.id),
    countOverdue(database, network),
    listDeals(database, { providerId: provider.id, limit: maxDeals }),
  ])
  return {
    provider: show(provider, counts, overdue.get(provider.id) ?? 0),
    deals: deals.map((deal) => showDeal(deal, new Date())),
  }
}

function showDeal({ providerId: _, dueAt, changedAt, state, ...deal }: HeldDeal, now: Date): ProviderDeal {
  const isWaiting = ['reserved', 'proposed', 'delivered', 'published'].includes(state)
  return {
    ...deal,
    state,
    dueAt: isWaiting ? (dueAt?.toISOString() ?? null) : null,
    isOverdue: isWaiting && dueAt !== null && dueAt < now,
    changedAt: changedAt.toISOString(),
  }
}
