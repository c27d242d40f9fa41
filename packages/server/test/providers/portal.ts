import { createHash } from 'node:crypto'
import type { PortalAnswer } from '@keepsake/api/portal.ts'
import { pieceCidV1, pieceCidV2 } from '@keepsake/content/piece/piece-cid.ts'
import { signSpid } from '@keepsake/filecoin/spid.ts'
import { sql } from 'kysely'
import { writeSource } from '../../src/chain/source.ts'
import type { Continent, ProviderDetails } from '../../src/providers/providers.ts'
import { registerProvider } from '../../src/providers/registered.ts'
import { startServer } from '../accounts/server.ts'
import { startNode, type TestProvider, testProvider, workerKey } from './node.ts'

export const network = 'test-network'

export interface Told extends PortalAnswer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says is what is under test
  response: any
}

/** A server with a portal, and a node that knows the providers of a test. */
export async function startPortal(env: Record<string, string> = {}, nodeOptions: Parameters<typeof startNode>[0] = {}) {
  await using starting = new AsyncDisposableStack()
  const node = starting.use(await startNode(nodeOptions))
  const server = starting.use(await startServer({ FILECOIN_RPC: node.url, ...env }))
  const { database } = server.service
  const { genesisAt, epochMs } = node
  await writeSource(database, {
    network,
    isDevnet: false,
    rpcUrls: [node.url],
    genesisAt,
    epochSeconds: epochMs / 1000,
    controlUrl: null,
  })
  const started = starting.move()

  /** A provider on the chain, registered unless said otherwise. */
  async function addProvider(
    actorId: number,
    { details = {}, chain = {}, isRegistered = true }: ProviderWish = {},
  ): Promise<TestProvider> {
    const provider = testProvider(actorId, chain)
    node.providers.set(actorId, provider)
    if (isRegistered) await registerProvider(database, network, actorId, { ...placeOf(actorId), ...details })
    return provider
  }

  /** The header of a provider, for the epoch it is now unless said otherwise. */
  function headerOf(actorId: number, { epoch = node.epochNow(), argument, key = actorId }: HeaderWish = {}): string {
    const bytes = argument === undefined ? undefined : new TextEncoder().encode(argument)
    return signSpid({ epoch, actorId, beacon: node.beaconOf(epoch), worker: workerKey(key), argument: bytes })
  }

  async function ask(path: string, authorization?: string): Promise<Told> {
    const response = await fetch(`http://localhost:${server.port}/sp/${path}`, {
      headers: authorization ? { authorization } : {},
    })
    return { ...((await response.json()) as PortalAnswer), status: response.status, headers: response.headers }
  }

  /** Built aggregates without bytes behind them, for what only looks at rows. */
  async function addPieces(count: number, { height = 15 } = {}): Promise<{ id: number; cid: string; cidV2: string }[]> {
    const pieces: { id: number; cid: string; cidV2: string }[] = []
    for (let at = 0; at < count; at++) {
      const root = createHash('sha256').update(`piece ${performance.now()} ${at}`).digest()
      root[31] = (root[31] as number) & 0x3f
      const { rows } = await sql<{ id: number }>`
        insert into aggregate (layout, state, items, size_bytes, piece_root, piece_height, built_at)
        values ('unixfs-2021', 'built', 1, 900000, ${root}, ${height}, clock_timestamp()) returning id`.execute(database.kysely)
      const piece = { root, height, payloadBytes: 900_000 }
      pieces.push({ id: rows[0]!.id, cid: pieceCidV1(piece).toString(), cidV2: pieceCidV2(piece).toString() })
    }
    return pieces
  }

  return {
    server,
    node,
    database,
    addProvider,
    headerOf,
    ask,
    /** Asks as a provider. */
    askAs: async (actorId: number, path: string, wish: HeaderWish = {}) => await ask(path, headerOf(actorId, wish)),
    addPieces,
    requests: async () =>
      (await sql<Record<string, unknown>>`select * from portal_request order by at`.execute(database.kysely)).rows,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}

export type Portal = Awaited<ReturnType<typeof startPortal>>

interface ProviderWish {
  details?: Partial<ProviderDetails>
  chain?: Partial<TestProvider>
  isRegistered?: boolean
}

interface HeaderWish {
  epoch?: number
  argument?: string
  /** Whose key signs; the provider's own where left out. */
  key?: number
}

/** Far from every other one. */
function placeOf(actorId: number): ProviderDetails {
  const places: [string, string, Continent][] = [
    ['Leipzig', 'DE', 'EU'],
    ['Osaka', 'JP', 'AS'],
    ['Denver', 'US', 'NA'],
    ['Perth', 'AU', 'OC'],
    ['Quito', 'EC', 'SA'],
  ]
  const [city, country, continent] = places[actorId % places.length]!
  return { name: '', organisation: `Organisation ${actorId}`, city, country, continent, retrievalUrl: null }
}
