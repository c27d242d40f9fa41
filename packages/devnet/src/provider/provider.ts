import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeMinerState, findSectorPlace } from '@keepsake/filecoin/actors/miner.ts'
import { bitfieldOf } from '@keepsake/filecoin/bitfield.ts'
import { requireBlock } from '@keepsake/filecoin/blocks.ts'
import { blocksOf } from '@keepsake/filecoin/rpc/chain.ts'
import { openRpc } from '@keepsake/filecoin/rpc/client.ts'
import { getActor } from '@keepsake/filecoin/rpc/state.ts'
import type { ProviderKeys } from '../chain/keys.ts'
import { miner } from '../messages/methods.ts'
import { encodeSectorSets } from '../messages/sector-sets.ts'
import { authorizer } from './authorize.ts'
import { compareWithChain } from './compare-with-chain.ts'
import { advanceDeal } from './deal-steps.ts'
import { type HeldDeal, openHeldDeals } from './held-deals.ts'
import { holdingsOf } from './holdings.ts'
import { workFinder } from './look-for-work.ts'
import { type Mood, openMood } from './mood.ts'
import { openOutbox } from './outbox.ts'
import { minerOf, type ProviderParts, type Tell } from './parts.ts'
import { openPortal } from './portal.ts'
import { windowProver } from './prove-windows.ts'
import { retrievalServer } from './retrieval.ts'

export interface ProviderOptions {
  actorId: number
  keys: ProviderKeys
  /** The JSON-RPC of a Filecoin node. */
  rpcUrl: string
  /** The server whose portal it serves itself at. */
  keepsakeUrl: string
  /** Where everything it has lies. */
  directory: string
  /** For its retrieval server; 0 takes any. */
  port: number
  epochMs: number
  tell: Tell
}

/** A storage provider that runs. */
export interface RunningProvider extends AsyncDisposable {
  actorId: number
  /** Base of its trustless gateway and of `/piece`. */
  retrievalUrl: string
  port: number
  mood(): Mood
  changeMood(to: Partial<Mood>): Promise<void>
  deals(): HeldDeal[]
  /** Gives up a deal before its time, for good. @throws Error where it has no such deal in a sector */
  terminate(which: { deal?: number | undefined; sector?: number | undefined }): Promise<void>
}

/** How often the portal is asked, at the most. Each time costs a BLS signature, and three providers are to be idle for under a tenth of a core. */
const askEveryMs = 8_000
const firstAskMs = 3_000
/** Deals are compared with the chain every so many epochs. */
const compareEveryEpochs = 5

/**
 * Runs one storage provider: it asks the portal for pieces, takes what is proposed to it, stores it, has the chain know it, proves it, and serves it. Three
 * loops do that beside each other; each goes on after whatever goes wrong in it. Everything it has to remember is on its disk.
 */
export async function startProvider(options: ProviderOptions): Promise<RunningProvider> {
  const { actorId, epochMs } = options
  await using starting = new AsyncDisposableStack()
  const parts = await openParts(options)
  const server = retrievalServer({ ...holdingsOf(parts), mood: parts.mood.now })
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  starting.defer(async () => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as { port: number }
  const stopping = new AbortController()
  const { signal } = stopping
  const loop = (everyMs: number, work: (signal: AbortSignal) => Promise<void>) => repeat(parts, everyMs, work, signal)
  const askingMs = Math.max(askEveryMs, epochMs)
  const loops = [
    // Whoever starts us has to hear that we are there before it lets us in.
    sleep(firstAskMs, undefined, { signal }).then(
      () => loop(askingMs, workFinder(parts)),
      () => {},
    ),
    loop(epochMs, dealKeeper(parts)),
    loop(epochMs, windowProver(parts)),
  ]
  starting.defer(async () => {
    stopping.abort()
    await Promise.all(loops)
  })
  const running = starting.move()
  return {
    actorId,
    port,
    retrievalUrl: `http://127.0.0.1:${port}`,
    mood: parts.mood.now,
    changeMood: parts.mood.change,
    deals: parts.deals.list,
    terminate: (which) => terminate(parts, which, signal),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function openParts({ actorId, keys, rpcUrl, keepsakeUrl, directory, tell }: ProviderOptions): Promise<ProviderParts> {
  const piecesDirectory = join(directory, 'pieces')
  await mkdir(piecesDirectory, { recursive: true })
  const rpc = openRpc({ endpoints: [{ url: rpcUrl }] })
  return {
    actorId,
    rpc,
    portal: openPortal({ url: keepsakeUrl, authorize: authorizer({ rpc, actorId, worker: keys.worker }) }),
    outbox: openOutbox({ rpc, key: keys.control }),
    deals: await openHeldDeals(join(directory, 'deals')),
    mood: await openMood(join(directory, 'mood.json')),
    piecesDirectory,
    tell,
  }
}

/** Does something again and again. What goes wrong is told once, and again when it is something else. */
async function repeat(
  { mood, tell }: ProviderParts,
  everyMs: number,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let told = ''
  while (!signal.aborted) {
    try {
      if (!mood.now().isOffline) await work(signal)
      told = ''
    } catch (error) {
      const { message } = error as Error
      if (!signal.aborted && message !== told) tell(`goes on after: ${message}`)
      told = message
    }
    await sleep(everyMs, undefined, { signal }).catch(() => {})
  }
}

function isUnfinished({ stage }: HeldDeal): boolean {
  return stage === 'agreed' || stage === 'stored' || stage === 'published'
}

function isOnChain({ stage, dealId }: HeldDeal): boolean {
  return (stage === 'published' || stage === 'committed') && dealId !== undefined
}

/** One round over the deals: takes each a step further; every few rounds the chain is asked whether it sees them as we do. */
function dealKeeper(parts: ProviderParts): (signal: AbortSignal) => Promise<void> {
  let round = 0
  return async (signal) => {
    if (round++ % compareEveryEpochs === 0) await forEachDeal(parts, isOnChain, (deal) => compareWithChain(parts, deal, signal))
    await forEachDeal(parts, isUnfinished, (deal) => advanceDeal(parts, deal, signal))
  }
}

async function forEachDeal(
  { deals }: ProviderParts,
  isMeant: (deal: HeldDeal) => boolean,
  work: (deal: HeldDeal) => Promise<void>,
): Promise<void> {
  for (const { proposalCid } of deals.list()) {
    const deal = deals.find(proposalCid)
    if (deal && isMeant(deal)) await work(deal)
  }
}

async function terminate(
  parts: ProviderParts,
  which: { deal?: number | undefined; sector?: number | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { rpc, deals, outbox } = parts
  const deal = deals
    .list()
    .find((held) => held.stage === 'committed' && (held.dealId === which.deal || held.sector === which.sector))
  const sector = deal?.sector ?? which.sector
  if (sector === undefined) throw new Error(`f0${parts.actorId} has no deal ${which.deal} in a sector.`)
  const get = blocksOf(rpc, { signal })
  const { head } = await getActor(rpc, minerOf(parts), { signal })
  const place = await findSectorPlace(get, decodeMinerState(requireBlock(head, await get(head))), sector)
  if (!place || place.isTerminated) throw new Error(`f0${parts.actorId} holds no sector ${sector}.`)
  const params = encodeSectorSets([{ deadline: place.deadline, partition: place.partition, sectors: bitfieldOf([sector]) }])
  await outbox.send({ to: minerOf(parts), method: miner.terminateSectors, params }, async () => {}, signal)
}
