import { randomBytes } from 'node:crypto'
import { proposalJson } from '@keepsake/devnet/rpc/lotus-json.ts'
import type { DealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { decodeClientDealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { sql } from 'kysely'
import { startNode } from '../../../filecoin/test/rpc-node.ts'
import { openChain } from '../../src/chain/chain.ts'
import { writeSource } from '../../src/chain/source.ts'
import { parseConfig } from '../../src/config.ts'
import { openDrivers } from '../../src/deals/drivers/open-drivers.ts'
import { dealRules } from '../../src/deals/rules.ts'
import { openWallet } from '../../src/deals/wallet/wallet.ts'
import { facts } from '../../src/jobs/facts.ts'
import { migrateJobs } from '../../src/jobs/worker.ts'
import { pipeline } from '../../src/pipeline.ts'
import { reserve } from '../../src/providers/reserve.ts'
import { retrievalRecords } from '../../src/retrievals/records.ts'
import { insertAggregate, insertProvider, testNetwork } from '../providers/deal-rows.ts'
import { createTestDatabase } from '../setup/database.ts'

/** The number that clients have on the chain of a test. */
const clientId = 'f0777'

/** What the chain of a test has under a number; the client is replaced by its number, as the market does. */
export interface OnChain {
  proposal: DealProposal
  client?: string
  slashEpoch?: number
}

/** Deals without the rest of the product: a database, a wallet, and a Filecoin node on loopback that answers what a test puts there. */
export async function openDesk(env: Record<string, string> = {}) {
  await using opening = new AsyncDisposableStack()
  const test = await createTestDatabase()
  opening.defer(() => test.drop())
  const { database, url: databaseUrl } = test
  await migrateJobs(database)
  const market = new Map<number, OnChain>()
  const node = { minCollateral: 1_000n, dataCap: null as bigint | null, trouble: undefined as string | undefined }
  const answers: Record<string, (params: unknown[]) => unknown> = {
    StateDealProviderCollateralBounds: () => ({ Min: String(node.minCollateral), Max: '2000000000000000000' }),
    StateLookupID: () => clientId,
    StateVerifiedClientStatus: () => node.dataCap && String(node.dataCap),
    StateMarketStorageDeal: ([id]) => {
      const found = market.get(Number(id))
      if (!found) throw new Error(`deal ${id} not found`)
      return storageDealJson(found)
    },
  }
  const server = opening.use(
    await startNode((method, params) => {
      try {
        if (node.trouble) throw new Error(node.trouble)
        return { result: answers[method]?.(params) }
      } catch (error) {
        return { error: { code: 1, message: (error as Error).message } }
      }
    }),
  )
  const config = parseConfig({ FILECOIN_RPC: server.url, ...env })
  const genesisAt = new Date(Math.floor(Date.now() / 1000) * 1000 - 3_000_000)
  const source = { network: testNetwork, isDevnet: true, genesisAt, epochSeconds: 30, controlUrl: null }
  await writeSource(database, { ...source, rpcUrls: [server.url] })
  const walletSecret = randomBytes(32)
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const chain = openChain({ config, database })!
  const wallet = openWallet({ database, walletSecret })
  const components = {
    database,
    facts: facts(pipeline),
    chain,
    wallet,
    log,
    config,
    rules: dealRules(config),
    retrievalRecords: retrievalRecords({ database }),
    drivers: openDrivers(),
    wanted: config.DEAL_REPLICAS,
    pieceLinkSecret: randomBytes(32),
  }
  const opened = opening.move()
  return {
    ...components,
    databaseUrl,
    market,
    node,
    server,
    genesisAt,
    /** A deal that a provider asked for. */
    async reserve(about: { aggregateId?: number; providerId?: number; replacesId?: number } = {}): Promise<number> {
      const aggregateId = about.aggregateId ?? (await insertAggregate(database)).id
      const providerId = about.providerId ?? (await insertProvider(database)).id
      const { replacesId } = about
      return await database.kysely.transaction().execute((kysely) =>
        reserve({ kysely }, components.facts, {
          aggregateId,
          providerId,
          driver: 'self-service',
          replacesId,
          epoch: 1,
          evidence: {},
        }),
      )
    },
    row: async (id: number) =>
      await database.kysely.selectFrom('deal').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
    async eventsOf(id: number): Promise<string[]> {
      const rows = await database.kysely
        .selectFrom('deal_event')
        .select('state')
        .where('deal_id', '=', id)
        .orderBy('id')
        .execute()
      return rows.map(({ state }) => state)
    },
    async signedOf(id: number) {
      const { proposal } = await database.kysely
        .selectFrom('deal')
        .select('proposal')
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return decodeClientDealProposal(new Uint8Array(proposal!))
    },
    /** As the follower of the chain leaves it. */
    async followTo(epoch: number): Promise<void> {
      const head = { network: testNetwork, epoch, tip_set: [randomBytes(38)], parent_state: randomBytes(38) }
      await database.kysely
        .insertInto('chain_head')
        .values(head)
        .onConflict((conflict) => conflict.column('network').doUpdateSet({ epoch }))
        .execute()
    },
    async jobs(): Promise<string[]> {
      const { rows } = await sql<{ key: string }>`select key from graphile_worker._private_jobs order by key`.execute(
        database.kysely,
      )
      return rows.map(({ key }) => key)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

export type Desk = Awaited<ReturnType<typeof openDesk>>

function storageDealJson({ proposal, client = clientId, slashEpoch = -1 }: OnChain): object {
  return {
    Proposal: { ...(proposalJson(proposal) as object), Client: client },
    State: { SectorNumber: 0, SectorStartEpoch: -1, LastUpdatedEpoch: -1, SlashEpoch: slashEpoch },
  }
}
