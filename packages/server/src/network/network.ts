import type { AbortOptions } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'

/** Somebody who says that they have a block. All in the forms that people read: nothing here has been dialled or checked. */
export interface Provider {
  /** Peer id of an IPFS node; empty for a gateway that has none. */
  id: string
  /** Multiaddrs. */
  addrs: string[]
  /** How it can be asked, such as `transport-bitswap` or `transport-ipfs-gateway-http`; absent where that is not known. */
  protocols?: string[]
}

/** What one peer of the DHT said of one provider. */
export interface ProviderRecord extends Provider {
  /** Peer id of who said so. */
  namedBy: string
}

/** Finds who has a block. */
export interface ContentRouting {
  /** Yields providers as they are found, each once, until there are no more, `signal` aborts, or the caller has enough. */
  findProviders(cid: CID, options?: AbortOptions): AsyncIterable<Provider>
}

/** Blocks of one DAG out of the network: whoever had one block is asked first for the next. */
export interface BlockSession extends AsyncDisposable {
  /**
   * Gives the bytes of a block, checked against the CID. Ask for several at a time: the session keeps its peers busy.
   *
   * @throws KeepsakeError `ERROR_NOT_FETCHED` when nobody gave it in time
   */
  get(cid: CID, options?: AbortOptions): Promise<Uint8Array>
}

export interface SessionOptions {
  /** Multiaddrs of peers that are said to have the DAG. They are asked before anybody is looked for. */
  origins?: readonly string[] | undefined
  /** Ends the session. */
  signal?: AbortSignal | undefined
}

/** Reads blocks from other nodes. */
export interface BlockNetwork {
  session(root: CID, options: SessionOptions): Promise<BlockSession>
}

/** Tells the network what is here. */
export interface Announcer {
  /**
   * Gives how many peers took the record of it.
   *
   * @throws KeepsakeError `ERROR_UNAVAILABLE` while there is nobody to tell
   */
  provide(cid: CID, options?: AbortOptions): Promise<{ peers: number }>
  /** Stops telling; what peers know already expires by itself. */
  unprovide?(cid: CID): Promise<void>
}

/** Reads names that change: IPNS. */
export interface NameResolver {
  /** Gives the newest valid record of `name` (a peer id or a libp2p-key CID), as signed; undefined where nobody has one. */
  resolveRecord(name: string, options?: AbortOptions): Promise<Uint8Array | undefined>
}

/** Everything that needs the network, in one: what the peer's process is composed of, and what its control channel gives to others. */
export interface Network extends ContentRouting, BlockNetwork, Announcer, NameResolver {}
