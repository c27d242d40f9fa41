import type { IncomingMessage } from 'node:http'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { AddressRules } from './addresses.ts'

/** Fetches by HTTP what users or strangers named, from addresses the rules allow. */
export interface GuardedHttp {
  /**
   * Gets the body of an answer with status 200, whole; undefined for 404 and 410. Redirects are followed, and each is judged anew, when the
   * connection is made.
   *
   * @throws RefusedAddressError; and Error for any other status, an answer that is too long, and whatever goes wrong on the way
   */
  get(url: URL, options: GuardedGetOptions): Promise<Buffer | undefined>
  /**
   * The answer to a GET, whatever its status, with its body still to be read; redirects are followed as by `get`.
   *
   * @throws RefusedAddressError; and Error for whatever goes wrong on the way
   */
  open(url: URL, options: Omit<GuardedGetOptions, 'maxBytes'>): Promise<IncomingMessage>
  close(): void
}

export interface GuardedGetOptions {
  headers?: Record<string, string>
  maxBytes: number
  signal: AbortSignal
}

const maxRedirects = 3
const maxConnectionsPerHost = 8
const idleMs = 30_000

export function guardedHttp(rules: AddressRules): GuardedHttp {
  const options = { keepAlive: true, maxSockets: maxConnectionsPerHost, timeout: idleMs, lookup: rules.lookup }
  const agents = { 'http:': new HttpAgent(options), 'https:': new HttpsAgent(options) }

  const send = (url: URL, { headers, signal }: Omit<GuardedGetOptions, 'maxBytes'>): Promise<IncomingMessage> => {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error(`${url.protocol} is not HTTP`)
    // The URL's own spelling: numbers of any kind have become a plain address in it.
    const host = url.hostname.replace(/^\[|\]$/g, '')
    // Sockets do not look literal addresses up, so they are judged here.
    if (isIP(host) !== 0) rules.check(host)
    const request = url.protocol === 'http:' ? httpRequest : httpsRequest
    return new Promise((resolve, reject) => {
      const sent = request(url, { agent: agents[url.protocol as 'http:' | 'https:'], headers, signal }, resolve)
      sent.on('error', reject)
      sent.end()
    })
  }

  const open: GuardedHttp['open'] = async (url, getOptions) => {
    let at = url
    for (let redirects = 0; ; redirects++) {
      const response = await send(at, getOptions)
      const { statusCode = 0 } = response
      const { location } = response.headers
      if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined) return response
      response.resume()
      if (redirects === maxRedirects) throw new Error(`${url.host} redirects more than ${maxRedirects} times`)
      at = new URL(location, at)
    }
  }

  return {
    open,
    async get(url, getOptions) {
      const response = await open(url, getOptions)
      const { statusCode = 0 } = response
      if (statusCode === 200) return await readBody(response, getOptions.maxBytes)
      response.destroy()
      if (statusCode === 404 || statusCode === 410) return undefined
      throw new Error(`${url.host} answered ${statusCode}`)
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let total = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    total += chunk.length
    if (total > maxBytes) {
      response.destroy()
      throw new Error(`an answer of more than ${maxBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
