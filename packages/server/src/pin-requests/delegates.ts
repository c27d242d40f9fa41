import { isIP } from 'node:net'
import type { Config } from '../config.ts'

/** Where the node that fetches for this server can be reached. */
export interface Delegates {
  /** Multiaddrs, at least one and at most 20. */
  find(): Promise<string[]>
}

/** An HTTP address as a multiaddr. */
export function httpMultiaddr(address: string): string {
  const { hostname, port, protocol } = new URL(address)
  const host = hostname.replace(/^\[|\]$/g, '')
  const kind = { 0: 'dns', 4: 'ip4', 6: 'ip6' }[isIP(host)] ?? 'dns'
  const isSecure = protocol === 'https:'
  return `/${kind}/${host}/tcp/${port || (isSecure ? 443 : 80)}/${isSecure ? 'https' : 'http'}`
}

/** The specification wants one at least: where there is no IPFS node, that is this server's own address. */
export function openDelegates({ config }: { config: Config }): Delegates {
  return { find: async () => [httpMultiaddr(config.PUBLIC_URL)] }
}
