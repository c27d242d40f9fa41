import { isIP } from 'node:net'
import type { Multiaddr } from '@multiformats/multiaddr'
import { multiaddr } from '@multiformats/multiaddr'

/** An `http(s)` address as a multiaddr: `https://example.org` is `/dns/example.org/tcp/443/https`. */
export function httpMultiaddr(url: string): string {
  const { protocol, hostname, port } = new URL(url)
  const scheme = protocol.slice(0, -1)
  const host = hostname.replace(/^\[|\]$/g, '')
  const kind = { 0: 'dns', 4: 'ip4', 6: 'ip6' }[isIP(host)] ?? 'dns'
  return `/${kind}/${host}/tcp/${port || (scheme === 'https' ? 443 : 80)}/${scheme}`
}

/** The URL of a multiaddr that ends in HTTP, as in `/dns4/example.org/tcp/443/https`; undefined for any other. */
export function httpUrlOf(address: string): URL | undefined {
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
