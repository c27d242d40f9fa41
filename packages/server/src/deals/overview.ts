import type { DealsOverview } from '@keepsake/api/deals.ts'
import { formatAddress } from '@keepsake/filecoin/address.ts'
import { sql } from 'kysely'
import type { Chain } from '../chain/chain.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { liveStates } from '../providers/deal.ts'
import type { Wallet } from './wallet/wallet.ts'

interface Components {
  database: Db
  chain: Chain | undefined
  wallet: Wallet
  /** Live deals wanted of each piece. */
  wanted: number
}

/** How deals stand as a whole, and what stands in their way. */
export async function readOverview(components: Components): Promise<DealsOverview> {
  const { database, chain, wallet, wanted } = components
  const [states, pieces, providers, keys, seen] = await Promise.all([
    countStates(database),
    countPieces(database, wanted),
    countProviders(database),
    wallet.list(),
    chain ? readChain(database, chain) : 'This server has no Filecoin network (FILECOIN_RPC=off).',
  ])
  const client = keys.find(({ isDefault }) => isDefault)
  return {
    states,
    pieces,
    wanted,
    providers,
    chain: typeof seen === 'string' ? null : seen,
    chainTrouble: typeof seen === 'string' ? seen : null,
    client: client ? formatAddress(client.address) : null,
  }
}

async function readChain({ kysely }: Db, chain: Chain): Promise<DealsOverview['chain'] | string> {
  try {
    const { network, isDevnet } = await chain.source()
    const head = await kysely.selectFrom('chain_head').select('epoch').where('network', '=', network).executeTakeFirst()
    return { network, isDevnet, epoch: await chain.epochNow(), followedTo: head?.epoch ?? null }
  } catch (error) {
    if (error instanceof KeepsakeError && error.code === 'ERROR_UNAVAILABLE') return error.message
    throw error
  }
}

async function countStates({ kysely }: Db): Promise<DealsOverview['states']> {
  const { rows } = await sql<DealsOverview['states'][number]>`
    select d.state, count(*)::int as deals, sum(32 * 2 ^ a.piece_height)::bigint as bytes
    from deal d join aggregate a on a.id = d.aggregate_id group by d.state order by d.state`.execute(kysely)
  return rows
}

export interface PieceCounts {
  built: number
  withoutDeal: number
  short: number
}

/** Built aggregates by how many deals of them live. */
export async function countPieces({ kysely }: Db, wanted: number): Promise<PieceCounts> {
  const { rows } = await sql<PieceCounts>`
    select count(*)::int as built, count(*) filter (where live = 0)::int as "withoutDeal", count(*) filter (where live < ${wanted})::int as short
    from (
      select count(d.id) as live from aggregate a left join deal d on d.aggregate_id = a.id and d.state in (${sql.join(liveStates)})
      where a.state = 'built' group by a.id) counted`.execute(kysely)
  return rows[0] as PieceCounts
}

export async function countProviders({ kysely }: Db): Promise<DealsOverview['providers']> {
  const { rows } = await sql<DealsOverview['providers']>`
    select count(*) filter (where state = 'active')::int as active, count(*) filter (where state = 'suspended')::int as suspended
    from provider p where exists (select from chain_source s where s.network = p.network)`.execute(kysely)
  return rows[0] as DealsOverview['providers']
}
