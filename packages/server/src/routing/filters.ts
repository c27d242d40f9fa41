import { RoutingError } from './errors.ts'

/** Longest filter, in characters: room for every protocol there is. */
const maxFilterLength = 1024

/** What a client wants to see of the answer (Delegated Routing V1, IPIP-0484). */
export interface Filters {
  /** Whether a transport such as `transport-bitswap` is asked for. */
  wantsProtocol(protocol: string): boolean
  /** The addresses asked for. Undefined where a record has none left and is to be left out. */
  keepAddresses(addresses: readonly string[]): string[] | undefined
}

/** Reads `filter-addrs` and `filter-protocols`. @throws RoutingError */
export function parseFilters(query: URLSearchParams): Filters {
  const addresses = listOf(query, 'filter-addrs')
  const protocols = listOf(query, 'filter-protocols')
  return {
    wantsProtocol: (protocol) => protocols.length === 0 || protocols.includes(protocol),
    keepAddresses: (given) => keep(given, addresses),
  }
}

function listOf(query: URLSearchParams, name: string): string[] {
  const text = query.getAll(name).join(',')
  if (text.length > maxFilterLength)
    throw new RoutingError(422, `${name} may have ${maxFilterLength} characters, this one has ${text.length}.`)
  return text
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .filter((item) => item !== '')
}

/**
 * An address stays when it has one of the wanted protocols and none of the unwanted (`!name`). `unknown` stands for records without any address.
 * Where a filter leaves no address the record goes.
 */
function keep(given: readonly string[], filter: readonly string[]): string[] | undefined {
  if (filter.length === 0) return [...given]
  const unwanted = new Set(filter.filter((item) => item.startsWith('!')).map((item) => item.slice(1)))
  const wanted = new Set(filter.filter((item) => !item.startsWith('!')))
  if (given.length === 0) return wanted.has('unknown') ? [] : undefined
  const kept = given.filter((address) => {
    const protocols = address.split('/').map((part) => part.toLowerCase())
    return !protocols.some((part) => unwanted.has(part)) && (wanted.size === 0 || protocols.some((part) => wanted.has(part)))
  })
  return kept.length > 0 ? kept : undefined
}
