import type { MinerState } from '@keepsake/filecoin/actors/miner.ts'
import { decodeMinerState, findSector, findSectorPlaces, listDeadlines } from '@keepsake/filecoin/actors/miner.ts'
import { idAddress } from '@keepsake/filecoin/address.ts'
import type { GetBlock } from '@keepsake/filecoin/blocks.ts'
import { requireBlock } from '@keepsake/filecoin/blocks.ts'
import { ChainFormatError } from '@keepsake/filecoin/errors.ts'
import { findActor } from '@keepsake/filecoin/state-tree.ts'
import type { CID } from 'multiformats/cid'
import type { Db } from '../../database/database.ts'
import type { ProvingRules, ProvingStanding } from './proving.ts'
import { lastClosed, provingOf } from './proving.ts'
import type { TrackedDeal } from './store.ts'
import { listAtWork, listProvidersAtWork } from './store.ts'

/** A provider's state as it was looked at last: what is the same since says the same. */
export interface SeenProvider {
  head: string
  deadlines: string[]
  /** When that was, and when its proving period had begun. */
  epoch: number
  provingPeriodStart: number
}

export interface SectorLook {
  database: Db
  network: string
  get: GetBlock
  stateRoot: CID
  epoch: number
  rules: ProvingRules
  /** By actor id; replaced by what this look sees, once that is written. */
  seen: ReadonlyMap<number, SeenProvider>
  /** Deals that become active by what the market says at this tipset, as they will be. */
  starting: readonly TrackedDeal[]
  /** Ids of rows that are active no more. */
  ending: ReadonlySet<number>
}

export interface ProvingNews {
  deal: TrackedDeal
  standing: ProvingStanding
}

export interface SectorNews {
  proving: ProvingNews[]
  seen: Map<number, SeenProvider>
}

/** Reads how it stands with the proofs of active deals, provider by provider, where anything changed since the last look. */
export async function readSectors(look: SectorLook): Promise<SectorNews> {
  const starting = Map.groupBy(look.starting, ({ actorId }) => actorId)
  const news: SectorNews = { proving: [], seen: new Map(look.seen) }
  const providers = new Map((await listProvidersAtWork(look.database, look.network)).map(({ id, actorId }) => [actorId, id]))
  for (const { actorId, providerId } of look.starting) providers.set(actorId, providerId)
  for (const [actorId, providerId] of providers) {
    await readProvider(look, { actorId, providerId, starting: starting.get(actorId) ?? [] }, news)
  }
  return news
}

interface ProviderAtWork {
  actorId: number
  providerId: number
  starting: readonly TrackedDeal[]
}

async function readProvider(
  look: SectorLook,
  { actorId, providerId, starting }: ProviderAtWork,
  news: SectorNews,
): Promise<void> {
  const { database, network, get, stateRoot, epoch, rules, seen, ending } = look
  const last = seen.get(actorId)
  const actor = await findActor(get, stateRoot, idAddress(actorId))
  const head = actor?.head.toString() ?? 'none'
  if (head === last?.head && starting.length === 0) return
  try {
    if (!actor) throw new ChainFormatError('BLOCK_NOT_FOUND', `The chain has no storage provider f0${actorId}.`)
    const state = decodeMinerState(requireBlock(actor.head, await get(actor.head)))
    const deadlines = (await listDeadlines(get, state)).map(String)
    const { provingPeriodStart } = state
    const isChanged = (index: number) =>
      deadlines[index] !== last?.deadlines[index] ||
      closedSince(last as SeenProvider, { epoch, provingPeriodStart }, index, rules)
    const changed = last && [...deadlines.keys()].filter(isChanged)
    const rows = await listAtWork(database, network, providerId, changed)
    const fresh = new Set(starting.map(({ id }) => id))
    const deals = [...rows.filter(({ id }) => !ending.has(id) && !fresh.has(id)), ...starting]
    news.proving.push(...(await readProofs(look, state, deals)))
    news.seen.set(actorId, { head, deadlines, epoch, provingPeriodStart })
  } catch (error) {
    if (!(error instanceof ChainFormatError)) throw error
    const rows = await listAtWork(database, network, providerId, undefined)
    news.proving.push(...rows.filter(({ id }) => !ending.has(id)).map((deal) => unknown(deal, error.message)))
    news.seen.delete(actorId)
  }
}

/** Whether a window of a deadline has closed between two looks: that alone is news, since what is still not faulty was proven in it. */
function closedSince(
  last: Pick<SeenProvider, 'epoch' | 'provingPeriodStart'>,
  now: Pick<SeenProvider, 'epoch' | 'provingPeriodStart'>,
  deadline: number,
  rules: ProvingRules,
): boolean {
  return rules.isSilenceProof && lastClosed(last, deadline, rules) !== lastClosed(now, deadline, rules)
}

async function readProofs(look: SectorLook, state: MinerState, deals: readonly TrackedDeal[]): Promise<ProvingNews[]> {
  const { get, epoch, rules } = look
  const placed = deals.filter(({ sector }) => sector !== null)
  const sought = placed.map(({ sector, deadline }) => ({ sector: sector as number, deadline: deadline ?? undefined }))
  const places = await findSectorPlaces(get, state, sought)
  const news: ProvingNews[] = deals
    .filter(({ sector }) => sector === null)
    .map((deal) => unknown(deal, 'The market of this version of the chain does not say in which sector a deal is.'))
  for (const deal of placed) {
    const sector = deal.sector as number
    const info = await findSector(get, state, sector)
    const word = { epoch, provingPeriodStart: state.provingPeriodStart, info, place: places.get(sector) }
    news.push({ deal, standing: provingOf(deal, word, rules) })
  }
  return news
}

function unknown(deal: TrackedDeal, reason: string): ProvingNews {
  const { deadline, partition, lastProvenEpoch } = deal
  return { deal, standing: { proving: 'unknown', reason, deadline, partition, provingSinceEpoch: null, lastProvenEpoch } }
}
