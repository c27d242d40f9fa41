import type { FoundProviders, NamedProvider, ProviderReport } from '@keepsake/api/providers.ts'
import type { CID } from 'multiformats/cid'
import { announcementOf } from '../announcements/announcements.ts'
import type { Blocks } from '../blocks/blocks.ts'
import { isContentComplete } from '../blocks/content.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Provider } from '../network/network.ts'
import { listPeers } from '../network/peer-instances.ts'
import type { PeerControl } from '../peer/control-client.ts'
import { delegatedRouters } from '../peer/delegated-routers.ts'

export interface ReportComponents {
  config: Config
  database: Db
  blocks: Pick<Blocks, 'has'>
  peerControl: PeerControl
  gatewayUrl(): string
}

export interface ReportOptions {
  /** How long the network is asked at most. */
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/** Providers listed of one source; a popular CID has hundreds. */
const maxProviders = 100
/** Peers of the DHT that name providers, looked at. */
const maxRecords = 2_000

/** Says who provides a CID: what is here, what was announced, and what the network answers at this moment. */
export async function reportProviders(
  components: ReportComponents,
  cid: CID,
  { timeoutMs, signal }: ReportOptions,
): Promise<ProviderReport> {
  const { config, database, blocks, peerControl, gatewayUrl } = components
  const timeout = AbortSignal.timeout(timeoutMs)
  const bound = { signal: signal ? AbortSignal.any([signal, timeout]) : timeout }
  const peers = await listPeers(database)
  const own = new Set(peers.map(({ peerId }) => peerId))
  const [[isHere = false], isComplete, announcement, stats, dht, ...routers] = await Promise.all([
    blocks.has([cid]),
    isContentComplete(database, cid),
    announcementOf({ database }, cid),
    // At this moment: the last heartbeat may be from before the peer knew anybody. That one has to do where the peer hangs.
    peerControl.health(bound).catch(() => peers[0]?.stats),
    collect(recordsOfOthers(peerControl, cid, own, bound), own, bound.signal),
    ...delegatedRouters(config.DELEGATED_ROUTERS).map(async (router) => ({
      url: router.url,
      ...(await collect(router.findProviders(cid, bound), own, bound.signal)),
    })),
  ])
  signal?.throwIfAborted()
  const [peer] = peers
  const { state, announcedAt, peers: told, dueAt, failures, reason } = announcement ?? {}
  return {
    cid: String(cid),
    isHere,
    content: isComplete === undefined ? 'none' : isComplete ? 'complete' : 'incomplete',
    announcing: config.ANNOUNCE,
    ...(state && {
      announcement: {
        state,
        ...(announcedAt && { announcedAt: announcedAt.toISOString() }),
        peers: told ?? 0,
        ...(dueAt && { dueAt: dueAt.toISOString() }),
        failures: failures ?? 0,
        ...(reason !== undefined && { reason }),
      },
    }),
    ...(peer && {
      peer: {
        id: peer.peerId,
        addresses: peer.addresses,
        dhtPeers: stats?.dhtPeers ?? 0,
        connections: stats?.connections ?? 0,
      },
    }),
    gatewayUrl: gatewayUrl(),
    dht,
    routers,
  }
}

/** What our own nodes know of what they said themselves is no proof that anybody else knows it. */
async function* recordsOfOthers(
  control: PeerControl,
  cid: CID,
  own: ReadonlySet<string>,
  bound: { signal: AbortSignal },
): AsyncGenerator<Provider> {
  let count = 0
  for await (const { namedBy, ...provider } of control.findRecords(cid, bound)) {
    if (++count > maxRecords) return
    if (!own.has(namedBy)) yield provider
  }
}

/** Counts how often each provider is named, until there are no more or time is up. */
async function collect(found: AsyncIterable<Provider>, own: ReadonlySet<string>, signal: AbortSignal): Promise<FoundProviders> {
  const startedAt = performance.now()
  const known = new Map<string, NamedProvider>()
  let error: string | undefined
  try {
    for await (const { id, addrs, protocols } of found) {
      const key = id || addrs.join()
      const provider = known.get(key)
      if (provider) {
        provider.namedBy++
        provider.addrs = [...new Set([...provider.addrs, ...addrs])].slice(0, 50)
      } else if (known.size < maxProviders) {
        known.set(key, { id, addrs, ...(protocols && { protocols }), isOurs: own.has(id), namedBy: 1 })
      }
    }
  } catch (thrown) {
    // Time being up is the usual end of a search in the DHT.
    if (!signal.aborted) error = messageOf(thrown)
  }
  return {
    providers: [...known.values()],
    durationMs: Math.round(performance.now() - startedAt),
    ...(error !== undefined && { error }),
  }
}

function messageOf(error: unknown): string {
  if (error instanceof KeepsakeError) return error.message
  const { cause, message } = error as Error
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}
