import type { IncomingMessage, ServerResponse } from 'node:http'
import { jsonOf, type Loopback, loopback, sendJson } from './loopback.ts'

interface Job {
  id: number
  cid: string
  status: string
  name: string | undefined
  hostNodes: string[] | undefined
  queued: string
}

interface Pin {
  id: string
  cid: string
  pinned: string
}

export interface FakePinata extends Loopback {
  jwt: string
  jobs: Job[]
  pins: Pin[]
  /** What a job is from its second look on; `done` makes it disappear and be a pin. */
  next: string
  refuse: { status: number; times: number; headers?: Record<string, string> } | undefined
  /** Pins everything that is being fetched: its job disappears. */
  finishAll(): void
}

/** Pinata as it documents its first and third API, with their odd ways: a finished job is gone, `retrieving` is spelled in two ways. */
export async function startFakePinata(): Promise<FakePinata> {
  const server = await loopback(async (request, response) => await handle(fake, request, response))
  const fake: FakePinata = Object.assign(server, {
    jwt: 'jwt',
    jobs: [] as Job[],
    pins: [] as Pin[],
    next: 'retrieving',
    refuse: undefined,
    finishAll() {
      for (const { id, cid } of fake.jobs) fake.pins.push({ id: `file-${id}`, cid, pinned: new Date().toISOString() })
      fake.jobs.length = 0
    },
  })
  return fake
}

let lastId = 0

function addJob(fake: FakePinata, cid: string, name: string | undefined, hostNodes: string[] | undefined): Job {
  const job = { id: ++lastId, cid, status: 'prechecking', name, hostNodes, queued: new Date().toISOString() }
  if (!fake.pins.some((pin) => pin.cid === cid)) fake.jobs.push(job)
  return job
}

/** Jobs move on from one look to the next. */
function look(fake: FakePinata): void {
  for (const job of fake.jobs) job.status = job.status === 'prechecking' && fake.next !== 'prechecking' ? fake.next : job.status
  if (fake.next === 'done') fake.finishAll()
}

async function handle(fake: FakePinata, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://x')
  const query = url.searchParams
  if (request.headers.authorization !== `Bearer ${fake.jwt}`) {
    request.resume()
    return sendJson(response, 401, { error: { reason: 'INVALID_CREDENTIALS', details: 'Invalid/expired credentials' } })
  }
  if (fake.refuse && fake.refuse.times-- > 0) {
    request.resume()
    return sendJson(response, fake.refuse.status, { error: { reason: 'RATE_LIMITED' } }, fake.refuse.headers)
  }
  const unpin = /^\/pinning\/unpin\/(.+)$/.exec(url.pathname)?.[1]
  const file = /^\/v3\/files\/public\/(file-.+)$/.exec(url.pathname)?.[1]
  const route = `${request.method} ${unpin ? '/pinning/unpin/CID' : file ? '/v3/files/public/ID' : url.pathname}`
  switch (route) {
    case 'GET /data/testAuthentication':
      return sendJson(response, 200, { message: 'Congratulations! You are communicating with the Pinata API!' })
    case 'POST /pinning/pinByHash': {
      type Body = { hashToPin: string; pinataMetadata?: { name?: string }; pinataOptions?: { hostNodes?: string[] } }
      const body = await jsonOf<Body>(request)
      const job = addJob(fake, body.hashToPin, body.pinataMetadata?.name, body.pinataOptions?.hostNodes)
      return sendJson(response, 200, { id: String(job.id), ipfsHash: job.cid, status: 'prechecking', name: job.name })
    }
    case 'GET /pinning/pinJobs': {
      const limit = Number(query.get('limit') ?? 5)
      const offset = Number(query.get('offset') ?? 0)
      const rows = [...fake.jobs].reverse().slice(offset, offset + limit)
      const shown = rows.map(({ id, cid, status, name, queued }) => ({
        id: String(id),
        ipfs_pin_hash: cid,
        date_queued: queued,
        name,
        status,
      }))
      sendJson(response, 200, { count: fake.jobs.length, rows: shown })
      return look(fake)
    }
    case 'GET /data/pinList':
      return sendJson(response, 200, listPins(fake, query))
    case 'DELETE /pinning/unpin/CID': {
      const at = fake.pins.findIndex(({ cid }) => cid === unpin)
      if (at < 0) return sendJson(response, 500, { error: 'The current user has not pinned the cid, or: not pinned' })
      fake.pins.splice(at, 1)
      response.writeHead(200, { 'content-type': 'text/plain' }).end('OK')
      return
    }
    case 'POST /v3/files/public/pin_by_cid': {
      const body = await jsonOf<{ cid: string; name?: string; host_nodes?: string[] }>(request)
      const job = addJob(fake, body.cid, body.name, body.host_nodes)
      return sendJson(response, 200, { data: { id: String(job.id), cid: job.cid, status: 'prechecking', name: job.name } })
    }
    case 'GET /v3/files/public/pin_by_cid': {
      const jobs = [...fake.jobs]
        .reverse()
        .map(({ id, cid, status }) => ({ id: String(id), cid, status: status === 'retrieving' ? 'retreiving' : status }))
      sendJson(response, 200, { data: paged(jobs, 'jobs', query) })
      return look(fake)
    }
    case 'GET /v3/files/public': {
      const files = [...fake.pins]
        .reverse()
        .filter(({ cid }) => !query.has('cid') || cid === query.get('cid'))
        .map(({ id, cid, pinned }) => ({ id, cid, created_at: pinned, size: 1 }))
      return sendJson(response, 200, { data: paged(files, 'files', query) })
    }
    case 'DELETE /v3/files/public/ID': {
      const at = fake.pins.findIndex(({ id }) => id === file)
      if (at >= 0) fake.pins.splice(at, 1)
      return sendJson(response, at >= 0 ? 200 : 404, { data: null })
    }
    default:
      return sendJson(response, 404, { error: 'not found' })
  }
}

function paged<T>(rows: readonly T[], field: string, query: URLSearchParams) {
  const limit = Number(query.get('limit') ?? 10)
  const from = Number(query.get('pageToken') ?? 0)
  const more = from + limit < rows.length
  const page = rows.slice(from, from + limit)
  return { [field]: page.length > 0 ? page : null, next_page_token: more ? String(from + limit) : '' }
}

function listPins(fake: FakePinata, query: URLSearchParams) {
  const limit = Number(query.get('pageLimit') ?? 10)
  const offset = Number(query.get('pageOffset') ?? 0)
  const contains = query.get('hashContains')
  const matching = [...fake.pins]
    .reverse()
    .filter(({ cid }) => contains === null || cid.includes(contains))
    .filter(({ pinned }) => !query.has('pinStart') || pinned >= (query.get('pinStart') as string))
  const rows = matching
    .slice(offset, offset + limit)
    .map(({ id, cid, pinned }) => ({ id, ipfs_pin_hash: cid, size: 1, date_pinned: pinned }))
  return { count: matching.length, rows }
}
