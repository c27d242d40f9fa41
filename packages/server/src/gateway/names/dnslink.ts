import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { decode, encode, type Packet } from 'dns-packet'
import { GatewayError } from '../errors.ts'
import { isDomain } from './name.ts'

/** Where a domain leads. */
export interface Link {
  /** `/ipfs/…` or `/ipns/…` */
  path: string
  ttlSeconds: number
}

/** Looks up where domains lead; undefined where one has no DNSLink. */
export type DnsLinks = (domain: string, signal?: AbortSignal) => Promise<Link | undefined>

export interface DnsLinkSettings {
  /** `domain=/ipfs/…`: known here, and not looked up. */
  known: readonly string[]
  /**
   * Whom to ask: `system`, IP addresses of DNS servers with or without a port, or the address of a DNS over HTTPS service. One may be for a
   * domain and those below it: `eth=https://dns.example/dns-query`.
   */
  resolvers: readonly string[]
}

const timeoutMs = 5_000
/** Where the DNS server does not say how long an answer counts. */
const defaultTtlSeconds = 60
const maxTtlSeconds = 24 * 3600
/** Texts of one name that are looked at, and the longest of them. */
const maxTexts = 64
const maxTextLength = 1024

interface TextAnswer {
  texts: string[]
  ttlSeconds: number
}

type AskTexts = (name: string, signal?: AbortSignal) => Promise<TextAnswer>

/** Reads the settings. @throws Error where one cannot be understood */
export function dnsLinks({ known, resolvers }: DnsLinkSettings): DnsLinks {
  const links = new Map(known.map(parseKnown))
  const askers = resolversOf(resolvers)
  return async (domain, signal) => {
    const link = links.get(domain)
    if (link !== undefined) return { path: link, ttlSeconds: defaultTtlSeconds }
    const ask = askers(domain)
    // The name with the underscore is the rule, the domain itself is what was done before there was one.
    for (const name of [`_dnslink.${domain}`, domain]) {
      const { texts, ttlSeconds } = await ask(name, signal)
      const path = linkIn(texts)
      if (path !== undefined) return { path, ttlSeconds: Math.min(ttlSeconds, maxTtlSeconds) }
    }
    return undefined
  }
}

function parseKnown(text: string): [domain: string, path: string] {
  const [, domain = '', path] = /^([^=]+)=(\/ip[fn]s\/.+)$/.exec(text) ?? []
  if (path === undefined || !isDomain(domain.toLowerCase())) throw new Error(`"${text}" is not like example.org=/ipfs/bafy…`)
  return [domain.toLowerCase(), path]
}

/** Of several the first by the alphabet, so that it does not depend on the order of an answer. (DNSLink specification.) */
function linkIn(texts: readonly string[]): string | undefined {
  return texts
    .slice(0, maxTexts)
    .flatMap((text) => /^dnslink=(\/ip[fn]s\/[^/\s][^\s]*)$/.exec(text.slice(0, maxTextLength).trim())?.[1] ?? [])
    .sort()[0]
}

function resolversOf(settings: readonly string[]): (domain: string) => AskTexts {
  const rules = settings.map((text) => {
    const [, suffix = '', target = text] = /^([a-z0-9.-]+)=(.+)$/i.exec(text) ?? []
    return { suffix: suffix.toLowerCase().replace(/^\.|\.$/g, ''), target }
  })
  const general = rules.filter(({ suffix }) => suffix === '').map(({ target }) => target)
  const special = rules.filter(({ suffix }) => suffix !== '').sort((a, b) => b.suffix.length - a.suffix.length)
  const asker = askerOf(general.length > 0 ? general : ['system'])
  const specials = special.map(({ suffix, target }) => ({ suffix, ask: askerOf([target]) }))
  return (domain) => specials.find(({ suffix }) => domain === suffix || domain.endsWith(`.${suffix}`))?.ask ?? asker
}

function askerOf(targets: readonly string[]): AskTexts {
  const [first] = targets
  if (targets.length === 1 && /^https?:\/\//.test(first as string)) return askOverHttps(first as string)
  const servers = targets.filter((target) => target !== 'system')
  for (const server of servers) {
    const host = server.replace(/^\[(.*)\](?::\d+)?$/, '$1')
    if (!isIP(host) && !isIP(host.replace(/:\d+$/, '')))
      throw new Error(`"${server}" is neither system, nor an IP address, nor begins with https://`)
  }
  return askServers(servers)
}

function askServers(servers: readonly string[]): AskTexts {
  return async (name, signal) => {
    const resolver = new Resolver({ timeout: timeoutMs / 2, tries: 2 })
    if (servers.length > 0) resolver.setServers(servers)
    const stop = () => resolver.cancel()
    signal?.addEventListener('abort', stop)
    try {
      const records = await resolver.resolveTxt(name)
      return { texts: records.map((parts) => parts.join('')), ttlSeconds: defaultTtlSeconds }
    } catch (error) {
      signal?.throwIfAborted()
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOTFOUND' || code === 'ENODATA') return { texts: [], ttlSeconds: defaultTtlSeconds }
      throw new GatewayError(
        502,
        `The DNS could not be asked for ${name} (${code ?? 'no reason is known'}).`,
        {},
        { cause: error },
      )
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }
}

/** DNS over HTTPS (RFC 8484). */
function askOverHttps(url: string): AskTexts {
  return async (name, signal) => {
    const query: Packet = { type: 'query', id: 0, flags: 0x0100, questions: [{ type: 'TXT', name }] }
    try {
      const timeout = AbortSignal.timeout(timeoutMs)
      const response = await fetch(url, {
        method: 'POST',
        headers: { accept: 'application/dns-message', 'content-type': 'application/dns-message' },
        body: new Uint8Array(encode(query)),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      })
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      const answers = decode(Buffer.from(await response.arrayBuffer())).answers ?? []
      const found = answers.flatMap((answer) => (answer.type === 'TXT' ? [answer] : []))
      const texts = found.map(({ data }) => [data].flat().map(String).join(''))
      return { texts, ttlSeconds: Math.min(...found.map(({ ttl }) => ttl ?? defaultTtlSeconds), maxTtlSeconds) }
    } catch (error) {
      signal?.throwIfAborted()
      throw new GatewayError(502, `The DNS could not be asked for ${name}: ${(error as Error).message}`, {}, { cause: error })
    }
  }
}
