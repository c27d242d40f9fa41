import { isIP } from 'node:net'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { AddressRules } from '../network/addresses.ts'

const nameKinds = ['dns', 'dns4', 'dns6', 'dnsaddr']

/**
 * Whether a multiaddr that a user or a stranger named may be dialled. Names in plain TCP addresses are judged when they are looked up; those of
 * WebSockets are looked up where we cannot see it, so they are refused, also where the name only stands in `/sni/`: it is what is connected to.
 */
export function mayDial(address: Multiaddr, rules: AddressRules, allowPrivate: boolean): boolean {
  const components = address.getComponents()
  const has = (...names: string[]) => components.some(({ name }) => names.includes(name))
  const [first] = components
  // Over a relay, somebody else's address comes first.
  if (!first || has('p2p-circuit')) return false
  const host = first.value ?? ''
  const isName = nameKinds.includes(first.name)
  // A socket does not look up an address, whatever the multiaddr calls it: `/dns4/127.0.0.1`.
  if (isName && isIP(host) === 0) return allowPrivate || !has('ws', 'wss')
  // Nor are files of this machine (`/unix/`) anybody's to name.
  if (!isName && first.name !== 'ip4' && first.name !== 'ip6') return false
  return rules.allows(host) && (allowPrivate || !has('sni'))
}
