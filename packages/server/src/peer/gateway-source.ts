import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import { multiaddr } from '@multiformats/multiaddr'
import type { GuardedHttp } from '../network/guarded-get.ts'
import type { Source } from './source.ts'

/** Largest block taken, as by Bitswap. */
const maxBlockBytes = 4 * 1024 * 1024
/** Blocks asked for at a time: each is a request of its own. */
const parallel = 6

/** A trustless HTTP gateway, asked for one raw block at a time. Source: IPFS specifications, "Trustless Gateway". */
export function gatewaySource(url: URL, http: GuardedHttp): Source {
  return {
    name: url.origin,
    parallel,
    async fetch(cid, { signal }) {
      const at = new URL(`ipfs/${cid}?format=raw`, url)
      const bytes = await http.get(at, { headers: { accept: 'application/vnd.ipld.raw' }, maxBytes: maxBlockBytes, signal })
      if (bytes) await verifyBlock(cid, bytes)
      return bytes
    },
  }
}

/** The URL of a multiaddr that ends in HTTP, as in `/dns4/example.org/tcp/443/https`; undefined for any other. */
export function gatewayUrl(address: string): URL | undefined {
  let parts: ReturnType<Multiaddr['getComponents']>
  try {
    parts = multiaddr(address).getComponents()
  } catch {
    return undefined
  }
  const [host, port] = parts
  const names = parts.map(({ name }) => name)
  const isHttp = names.includes('http') || names.includes('https')
  if (!isHttp || !host?.value || !/^(ip4|ip6|dns|dns4|dns6)$/.test(host.name) || port?.name !== 'tcp') return undefined
  const scheme = names.includes('https') || names.includes('tls') ? 'https' : 'http'
  const name = host.name === 'ip6' ? `[${host.value}]` : host.value
  const path = parts.find((part) => part.name === 'http-path')?.value
  try {
    const url = new URL(`${scheme}://${name}:${port.value}/`)
    if (path) url.pathname = `/${decodeURIComponent(path).replace(/^\/+|\/+$/g, '')}/`
    return url
  } catch {
    return undefined
  }
}
