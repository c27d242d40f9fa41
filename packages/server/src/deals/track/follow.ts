import { dateOf } from '@keepsake/filecoin/epoch.ts'
import { ChainFormatError } from '@keepsake/filecoin/errors.ts'
import { chainHead, tipSetsOf } from '@keepsake/filecoin/rpc/chain.ts'
import { RpcError } from '@keepsake/filecoin/rpc/errors.ts'
import { ancestorAt } from '@keepsake/filecoin/rpc/head-changes.ts'
import { chainNotices } from '@keepsake/filecoin/rpc/notices.ts'
import { isSameKey, type TipSet } from '@keepsake/filecoin/rpc/tip-set.ts'
import { checkTime } from '@keepsake/filecoin/rpc/tip-set-rules.ts'
import { type Chain, NoChainYetError } from '../../chain/chain.ts'
import type { ChainSource } from '../../chain/source.ts'
import type { Database } from '../../database/database.ts'
import type { Facts } from '../../jobs/facts.ts'
import { cachedBlocks, cachedTipSets } from './block-cache.ts'
import { knownIds } from './known-ids.ts'
import { type LookOptions, lookAt, type Memory } from './look.ts'
import { withNetworkLock } from './network-lock.ts'
import { noteLook, noteTrouble } from './status.ts'
import { listChainIds } from './store.ts'
import { StaleLookError } from './write-news.ts'

export interface FollowLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface FollowComponents {
  chain: Chain
  database: Database
  facts: Facts
  log: FollowLog
}

/** Follows the chain in the background. */
export interface Follower {
  /** Lets the look under way end; resolves when it has. */
  stop(): Promise<void>
}

const firstDelayMs = 500
/** With the pauses between them, half a minute. */
const devnetStartLooks = 5
const maxDelayMs = 60_000
/** How often a process that may not follow, because another does, asks again. */
const lockRetryMs = 5_000
/** Whose newest block is older than this stands still, or has much to catch up with. */
const lateHeadMs = 5 * 60_000
const maxIntervalMs = 15_000
const minIntervalMs = 200

/**
 * Follows the chain until it is stopped: one process for each network, whichever gets there first; when that one ends, another goes on where it was.
 * Whatever a node does, hang, lie or refuse, is a delay and a line in the log, and the next node is asked.
 */
export function followChain(components: FollowComponents): Follower {
  const stopping = new AbortController()
  const following = followAlways(components, stopping.signal)
  return {
    async stop() {
      stopping.abort()
      await following
    },
  }
}

