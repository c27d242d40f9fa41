import type { LookupAddress, LookupOptions } from 'node:dns'
import { lookup as systemLookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'

/** An address that must not be reached for somebody else. `code` is what sockets report it with. */
export class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError'
  readonly code = 'EREFUSEDADDRESS'

  constructor(address: string) {
    super(`${address} is not a public address; this server reaches only those on behalf of its users.`)
  }
}

/** What may be dialled or fetched because a user, or a peer nobody knows, named it. */
export interface AddressRules {
  /** Whether connections to this IP address may be made. False also for what is no IP address. */
  allows(ip: string): boolean
  /** @throws RefusedAddressError */
  check(ip: string): void
  /**
   * `dns.lookup` for sockets, which gives only addresses that are allowed. It runs when the connection is made, so a name that
   * changes its address between two look-ups gains nothing. Sockets do not call it for a literal address: `check` that.
   */
  lookup: typeof systemLookup
}

/**
 * Everything that is not plain public unicast. Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries.
 * IPv6 has one public range, 2000::/3; what it embeds of IPv4 (mapped, NAT64, 6to4) is judged by the address inside.
 */
const refusedIpv4: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/** Inside 2000::/3, and all the same not public: protocol assignments with Teredo, documentation, 6to4, segment routing. */
const refusedIpv6: readonly [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
]

export function addressRules({ allowPrivate }: { allowPrivate: boolean }): AddressRules {
  const refused = new BlockList()
  for (const [net, prefix] of refusedIpv4) refused.addSubnet(net, prefix, 'ipv4')
  for (const [net, prefix] of refusedIpv6) refused.addSubnet(net, prefix, 'ipv6')
  const publicIpv6 = new BlockList()
  publicIpv6.addSubnet('2000::', 3, 'ipv6')

  const allows = (ip: string): boolean => {
    const family = isIP(ip)
    if (family === 0) return false
    if (allowPrivate) return true
    if (family === 4) return !refused.check(ip, 'ipv4')
    // A zone names an interface of this machine.
    if (ip.includes('%')) return false
    return publicIpv6.check(ip, 'ipv6') && !refused.check(ip, 'ipv6')
  }
  return rulesOf(allows)
}

/** The rules that follow from which addresses are allowed. `resolve` asks for the addresses of a name. */
export function rulesOf(allows: AddressRules['allows'], resolve: typeof systemLookup = systemLookup): AddressRules {
  const check = (ip: string): void => {
    if (!allows(ip)) throw new RefusedAddressError(ip)
  }
  return { allows, check, lookup: guardedLookup(allows, resolve) }
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/** Asks once, and gives the socket what was judged: nobody is asked again between the two. */
function guardedLookup(allows: AddressRules['allows'], resolve: typeof systemLookup): typeof systemLookup {
  const lookup = (host: string, options: LookupOptions | number | undefined, callback: LookupCallback): void => {
    const wanted = typeof options === 'number' ? { family: options } : (options ?? {})
    resolve(host, { ...wanted, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      const allowed = addresses.filter(({ address }) => allows(address))
      const [first] = allowed
      if (!first) return callback(new RefusedAddressError(`${host} (${addresses.map((a) => a.address).join(', ')})`), [])
      if (wanted.all) return callback(null, allowed)
      callback(null, first.address, first.family)
    })
  }
  return lookup as typeof systemLookup
}
