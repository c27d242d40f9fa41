import { decodeDagPb } from '@keepsake/content/dag/decode-block.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { CID } from 'multiformats/cid'
import { sectionReader } from '../aggregates/section-reader.ts'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Blocks } from '../blocks/blocks.ts'
import { type Chain, findChainSource } from '../chain/chain.ts'
import type { ChainSource } from '../chain/source.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import type { RetrievalWay } from '../database/schema-retrievals.ts'
import type { Facts } from '../jobs/facts.ts'
import { addressRules } from '../network/addresses.ts'
import { type GuardedHttp, guardedHttp } from '../network/guarded-get.ts'
import { fetchBack, sectionOffsetOf, type WantedItem } from './fetch-back.ts'
import type { FetchLimits, Measured } from './measured-get.ts'
import { urlOnChain } from './provider-url.ts'
import { RetrievalFailure } from './retrievals.ts'
import { sampleBlock } from './sample-block.ts'
import {
  forgetBefore,
  listNext,
  listProviders,
  listUnchecked,
  type NewRetrieval,
  type ProviderToCheck,
  type SampledItem,
  sampleItem,
  saveRetrievals,
} from './store.ts'

export interface RetrievalComponents {
  config: Pick<Config, 'ALLOW_PRIVATE_ADDRESSES' | 'RETRIEVAL_CHECK_MINUTES'>
  database: Db
  blobs: BlobStore
  blocks: Pick<Blocks, 'get'>
  /** Undefined where this server has nothing to do with Filecoin. */
  chain: Chain | undefined
  facts: Facts
  log: { info(object: object, message: string): void; warn(object: object, message: string): void }
  /** Shorter ones for tests. */
  retrievalLimits?: FetchLimits
}

const usualLimits: FetchLimits = { idleMs: 15_000, totalMs: 120_000 }
/** Of one provider in one round. */
const dealsPerRound = 3
/** Providers asked beside each other. */
const parallel = 4
const usualMinutes = 10
const devnetMinutes = 1
/** Content larger than this is not fetched whole. */
const maxWholeBytes = 64 * 1024 * 1024
const keptDays = 90
const forgottenAtOnce = 5_000
const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

export interface RoundResult {
  checked: number
  failed: number
}

/**
 * One round: every provider whose turn it is has to give back some of what it stores, in every way in which it can be asked. Deals that nothing was ever
 * fetched from come first, and at once; then one after the other in turn.
 */
export async function checkRetrievals(components: RetrievalComponents, signal?: AbortSignal): Promise<RoundResult> {
  const { chain, database, config, log } = components
  const result: RoundResult = { checked: 0, failed: 0 }
  if (!chain || config.RETRIEVAL_CHECK_MINUTES === 0) return result
  const source = await findChainSource(chain)
  if (!source) return result
  await forgetBefore(database, new Date(Date.now() - keptDays * dayMs), forgottenAtOnce)
  const http = guardedHttp(addressRules({ allowPrivate: mayReachPrivate(config, source) }))
  try {
    const waiting = await listProviders(database, source.network)
    const work = async (): Promise<void> => {
      for (let provider = waiting.shift(); provider; provider = waiting.shift()) {
        signal?.throwIfAborted()
        const { checked, failed } = await checkProvider(components, { provider, source, http }, signal)
        result.checked += checked
        result.failed += failed
      }
    }
    await Promise.all(Array.from({ length: parallel }, work))
  } finally {
    http.close()
  }
  if (result.checked > 0) log.info(result, 'fetched stored items back from storage providers')
  return result
}

/** The providers of a devnet that this server started are on this machine. */
function mayReachPrivate({ ALLOW_PRIVATE_ADDRESSES }: RetrievalComponents['config'], source: ChainSource): boolean {
  return ALLOW_PRIVATE_ADDRESSES === 'yes' || (source.isDevnet && source.controlUrl !== null)
}

interface ProviderCheck {
  provider: ProviderToCheck
  source: ChainSource
  http: GuardedHttp
}

async function checkProvider(components: RetrievalComponents, check: ProviderCheck, signal?: AbortSignal): Promise<RoundResult> {
  const { database, config } = components
  const { provider, source } = check
  const minutes = config.RETRIEVAL_CHECK_MINUTES ?? (source.isDevnet ? devnetMinutes : usualMinutes)
  const isDue = !provider.lastAt || provider.lastAt.getTime() + minutes * minuteMs <= Date.now()
  const deals = await listUnchecked(database, provider.id, dealsPerRound)
  if (deals.length === 0 && isDue) deals.push(...(await listNext(database, provider.id, provider.lastDealId ?? 0, dealsPerRound)))
  const result: RoundResult = { checked: 0, failed: 0 }
  for (const dealId of deals) {
    const found = await checkDeal(components, check, dealId, signal)
    const isBad = found.some(({ outcome }) => outcome !== 'ok')
    result.checked += found.length
    result.failed += found.filter(({ outcome }) => outcome !== 'ok').length
    // Whoever cannot be reached now cannot be reached for the next deal either.
    if (isBad && found.length === 1) break
  }
  return result
}

