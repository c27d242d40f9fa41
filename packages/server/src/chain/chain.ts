import type { EpochClock } from '@keepsake/filecoin/epoch.ts'
import { epochAt } from '@keepsake/filecoin/epoch.ts'
import type { CallOptions, Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { openRpc } from '@keepsake/filecoin/rpc/client.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { ChainSource } from './source.ts'
import { agreeOnNetwork, findSource, identifyNetwork, writeSource } from './source.ts'

/** The Filecoin network, as every process reaches it. With `FILECOIN_RPC=off` there is none. */
export interface Chain {
  /** @throws KeepsakeError `ERROR_UNAVAILABLE` while there is none yet */
  source(): Promise<ChainSource>
  /** Calls the node, or the next one where that does not answer. @throws as `source` */
  rpc(): Promise<Rpc>
  /** @throws as `source` */
  clock(): Promise<EpochClock>
  /** The epoch it is now, by the clock. @throws as `source` */
  epochNow(): Promise<number>
  /** Epochs behind the head at which the chain is read, so that most reorganisations pass unseen. @throws as `source` */
  lookback(): Promise<number>
  /**
   * Asks the configured nodes which network they are of, and writes that down for everybody. Of the devnet, whoever starts it does.
   *
   * @throws as `source`, also where two nodes are of different networks; RpcError where no node answers
   */
  identify(options: CallOptions): Promise<ChainSource>
}

/** A node that does not answer in this time is passed over. */
const callTimeoutMs = 10_000
/** For so long a row that was read is taken to be as it is. */
const keptMs = 1_000
/** Epochs: on a network where blocks race each other, nearly all reorganisations are shorter than this. */
const usualLookback = 10
const devnetLookback = 1

export interface ChainComponents {
  config: Pick<Config, 'FILECOIN_RPC' | 'FILECOIN_RPC_TOKEN' | 'CHAIN_LOOKBACK'>
  database: Db
}

/** Nobody has said yet which network this server is on; nothing is wrong. */
export class NoChainYetError extends KeepsakeError {
  constructor(message: string) {
    super('ERROR_UNAVAILABLE', message)
  }
}

/** The network in use; undefined while there is none yet. */
export async function findChainSource(chain: Chain): Promise<ChainSource | undefined> {
  try {
    return await chain.source()
  } catch (error) {
    if (error instanceof NoChainYetError) return undefined
    throw error
  }
}

/** Undefined where this server has nothing to do with Filecoin. */
export function openChain({ config, database }: ChainComponents): Chain | undefined {
  const configured = config.FILECOIN_RPC
  if (configured === 'off') return undefined
  const endpointsOf = (rpcUrls: readonly string[]) =>
    rpcUrls.map((url, index) => ({ url, token: config.FILECOIN_RPC_TOKEN[index] }))
  const open = ({ rpcUrls, ...source }: ChainSource) => {
    // One that was away when the others were asked may be of another network.
    const admit = async (node: Rpc, options: CallOptions) =>
      void agreeOnNetwork([source, await identifyNetwork(node, rpcUrls, options)])
    return openRpc({ endpoints: endpointsOf(rpcUrls), timeoutMs: callTimeoutMs, ...(rpcUrls.length > 1 && { admit }) })
  }
  let known: { source: ChainSource; at: number } | undefined
  let opened: { rpc: Rpc; of: string } | undefined

  const source = async (): Promise<ChainSource> => {
    if (known && performance.now() - known.at < keptMs) return known.source
    const found = await findSource(database)
    if (!found || !isOf(configured, found)) throw new NoChainYetError(absence(configured))
    known = { source: found, at: performance.now() }
    return found
  }
  const clock = async (): Promise<EpochClock> => {
    const { genesisAt, epochSeconds } = await source()
    return { genesisSeconds: genesisAt.getTime() / 1000, epochSeconds }
  }
  return {
    source,
    clock,
    async rpc() {
      const found = await source()
      const of = [found.network, ...found.rpcUrls].join()
      if (opened?.of !== of) opened = { rpc: open(found), of }
      return opened.rpc
    },
    epochNow: async () => epochAt(await clock(), new Date()),
    lookback: async () => config.CHAIN_LOOKBACK ?? ((await source()).isDevnet ? devnetLookback : usualLookback),
    async identify(options) {
      if (configured === 'devnet') return await source()
      const asked = endpointsOf(configured).map((endpoint) => {
        const rpc = openRpc({ endpoints: [endpoint], timeoutMs: callTimeoutMs })
        return identifyNetwork(rpc, configured, options)
      })
      const found = agreeOnNetwork(await whatCame(asked))
      await writeSource(database, found)
      known = undefined
      return found
    },
  }
}

/** Of those that came to something. @throws what the first came to, where none did */
async function whatCame<T>(asked: readonly Promise<T>[]): Promise<[T, ...T[]]> {
  const settled = await Promise.allSettled(asked)
  const [first, ...rest] = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (first === undefined) throw (settled[0] as PromiseRejectedResult).reason
  return [first, ...rest]
}

type Configured = Exclude<Config['FILECOIN_RPC'], 'off'>

/** Whether a row is of the nodes this process is configured with, and not of those it was configured with before. */
function isOf(configured: Configured, { rpcUrls, controlUrl }: ChainSource): boolean {
  if (configured === 'devnet') return controlUrl !== null
  return rpcUrls.join() === configured.join()
}

function absence(configured: Configured): string {
  return configured === 'devnet'
    ? 'The Filecoin devnet of this server has not started yet.'
    : 'The Filecoin nodes of this server (FILECOIN_RPC) have not said yet which network they are of.'
}
