import { isIP } from 'node:net'

/** An `http(s)` address as a multiaddr: `https://example.org` is `/dns/example.org/tcp/443/https`. */
export function httpMultiaddr(url: string): string {
  const { protocol, hostname, port } = new URL(url)
  const scheme = protocol.slice(0, -1)
  const host = hostname.replace(/^\[|\]$/g, '')
  const kind = { 0: 'dns', 4: 'ip4', 6: 'ip6' }[isIP(host)] ?? 'dns'
  return `/${kind}/${host}/tcp/${port || (scheme === 'https' ? 443 : 80)}/${scheme}`
}
