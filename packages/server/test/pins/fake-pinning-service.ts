import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { jsonOf, type Loopback, loopback, sendJson } from './loopback.ts'

type Status = 'queued' | 'pinning' | 'pinned' | 'failed'

interface StoredPin {
  requestid: string
  status: Status
  created: string
  pin: { cid: string; name?: string; origins?: string[]; meta?: Record<string, string> }
  delegates: string[]
  info?: Record<string, string>
}

export interface FakePinningService extends Loopback {
  token: string
  requests: StoredPin[]
  /** What new requests become. */
  statusOfNew: Status
  /** The next calls are answered with it, as often as it says. */
  refuse: { status: number; times: number; headers?: Record<string, string> } | undefined
}

/** A service that keeps the IPFS Pinning Service API 1.0.0, below `prefix`. */
export async function startFakePinningService(prefix = ''): Promise<FakePinningService> {
  const server = await loopback(async (request, response) => await handle(fake, prefix, request, response))
  const fake: FakePinningService = Object.assign(server, {
    token: 'secret',
    requests: [],
    statusOfNew: 'pinned' as const,
    refuse: undefined,
  })
  return fake
}

let lastCreated = 0
/** Unique, in milliseconds: pages are asked for by it. */
function newCreated(): string {
  lastCreated = Math.max(Date.now(), lastCreated + 1)
  return new Date(lastCreated).toISOString()
}

async function handle(
  fake: FakePinningService,
  prefix: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://x')
  if (request.headers.authorization !== `Bearer ${fake.token}`) {
    request.resume()
    return sendJson(response, 401, { error: { reason: 'UNAUTHORIZED', details: 'Access token is missing or invalid' } })
  }
  if (fake.refuse && fake.refuse.times-- > 0) {
    request.resume()
    return sendJson(response, fake.refuse.status, { error: { reason: 'LATER' } }, fake.refuse.headers)
  }
  const path = url.pathname.slice(prefix.length)
  const id = /^\/pins\/([^/]+)$/.exec(path)?.[1]
  const known = fake.requests.find(({ requestid }) => requestid === id)
  if (path !== '/pins' && !known) return sendJson(response, 404, { error: { reason: 'NOT_FOUND', details: 'no such request' } })
  switch (`${request.method} ${known ? '/pins/id' : path}`) {
    case 'GET /pins':
      return sendJson(response, 200, list(fake, url.searchParams))
    case 'POST /pins':
      return sendJson(response, 202, await create(fake, request))
    case 'POST /pins/id':
      fake.requests.splice(fake.requests.indexOf(known as StoredPin), 1)
      return sendJson(response, 202, await create(fake, request))
    case 'DELETE /pins/id':
      fake.requests.splice(fake.requests.indexOf(known as StoredPin), 1)
      response.writeHead(202).end()
      return
    default:
      return sendJson(response, 404, { error: { reason: 'NOT_FOUND' } })
  }
}

async function create(fake: FakePinningService, request: IncomingMessage): Promise<StoredPin> {
  const pin = await jsonOf<StoredPin['pin']>(request)
  const made = { requestid: randomUUID(), status: fake.statusOfNew, created: newCreated(), pin, delegates: [] }
  fake.requests.push(made)
  return made
}

function list(fake: FakePinningService, query: URLSearchParams): { count: number; results: StoredPin[] } {
  const cids = query.get('cid')?.split(',')
  const statuses = (query.get('status') ?? 'pinned').split(',')
  if (cids && cids.length > 10) throw new Error('more than ten CIDs')
  const limit = Number(query.get('limit') ?? 10)
  if (limit > 1000) throw new Error('a limit of more than 1000')
  const matching = fake.requests
    .filter(({ pin, status }) => (!cids || cids.includes(pin.cid)) && statuses.includes(status))
    .filter(({ created }) => !query.has('before') || created < (query.get('before') as string))
    .filter(({ created }) => !query.has('after') || created > (query.get('after') as string))
    .sort((a, b) => (a.created < b.created ? 1 : -1))
  return { count: matching.length, results: matching.slice(0, limit) }
}
