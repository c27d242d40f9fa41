import type { Multiaddr } from '@multiformats/multiaddr'
import type { AddressRules } from '../network/addresses.ts'

/**
 * Whether a multiaddr that a user or a stranger named may be dialled. Names in plain TCP addresses are judged when they are looked up; those of
 * WebSockets are looked up where we cannot see it, so they are refused.
 */
export function mayDial(address: Multiaddr, rules: AddressRules, allowPrivate: boolean): boolean {
  const components = address.getComponents()
  const first = components[0]
  // Over a relay, somebody else's address comes first.
  if (!first || components.some(({ name }) => name === 'p2p-circuit')) return false
  if (first.name === 'ip4' || first.name === 'ip6') return rules.allows(first.value ?? '')
  if (allowPrivate) return true
  return /^dns/.test(first.name) && !components.some(({ name }) => name === 'ws' || name === 'wss')
}
