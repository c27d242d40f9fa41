import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CID } from 'multiformats/cid'
import { toKeepsakeError } from '../errors.ts'
import type { PeerStats } from '../network/peer-instances.ts'
import type { Routing } from './routing.ts'

/** Calls answered at the same time; the others are told to come again. */
const maxCalls = 200

export interface ControlOptions {
  host: string
  /** What the other processes show that they are of this service. */
  token: string
  routing: Routing
  stats(): PeerStats
}

export interface ControlServer extends AsyncDisposable {
  url: string
}

/** Answers the other processes of this service: what they want to know of the network, asked by the one that is in it. */
export async function startControl(options: ControlOptions): Promise<ControlServer> {
  const expected = createHash('sha256').update(`Bearer ${options.token}`).digest()
  let calls = 0
  const server: Server = createServer(async (request, response) => {
    const given = createHash('sha256')
      .update(request.headers.authorization ?? '')
      .digest()
    if (!timingSafeEqual(given, expected)) return end(response, 401, 'not for you')
    if (calls >= maxCalls) return end(response, 503, 'too many calls at once')
    calls++
    // The caller hangs up when it has enough.
    const gone = new AbortController()
    response.on('close', () => gone.abort(new Error('the caller is gone')))
    try {
      await answer(options, request, response, gone.signal)
    } catch (error) {
      // After the first byte only a cut connection tells that this is not all.
      if (response.headersSent) response.destroy()
      else {
        const { status, message } = toKeepsakeError(error)
        end(response, status, message)
      }
    } finally {
      calls--
    }
  })
  server.listen(0, options.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    url: `http://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
}

async function answer(
  { routing, stats }: ControlOptions,
  { method, url }: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const [, call, argument] = /^\/(health|providers|records|ipns|peers)(?:\/([^/?]+))?$/.exec(url ?? '') ?? []
  if (method !== 'GET' || call === undefined || (call !== 'health') !== (argument !== undefined)) {
    return end(response, 404, 'there is no such call')
  }
  const text = decodeURIComponent(argument ?? '')
  if (call === 'health') return sendJson(response, { ok: true, stats: stats() })
  if (call === 'ipns') {
    const record = await routing.resolveRecord(text, { signal })
    if (!record) return end(response, 404, 'nobody has a record of this name')
    response.writeHead(200, { 'content-type': 'application/vnd.ipfs.ipns-record' }).end(record)
    return
  }
  if (call === 'peers') {
    const addrs = await routing.findPeer(text, { signal })
    return addrs ? sendJson(response, { id: text, addrs }) : end(response, 404, 'nobody knows this peer')
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders()
  const find = call === 'records' ? routing.findRecords : routing.findProviders
  for await (const found of find(CID.parse(text), { signal })) {
    if (!response.write(`${JSON.stringify(found)}\n`)) await once(response, 'drain', { signal })
  }
  response.end()
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
