import type { AbortOptions } from '@keepsake/content/block.ts'
import type { CID } from 'multiformats/cid'
import type { Provider } from '../network/network.ts'

// Delegated Routing V1, as a client. Source: IPFS specifications, "Delegated Routing V1 HTTP API".

/** Bytes read of one answer. */
const maxAnswerBytes = 1024 * 1024
const maxProviders = 100
const maxRecordBytes = 10 * 1024
const timeoutMs = 20_000

/** One router. Its address is the operator's choice, so it may be anywhere. */
export interface DelegatedRouter {
  url: string
  /** Yields providers as they come. @throws Error where it cannot be asked */
  findProviders(cid: CID, options?: AbortOptions): AsyncIterable<Provider>
  /** The record of a name (a key's CID in base36), as it came; undefined where there is none. @throws Error where it cannot be asked */
  findRecord(name: string, options?: AbortOptions): Promise<Uint8Array | undefined>
}

export function delegatedRouters(configured: readonly string[]): DelegatedRouter[] {
  return configured.filter((url) => url !== 'none').map((url) => delegatedRouter(url.replace(/\/+$/, '')))
}

function delegatedRouter(url: string): DelegatedRouter {
  const ask = async (path: string, accept: string, { signal }: AbortOptions = {}): Promise<Response | undefined> => {
    const timeout = AbortSignal.timeout(timeoutMs)
    const response = await fetch(`${url}/routing/v1/${path}`, {
      headers: { accept },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    if (response.ok) return response
    await response.body?.cancel()
    if (response.status === 404) return undefined
    throw new Error(`${url} answered ${response.status}`)
  }
  return {
    url,
    async *findProviders(cid, options) {
      const response = await ask(`providers/${cid.toV1()}`, 'application/x-ndjson, application/json;q=0.8', options)
      if (!response) return
      const isJson = response.headers.get('content-type')?.startsWith('application/json')
      let count = 0
      for await (const value of isJson ? providersOfJson(response) : linesOf(response)) {
        const provider = toProvider(value)
        if (provider) yield provider
        if (++count === maxProviders) return
      }
    },
    async findRecord(name, options) {
      const response = await ask(`ipns/${name}`, 'application/vnd.ipfs.ipns-record', options)
      // A router without a record may answer 200 with another type.
      if (!response?.headers.get('content-type')?.startsWith('application/vnd.ipfs.ipns-record')) {
        await response?.body?.cancel()
        return undefined
      }
      return await readAll(response, maxRecordBytes)
    },
  }
}

async function* atMost(response: Response, maxBytes: number): AsyncGenerator<Uint8Array> {
  let total = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    total += chunk.length
    if (total > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`)
    yield chunk
  }
}

async function readAll(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of atMost(response, maxBytes)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* providersOfJson(response: Response): AsyncGenerator<unknown> {
  const text = await readAll(response, maxAnswerBytes)
  const { Providers } = JSON.parse(text.toString()) as { Providers?: unknown[] | null }
  yield* Providers ?? []
}

async function* linesOf(response: Response): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of atMost(response, maxAnswerBytes)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim()) yield JSON.parse(line)
  }
  if (rest.trim()) yield JSON.parse(rest)
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string').slice(0, 50) : []

/** What is there of a peer, whatever schema it is said to have; undefined for what names nobody. */
function toProvider(value: unknown): Provider | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { ID, Addrs, Protocols } = value as { ID?: unknown; Addrs?: unknown; Protocols?: unknown }
  const addrs = texts(Addrs)
  if (typeof ID !== 'string' && addrs.length === 0) return undefined
  const protocols = texts(Protocols)
  return { id: typeof ID === 'string' ? ID : '', addrs, ...(protocols.length > 0 && { protocols }) }
}
