import type { Config } from '../config.ts'
import { httpMultiaddr } from '../network/http-multiaddr.ts'

/** Where the node that fetches for this server can be reached. */
export interface Delegates {
  /** Multiaddrs, at least one and at most 20. */
  find(): Promise<string[]>
}

/** The specification wants one at least: where there is no IPFS node, that is this server's own address. */
export function openDelegates({ config }: { config: Config }): Delegates {
  return { find: async () => [httpMultiaddr(config.PUBLIC_URL)] }
}