async function followAlways(components: FollowComponents, signal: AbortSignal): Promise<void> {
  const { chain, database, log } = components
  let delayMs = firstDelayMs
  while (!signal.aborted) {
    try {
      const source = await chain.identify({ signal })
      const { isOurs } = await withNetworkLock(database, source.network, signal, async (held) => {
        delayMs = firstDelayMs
        await followNetwork(components, source, held)
      })
      await pause(isOurs ? firstDelayMs : lockRetryMs, signal)
    } catch (error) {
      if (signal.aborted) return
      // While the devnet starts there is nothing to worry about; where it does not, whoever supervises it says so.
      const isToCome = error instanceof NoChainYetError
      if (isToCome) delayMs = firstDelayMs
      log[isToCome ? 'debug' : 'warn'](
        { reason: (error as Error).message, againInMs: delayMs },
        'the Filecoin chain cannot be followed yet',
      )
      await pause(delayMs, signal)
      delayMs = Math.min(delayMs * 2, maxDelayMs)
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const wake = () => resolve()
  signal.addEventListener('abort', wake)
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', wake)
}

/** Looks at each new tipset, until the network is another one or `signal` aborts. */
async function followNetwork(components: FollowComponents, source: ChainSource, signal: AbortSignal): Promise<void> {
  const { chain, database, log } = components
  const memory: Memory = {
    known: knownIds(await listChainIds(database, source.network)),
    cached: cachedBlocks(),
    tipSets: cachedTipSets(),
    seen: new Map(),
  }
  log.info({ network: source.network, knownDeals: memory.known.size }, 'following the Filecoin chain')
  const intervalMs = Math.min(Math.max((source.epochSeconds * 1000) / 2, minIntervalMs), maxIntervalMs)
  using bell = openBell(components, await chain.rpc(), signal)
  let failures = 0
  let last: TipSet | undefined
  while (!signal.aborted) {
    if ((await chain.source()).network !== source.network) return
    try {
      last = await lookOnce(components, { source, memory, signal, last })
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      failures = await onFailure(components, source, error as Error, failures)
    }
    const waitMs = failures === 0 ? intervalMs : Math.min(Math.max(intervalMs, firstDelayMs) * 2 ** failures, maxDelayMs)
    // A notice is no reason to try at once what has just failed.
    await (failures === 0 ? bell.wait(waitMs) : pause(waitMs, signal))
  }
}

interface OneLook {
  source: ChainSource
  memory: Memory
  signal: AbortSignal
  /** The tipset that was looked at last. */
  last: TipSet | undefined
}

async function lookOnce({ chain, database, facts, log }: FollowComponents, one: OneLook): Promise<TipSet | undefined> {
  const { source, memory, signal, last } = one
  const rpc = await chain.rpc()
  const clock = await chain.clock()
  const head = await chainHead(rpc, { signal })
  checkTime(head, clock, new Date())
  const height = Math.max(0, head.height - (await chain.lookback()))
  const tipSet = await ancestorAt(memory.tipSets(tipSetsOf(rpc, { signal })), head, height)
  const isLate = Date.now() - dateOf(clock, head.height).getTime() > lateHeadMs
  if (!last || !isSameKey(last.cids, tipSet.cids)) {
    const options: LookOptions = { database, facts, source, clock, rpc, memory, signal }
    const { isBehind, reverted, changes } = await lookAt(tipSet, options)
    if (isBehind) {
      rpc.passOver()
      return last
    }
    if (reverted > 0) log.warn({ epoch: tipSet.height, reverted }, 'the Filecoin chain was reorganised')
    if (changes > 0) log.info({ epoch: tipSet.height, changes }, 'the Filecoin chain has news of deals')
  }
  await noteLook(database, source.network, { headEpoch: head.height })
  // Where there is another node, it may know more.
  if (isLate) rpc.passOver()
  return tipSet
}

/** What went wrong is written down for whoever asks how this server is; then the next node gets a chance. */
async function onFailure(
  { chain, database, log }: FollowComponents,
  { network, controlUrl }: ChainSource,
  error: Error,
  failures: number,
): Promise<number> {
  if (error instanceof StaleLookError) {
    log.info({ reason: error.message }, 'looking at the Filecoin chain again')
    return 0
  }
  const isUnreadable = error instanceof ChainFormatError && error.code === 'UNKNOWN_LAYOUT'
  const trouble = isUnreadable ? `This version does not know the chain's format: ${error.message}` : error.message
  // The devnet starts after the server that runs it: the first looks may come before it.
  const silentLooks = controlUrl !== null && error instanceof RpcError && error.code === 'UNREACHABLE' ? devnetStartLooks : 0
  if (failures === silentLooks || isUnreadable) log.warn({ network, err: error }, 'a look at the Filecoin chain failed')
  ;(await chain.rpc()).passOver()
  await noteTrouble(database, network, trouble)
  return failures + 1
}

/** Says when it is time to look: at a notice of the node, or when the time is over. */
function openBell({ log }: FollowComponents, rpc: Awaited<ReturnType<Chain['rpc']>>, signal: AbortSignal) {
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  let isRung = false
  let wake = () => {}
  const ring = () => {
    isRung = true
    wake()
  }
  let isTold = false
  const onTrouble = (error: Error) => {
    if (!isTold) log.info({ reason: error.message }, 'the Filecoin node does not tell of new blocks; asking it every so often')
    isTold = true
  }
  void (async () => {
    for await (const _ of chainNotices(rpc.endpoint, { signal: either, onTrouble })) ring()
  })().catch(onTrouble)
  return {
    async wait(ms: number): Promise<void> {
      if (!isRung) {
        const rung = new AbortController()
        wake = () => rung.abort()
        await pause(ms, AbortSignal.any([either, rung.signal]))
        wake = () => {}
      }
      isRung = false
    },
    [Symbol.dispose]: () => ended.abort(),
  }
}