/** Fetches one item of a deal back in every way there is, and writes down what came of it. */
async function checkDeal(
  components: RetrievalComponents,
  check: ProviderCheck,
  dealId: number,
  signal?: AbortSignal,
): Promise<NewRetrieval[]> {
  const { database, facts } = components
  const { provider } = check
  const sampled = await sampleItem(database, dealId)
  if (!sampled) return []
  const item = await itemOf(components, sampled, signal)
  const found: NewRetrieval[] = []
  for (const way of waysTo(item)) {
    const one = await fetchOne(components, check, { item, way }, signal)
    found.push({ providerId: provider.id, dealId, contentId: sampled.contentId, cid: sampled.cid, way, ...one })
    if (one.outcome === 'unreachable' || one.outcome === 'timeout' || one.outcome === 'not-allowed') break
  }
  const isGood = found.every(({ outcome }) => outcome === 'ok')
  await database.kysely.transaction().execute(async (kysely) => {
    await saveRetrievals({ kysely }, found)
    if (sampled.contentId !== null)
      await facts.record({ kysely }, isGood ? 'retrieval:verified' : 'retrieval:failed', { contentId: sampled.contentId })
  })
  return found
}

function waysTo({ dagBytes, isWhole, path, sectionOffset }: WantedItem): RetrievalWay[] {
  const ways: RetrievalWay[] = ['raw']
  if (isWhole && dagBytes <= maxWholeBytes) ways.push('car')
  if (path) ways.push('path')
  if (sectionOffset !== undefined) ways.push('piece')
  return ways
}

async function itemOf(components: RetrievalComponents, sampled: SampledItem, signal?: AbortSignal): Promise<WantedItem> {
  const { dagBytes, layout, byteOffset, links, aggregateRoot, pieceRoot, parts, firstBlock: first, endBlock: end } = sampled
  const { blocks } = components
  const root = CID.decode(sampled.cid)
  const isWhole = parts === 1
  return {
    root,
    block: isWhole ? root : ((await sampleBlock(sectionReader(components), root, { first, end }, signal)) ?? root),
    isWhole,
    dagBytes,
    pieceCid: pieceCidV1({ root: pieceRoot }).toString(),
    sectionOffset: sectionOffsetOf({ root, layout, byteOffset }),
    path: aggregateRoot && links ? await pathOf(blocks, CID.decode(aggregateRoot), links) : undefined,
  }
}

/** The names on the way, which only the directory itself says. Without a good copy of it here there is no path to ask for. */
async function pathOf(blocks: Pick<Blocks, 'get'>, aggregateRoot: CID, links: number[]): Promise<WantedItem['path']> {
  const names: string[] = []
  let at = aggregateRoot
  for (const index of links) {
    const bytes = await blocks.get(at).catch(() => undefined)
    const link = bytes && decodeDagPb(at, bytes).Links[index]
    if (!link?.Name) return undefined
    names.push(link.Name)
    at = link.Hash
  }
  return { aggregateRoot, names, links }
}

type Fetched = Pick<NewRetrieval, 'outcome' | 'reason' | 'firstByteMs' | 'durationMs' | 'bytes'>

async function fetchOne(
  components: RetrievalComponents,
  { provider, http }: ProviderCheck,
  { item, way }: { item: WantedItem; way: RetrievalWay },
  signal?: AbortSignal,
): Promise<Fetched> {
  const measured: Measured = { firstByteMs: null, durationMs: 0, bytes: 0 }
  try {
    const baseUrl = await baseUrlOf(components, provider, signal)
    const limits = components.retrievalLimits ?? usualLimits
    await fetchBack({ http, baseUrl, limits, signal }, item, way, measured)
    return { outcome: 'ok', reason: null, ...measured }
  } catch (error) {
    if (!(error instanceof RetrievalFailure)) throw error
    return { outcome: error.outcome, reason: error.message, ...measured }
  }
}

/** @throws RetrievalFailure where nobody said where it can be asked */
async function baseUrlOf({ chain }: RetrievalComponents, provider: ProviderToCheck, signal?: AbortSignal): Promise<string> {
  const url = provider.retrievalUrl ?? (await urlOnChain(await chain!.rpc(), provider.actorId, signal))
  if (url === undefined)
    throw new RetrievalFailure('unreachable', `f0${provider.actorId} names no address of HTTP, neither here nor on the chain.`)
  return url
}
