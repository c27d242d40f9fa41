import type { AbortOptions } from '@keepsake/content/block.ts'
import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { peerIdFromCID, peerIdFromString } from '@libp2p/peer-id'
import { multihashToIPNSRoutingKey } from 'ipns'
import { ipnsSelector } from 'ipns/selector'
import { ipnsValidator } from 'ipns/validator'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { KeepsakeError } from '../errors.ts'
import type { Announcer, ContentRouting, NameResolver, Provider, ProviderRecord } from '../network/network.ts'
import type { DelegatedRouter } from './delegated-routers.ts'
import { merge } from './merge.ts'
import type { Node } from './node.ts'

/** Where a peer can be reached. */
export interface PeerFinder {
  /** Multiaddrs; undefined where nobody knows. */
  findPeer(id: string, options?: AbortOptions): Promise<string[] | undefined>
}

/** Looks at what the DHT knows, record by record: also of this peer, and who said it. */
export interface RecordFinder {
  findRecords(cid: CID, options?: AbortOptions): AsyncIterable<ProviderRecord>
}

export interface Routing extends ContentRouting, Announcer, NameResolver, PeerFinder, RecordFinder {}

interface Components {
  node: Node
  routers: readonly DelegatedRouter[]
  log: { debug(object: object, message: string): void }
}

const codeOfPeerId = 0x72
/** How long anybody is asked at most, whatever the caller's patience. */
const findTimeoutMs = 60_000
const resolveTimeoutMs = 20_000
const provideTimeoutMs = 120_000

interface Bound {
  signal: AbortSignal
}

/** The caller's signal, and a bound of ours. */
function within(timeoutMs: number, options?: AbortOptions): Bound {
  const timeout = AbortSignal.timeout(timeoutMs)
  return { signal: options?.signal ? AbortSignal.any([options.signal, timeout]) : timeout }
}

/** Asks and tells the DHTs and the delegated routers. */
export function openRouting({ node, routers, log }: Components): Routing {
  const { libp2p } = node
  const dhts = Object.values(node.dhts) as KadDHT[]
  const self = String(libp2p.peerId)
  const onError = (error: unknown) => log.debug({ err: error }, 'somebody could not be asked')

  return {
    async *findProviders(cid, options) {
      const known = new Set([self])
      const bound = within(findTimeoutMs, options)
      const sources = [...dhts.map((dht) => dhtProviders(dht, cid, bound)), ...routers.map((r) => r.findProviders(cid, bound))]
      for await (const provider of merge(sources, onError)) {
        const key = provider.id || provider.addrs.join()
        if (known.has(key)) continue
        known.add(key)
        yield provider
      }
      options?.signal?.throwIfAborted()
    },

    async *findRecords(cid, options) {
      const bound = within(findTimeoutMs, options)
      if (dhts.length === 0) throw new KeepsakeError('ERROR_UNAVAILABLE', 'The peer takes no part in a DHT: PEER_DHT=off.')
      yield* merge(
        dhts.map((dht) => dhtRecordsOf(dht, cid, bound)),
        onError,
      )
      options?.signal?.throwIfAborted()
    },

    async provide(cid, options) {
      const bound = within(provideTimeoutMs, options)
      let peers = 0
      for (const dht of dhts) {
        for await (const event of dht.provide(cid, bound)) {
          if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') peers++
        }
      }
      options?.signal?.throwIfAborted()
      if (peers === 0)
        throw new KeepsakeError('ERROR_UNAVAILABLE', 'Nobody in the DHT could be told: the peer knows nobody there yet.')
      return { peers }
    },

    async unprovide(cid) {
      for (const dht of dhts) await dht.cancelReprovide(cid)
    },

    async resolveRecord(name, options) {
      const id = parseName(name)
      const key = multihashToIPNSRoutingKey(id.multihash as Parameters<typeof multihashToIPNSRoutingKey>[0])
      const bound = within(resolveTimeoutMs, options)
      const records: Uint8Array[] = []
      const sources = [...dhts.map((dht) => dhtRecords(dht, key, bound)), ...routers.map((r) => routerRecord(r, id, bound))]
      for await (const record of merge(sources, onError)) {
        const isValid = await Promise.resolve(ipnsValidator(key, record)).then(
          () => true,
          () => false,
        )
        if (isValid) records.push(record)
      }
      options?.signal?.throwIfAborted()
      return records.length === 0 ? undefined : records[await ipnsSelector(key, records)]
    },

    async findPeer(id, options) {
      const peer = parsePeerId(id)
      const found = await libp2p.peerRouting.findPeer(peer, within(findTimeoutMs, options)).catch((error: unknown) => {
        options?.signal?.throwIfAborted()
        onError(error)
        return undefined
      })
      return found?.multiaddrs.map(String)
    },
  }
}

async function* dhtProviders(dht: KadDHT, cid: CID, options: Bound): AsyncGenerator<Provider, void> {
  for await (const event of dht.findProviders(cid, options)) {
    if (event.name !== 'PROVIDER') continue
    for (const { id, multiaddrs } of event.providers) {
      yield { id: String(id), addrs: multiaddrs.map(String), protocols: ['transport-bitswap'] }
    }
  }
}

async function* dhtRecordsOf(dht: KadDHT, cid: CID, options: Bound): AsyncGenerator<ProviderRecord, void> {
  for await (const event of dht.findProviders(cid, options)) {
    if (event.name !== 'PEER_RESPONSE') continue
    for (const { id, multiaddrs } of event.providers) {
      yield { namedBy: String(event.from), id: String(id), addrs: multiaddrs.map(String), protocols: ['transport-bitswap'] }
    }
  }
}

async function* dhtRecords(dht: KadDHT, key: Uint8Array, options: Bound): AsyncGenerator<Uint8Array, void> {
  for await (const event of dht.get(key, options)) if (event.name === 'VALUE') yield event.value
}

async function* routerRecord(router: DelegatedRouter, name: CID, options: Bound): AsyncGenerator<Uint8Array, void> {
  const record = await router.findRecord(CID.createV1(codeOfPeerId, name.multihash).toString(base36), options)
  if (record) yield record
}

/**
 * A name in any of its spellings: a peer id in base58, or a CID of a key in any base.
 *
 * @throws KeepsakeError for what is no name
 */
export function parseName(name: string): CID {
  return parsePeerId(name).toCID()
}

/** @throws KeepsakeError for what is no peer id */
export function parsePeerId(text: string): PeerId {
  try {
    if (/^[1Q]/.test(text)) return peerIdFromString(text)
    const cid = CID.parse(text, text.startsWith('k') ? base36 : undefined)
    if (cid.code !== codeOfPeerId) throw new Error(`codec ${cid.code}`)
    return peerIdFromCID(cid)
  } catch (error) {
    throw new KeepsakeError(
      'BAD_REQUEST',
      `${JSON.stringify(text.slice(0, 100))} is not the id of a peer or the name of a key.`,
      {
        cause: error,
      },
    )
  }
}
