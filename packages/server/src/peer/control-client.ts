import type { AbortOptions } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import type { ErrorCode } from '../errors.ts'
import { KeepsakeError, statusOfCode } from '../errors.ts'
import type { ContentRouting, NameResolver, Provider, ProviderRecord } from '../network/network.ts'
import type { PeerStats } from '../network/peer-instances.ts'
import { listPeers } from '../network/peer-instances.ts'

/** Asks the network through the process that is in it. All calls throw `ERROR_UNAVAILABLE` while there is none. */
export interface PeerControl extends ContentRouting, NameResolver {
  /** What peers of the DHT say, also of the peer that asks them. */
  findRecords(cid: CID, options?: AbortOptions): AsyncIterable<ProviderRecord>
  /** Multiaddrs of a peer; undefined where nobody knows. */
  findPeer(id: string, options?: AbortOptions): Promise<string[] | undefined>
  /** Whether the peer answers, and its numbers at this moment. */
  health(options?: AbortOptions): Promise<PeerStats>
}

/** The peer bounds what it does for a call; this only ends a call to a peer that hangs. */
const callTimeoutMs = 90_000

export function openPeerControl({ database, token }: { database: Db; token: string }): PeerControl {
  const call = async (path: string, { signal }: AbortOptions = {}): Promise<Response> => {
    const [peer] = await listPeers(database)
    if (!peer) throw new KeepsakeError('ERROR_UNAVAILABLE', 'The peer is not running, so the IPFS network cannot be asked.')
    const timeout = AbortSignal.timeout(callTimeoutMs)
    const init = { headers: { authorization: `Bearer ${token}` }, signal: signal ? AbortSignal.any([signal, timeout]) : timeout }
    try {
      return await fetch(`${peer.controlUrl}${path}`, init)
    } catch (error) {
      throw failure(error, signal)
    }
  }

  async function* list<T>(path: string, options?: AbortOptions): AsyncGenerator<T> {
    const response = await expectOk(await call(path, options))
    try {
      for await (const line of linesOf(response)) yield JSON.parse(line) as T
    } catch (error) {
      throw failure(error, options?.signal)
    }
  }

  return {
    findProviders: (cid, options) => list<Provider>(`/providers/${cid}`, options),
    findRecords: (cid, options) => list<ProviderRecord>(`/records/${cid}`, options),
    async resolveRecord(name, options) {
      const response = await call(`/ipns/${encodeURIComponent(name)}`, options)
      if (response.status === 404) return undefined
      return new Uint8Array(await (await expectOk(response)).arrayBuffer())
    },
    async findPeer(id, options) {
      const response = await call(`/peers/${encodeURIComponent(id)}`, options)
      if (response.status === 404) return undefined
      return ((await (await expectOk(response)).json()) as { addrs: string[] }).addrs
    },
    async health(options) {
      const response = await expectOk(await call('/health', options))
      return ((await response.json()) as { stats: PeerStats }).stats
    },
  }
}

function failure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  return new KeepsakeError('ERROR_UNAVAILABLE', 'The peer did not answer, so the IPFS network cannot be asked.', { cause: error })
}

/** The peer's own words for what it refuses; anything else is a peer that cannot do its work. */
async function expectOk(response: Response): Promise<Response> {
  if (response.ok) return response
  const text = await response.text()
  const code: ErrorCode = response.status === statusOfCode.BAD_REQUEST ? 'BAD_REQUEST' : 'ERROR_UNAVAILABLE'
  throw new KeepsakeError(code, text.slice(0, 1000) || `The peer answered ${response.status}.`)
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line) yield line
  }
  if (rest) yield rest
}
