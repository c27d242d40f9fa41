import { isDevnetName } from '@keepsake/filecoin/devnet-name.ts'
import { sameNetworkGenesis } from '@keepsake/filecoin/networks.ts'
import { chainGenesis, chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import type { CallOptions, Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { networkName } from '@keepsake/filecoin/rpc/state.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'

/** What stands wherever something of a devnet is shown. */
export const devnetLabel = 'devnet: simulated storage providers on this machine'

/** The Filecoin node in use, and the network it is of. */
export interface ChainSource {
  /** As `mainnet`, `calibrationnet`, `keepsake-devnet-…`. */
  network: string
  isDevnet: boolean
  /** In order of preference. */
  rpcUrls: readonly string[]
  genesisAt: Date
  epochSeconds: number
  /** Where commands to the devnet go; null for every other network. */
  controlUrl: string | null
}

/** Undefined while nobody has written one. */
export async function findSource({ kysely }: Db): Promise<ChainSource | undefined> {
  const row = await kysely.selectFrom('chain_source').selectAll().executeTakeFirst()
  if (!row) return undefined
  return {
    network: row.network,
    isDevnet: row.is_devnet,
    rpcUrls: row.rpc_urls,
    genesisAt: row.genesis_at,
    epochSeconds: row.epoch_seconds,
    controlUrl: row.control_url,
  }
}

/** Writes which node is in use; of the one before, nothing stays but the rows of its deals, which carry its name. */
export async function writeSource({ kysely }: Db, source: ChainSource): Promise<void> {
  const row = {
    network: source.network,
    is_devnet: source.isDevnet,
    rpc_urls: [...source.rpcUrls],
    genesis_at: source.genesisAt,
    epoch_seconds: source.epochSeconds,
    control_url: source.controlUrl,
    changed_at: new Date(),
  }
  await kysely
    .insertInto('chain_source')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

/** Of mainnet and its test networks. */
const usualEpochSeconds = 30

/**
 * Asks a node which network it is of.
 *
 * @throws KeepsakeError `ERROR_UNAVAILABLE` where it says a name whose chain begins with another block; RpcError
 */
export async function identifyNetwork(rpc: Rpc, rpcUrls: readonly string[], options: CallOptions): Promise<ChainSource> {
  const network = await networkName(rpc, options)
  const genesis = await chainGenesis(rpc, options)
  const [block] = genesis.blocks
  const [cid] = genesis.cids
  if (!block || !cid || !sameNetworkGenesis(network, cid)) {
    throw new KeepsakeError('ERROR_UNAVAILABLE', `The Filecoin node says it is of ${network}, but its chain begins with ${cid}.`)
  }
  const head = await chainHead(rpc, options)
  const now = head.blocks[0]?.timestamp ?? block.timestamp
  return {
    network,
    isDevnet: isDevnetName(network),
    rpcUrls,
    genesisAt: new Date(block.timestamp * 1000),
    // A block of epoch n is made n epochs after genesis, exactly.
    epochSeconds: head.height > 0 ? (now - block.timestamp) / head.height : usualEpochSeconds,
    controlUrl: null,
  }
}

/**
 * What several nodes say of themselves, where they are of one network; the first of them.
 *
 * @throws KeepsakeError `ERROR_UNAVAILABLE` where they are not: deals of one would be looked for on the other
 */
export function agreeOnNetwork<T extends Pick<ChainSource, 'network' | 'genesisAt'>>(said: readonly [T, ...T[]]): T {
  const [first, ...rest] = said
  const other = rest.find(
    ({ network, genesisAt }) => network !== first.network || genesisAt.getTime() !== first.genesisAt.getTime(),
  )
  if (!other) return first
  const name = ({ network, genesisAt }: typeof first) => `${network} (since ${genesisAt.toISOString()})`
  throw new KeepsakeError(
    'ERROR_UNAVAILABLE',
    `The nodes of FILECOIN_RPC are of different networks: ${name(first)} and ${name(other)}.`,
  )
}
