import type { ProviderDeal, ProviderDeals, StorageProvider, StorageProviders } from '@keepsake/api/storage-providers.ts'
import { type Chain, findChainSource } from '../chain/chain.ts'
import type { ChainSource } from '../chain/source.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { countByState, countOverdue, type HeldDeal, listDeals } from './holdings.ts'
import { addressOf, type Provider } from './providers.ts'
import { getProvider, listProviders } from './registered.ts'
import { sumInFlight } from './replicas.ts'
import { countOffered, listOffered } from './replication.ts'
import { noRecord, type RetrievalRecord, type RetrievalRecords } from './retrieval-records.ts'
import { mustMineOn, type ReplicationRules, replicationRules } from './rules.ts'
import { showHistory, showRecord } from './show-retrievals.ts'

export interface OverviewComponents {
  config: Config
  database: Db
  chain: Chain | undefined
  retrievalRecords: RetrievalRecords
  publicUrl(): string
}

const maxDeals = 200
const maxOffered = 20

interface Now {
  source: ChainSource
  epoch: number
}

/** Where the chain is; undefined where there is none, or nobody has said yet. */
export async function whereNow(chain: Chain | undefined): Promise<Now | undefined> {
  const source = chain && (await findChainSource(chain))
  return source && { source, epoch: await chain.epochNow() }
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
    nodeUrl: now?.source.controlUrl ? (now.source.rpcUrls[0] ?? null) : null,
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
      leastStanding: rules.leastStanding,
    },
    offered: now ? await readOffered(database, now, rules) : { pieces: 0, bytes: 0, first: [] },
    providers: now ? await readProviders(components, now.source.network) : [],
  }
}

async function readOffered(
  database: Db,
  { source: { network }, epoch }: Now,
  rules: ReplicationRules,
): Promise<StorageProviders['offered']> {
  const [counted, first] = await Promise.all([
    countOffered(database, { network, epoch, rules }),
    listOffered(database, { network, epoch, rules }, maxOffered),
  ])
  return { ...counted, first: first.map(({ since, ...piece }) => ({ ...piece, since: since.toISOString() })) }
}

/** Every provider of a network with what it holds. */
async function readProviders({ database, retrievalRecords }: OverviewComponents, network: string): Promise<StorageProvider[]> {
  const [providers, counts, overdue, records] = await Promise.all([
    listProviders(database, network),
    countByState(database, network),
    countOverdue(database, network),
    retrievalRecords.read(network),
  ])
  const heldBy = Map.groupBy(counts, ({ providerId }) => providerId)
  return providers.map((provider) =>
    show(provider, {
      held: heldBy.get(provider.id) ?? [],
      overdue: overdue.get(provider.id) ?? 0,
      record: records.get(provider.id) ?? noRecord,
    }),
  )
}

interface Known {
  held: readonly { state: string; deals: number; bytes: number }[]
  overdue: number
  record: RetrievalRecord
}

function show(provider: Provider, { held, overdue, record }: Known): StorageProvider {
  const { name, organisation, city, country, continent, state, retrievalUrl } = provider
  const deals = held.map((one) => ({ state: one.state, deals: one.deals, bytes: one.bytes }))
  const about = { name, organisation, city, country, continent, state, retrievalUrl }
  return { provider: addressOf(provider), ...about, deals, overdue, retrievals: showRecord(record) }
}

/** The deals of one provider. @throws KeepsakeError `NOT_FOUND`, `ERROR_UNAVAILABLE` */
export async function readProviderDeals(components: OverviewComponents, actorId: number): Promise<ProviderDeals> {
  const { config, database, chain, retrievalRecords, publicUrl } = components
  const now = await whereNow(chain)
  if (!now) throw new KeepsakeError('NOT_FOUND', 'This server is on no Filecoin network.')
  const { network } = now.source
  const provider = await getProvider(database, network, actorId)
  const [held, overdue, deals, records, history, inFlightBytes] = await Promise.all([
    countByState(database, network, provider.id),
    countOverdue(database, network),
    listDeals(database, { providerId: provider.id, limit: maxDeals }),
    retrievalRecords.read(network, provider.id),
    retrievalRecords.history(network, provider.id),
    sumInFlight(database, provider.id),
  ])
  const record = records.get(provider.id) ?? noRecord
  return {
    network,
    isDevnet: now.source.isDevnet,
    portalUrl: `${publicUrl()}/sp`,
    inFlight: { bytes: inFlightBytes, most: replicationRules(config).maxInFlightBytes },
    provider: show(provider, { held, overdue: overdue.get(provider.id) ?? 0, record }),
    history: showHistory(history, provider.id),
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
