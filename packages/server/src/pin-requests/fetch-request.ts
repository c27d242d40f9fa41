import { CID } from 'multiformats/cid'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Blocks } from '../blocks/blocks.ts'
import type { KeptShards } from '../blocks/present.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import type { BlockNetwork } from '../network/network.ts'
import type { FetchLimits, FetchProgress } from './fetch-dag.ts'
import { fetchDag } from './fetch-dag.ts'
import { FetchError, FetchStoppedError, toFetchError } from './fetch-failure.ts'
import type { Claim } from './fetch-store.ts'
import { listOwnShards, renewLease, retryRequest, returnRequest } from './fetch-store.ts'
import type { SaveSteps } from './save-shards.ts'
import { shardSaver } from './save-shards.ts'
import { failRequest, settleRequest, settleRequests } from './settle.ts'

export interface FetchLog {
  info(object: object, message: string): void
  warn(object: object, message: string): void
}

export interface FetchComponents {
  database: Db
  blobs: BlobStore
  blocks: Blocks
  facts: Facts
  network: BlockNetwork
  log: FetchLog
}

export interface FetchSettings {
  limits: FetchLimits
  steps: SaveSteps
  /** Wait before the second attempt; each further wait is four times as long, up to an hour. */
  firstRetryMs: number
  /** How often a lease is renewed, progress is noted, and a request that was deleted is noticed. */
  renewMs: number
  /** An attempt is not called slow before it has lasted so long. */
  slowAfterMs: number
}

const longestRetryMs = 3_600_000
/** What takes longer than its time may, when it comes at this rate at least. */
const slowestBytesPerSecond = 16 * 1024

function retryDelayMs(attempt: number, firstMs: number): number {
  const most = Math.min(longestRetryMs, firstMs * 4 ** (attempt - 1))
  // A quarter of it is chance, so that a thousand that failed together do not come back together.
  return Math.round(most * (0.75 + Math.random() / 4))
}

/**
 * Makes one attempt to fetch what a request asks for, and notes what came of it: pinned, to be tried again, or failed. `signal` breaks it off; then
 * what was fetched is kept, and whoever claims the request next goes on from there.
 */
export async function fetchRequest(
  components: FetchComponents,
  claim: Claim,
  settings: FetchSettings,
  signal: AbortSignal,
): Promise<void> {
  if (claim.isComplete) return void (await settleRequest(components, claim))
  const progress: FetchProgress = { blocks: 0, bytes: 0, fetched: 0 }
  const watch = watchLease(components, claim, progress, settings)
  try {
    await fetchAll(components, claim, { settings, progress, signal: AbortSignal.any([signal, watch.signal]) })
    await settleRequests(components, { contentId: claim.contentId })
    components.log.info({ request: claim.id, ...progress }, 'pinned what was asked for')
  } catch (error) {
    const reason: unknown = watch.signal.aborted ? watch.signal.reason : error
    if (reason instanceof FetchStoppedError) components.log.info({ request: claim.id }, 'stopped fetching')
    else if (signal.aborted) await returnRequest(components.database, claim)
    else await noteFailure(components, claim, { error: reason, progress, settings })
  } finally {
    watch.stop()
  }
}

async function fetchAll(
  components: FetchComponents,
  claim: Claim,
  { settings, progress, signal }: { settings: FetchSettings; progress: FetchProgress; signal: AbortSignal },
): Promise<void> {
  const root = CID.decode(claim.root)
  const kept: KeptShards = { own: new Set(await listOwnShards(components.database, claim.contentId)), others: new Set() }
  const saver = shardSaver(components, { claim, root, kept, progress, steps: settings.steps })
  try {
    await using session = await components.network.session(root, { origins: claim.origins, signal })
    await fetchDag({
      ...components,
      session,
      root,
      limits: settings.limits,
      kept,
      keep: (block) => saver.add(block),
      progress,
      signal,
    })
    await saver.complete()
  } catch (error) {
    // What has come so far need not come again. Whatever is wrong is worth more to be told than that this did not work either.
    if (!(error instanceof FetchStoppedError) && !(error instanceof FetchError && error.isFinal))
      await saver.saveRest().catch(() => {})
    throw error
  } finally {
    await saver.discard()
  }
}

/** Renews the lease for as long as the fetch runs. Its signal aborts when the request is not ours to fetch any more, or takes too long. */
function watchLease(
  { database, log }: FetchComponents,
  claim: Claim,
  progress: FetchProgress,
  { renewMs, slowAfterMs }: FetchSettings,
): { signal: AbortSignal; stop(): void } {
  const ending = new AbortController()
  const beganAt = Date.now()
  const renew = async () => {
    const open = await renewLease(database, claim, progress)
    if (!open) return ending.abort(new FetchStoppedError())
    if (open.isComplete) return ending.abort(new FetchError('It was stored here meanwhile.', { isFinal: false }))
    const seconds = (Date.now() - beganAt) / 1000
    const isOverdue = Date.now() > claim.giveUpAt.getTime() && seconds * 1000 > slowAfterMs
    if (isOverdue && progress.bytes / seconds < slowestBytesPerSecond) {
      const text = `It came too slowly: ${progress.bytes} bytes in ${Math.round(seconds)} seconds.`
      ending.abort(new FetchError(text, { isFinal: true }))
    }
  }
  const timer = setInterval(() => {
    renew().catch((error: unknown) => log.warn({ err: error, request: claim.id }, 'the lease of a fetch could not be renewed'))
  }, renewMs)
  return { signal: ending.signal, stop: () => clearInterval(timer) }
}

async function noteFailure(
  { database, facts, log }: FetchComponents,
  claim: Claim,
  { error, progress, settings }: { error: unknown; progress: FetchProgress; settings: FetchSettings },
): Promise<void> {
  const failure = toFetchError(error)
  if (failure.cause && !(failure.cause instanceof KeepsakeError))
    log.warn({ err: failure.cause, request: claim.id }, failure.message)
  const delayMs = progress.fetched > 0 ? settings.firstRetryMs : retryDelayMs(claim.attempt, settings.firstRetryMs)
  const at = new Date(Date.now() + delayMs)
  // What is missing is looked up anew: some of it came.
  if (progress.fetched > 0) await facts.record(database, 'shard:indexed', { contentId: claim.contentId })
  if (failure.isFinal) await failRequest({ database }, claim, failure.message)
  else if (at > claim.giveUpAt)
    await failRequest(
      { database },
      claim,
      `${failure.message} It was tried ${claim.attempt === 1 ? 'once' : `${claim.attempt} times`}.`,
    )
  else await retryRequest(database, claim, at, failure.message)
  log.info({ request: claim.id, attempt: claim.attempt, reason: failure.message, isFinal: failure.isFinal }, 'could not fetch')
}
