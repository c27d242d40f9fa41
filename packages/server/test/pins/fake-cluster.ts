import type { IncomingMessage, ServerResponse } from 'node:http'
import { Busboy } from '@fastify/busboy'
import { CarBlockIterator } from '@ipld/car'
import { verifyBlock } from '@keepsake/content/hash/verify.ts'
import { CID } from 'multiformats/cid'
import { type Loopback, loopback, sendJson } from './loopback.ts'

/** How the cluster misbehaves at its next adds; real ones have been seen to do each. */
type ClusterFault =
  /** Answers 200, and says in the trailer that it failed. */
  | 'trailer'
  /** Answers 204 with nothing. */
  | 'empty'
  /** Answers half a JSON value and closes in good order. */
  | 'half-json'
  /** Answers half a JSON value and breaks the connection. */
  | 'cut'
  /** Takes everything and never answers. */
  | 'silent'
  /** Answers 500 `{code, message}`. */
  | 'error'
  /** Says that it added something else. */
  | 'other-root'

type Status = 'pinned' | 'pinning' | 'pin_queued' | 'pin_error' | 'unpinned'

export interface FakeCluster extends Loopback {
  fault: ClusterFault | undefined
  authorization: string | undefined
  /** What new pins are until somebody changes it. */
  statusOfNew: Status
  /** By CIDv1. */
  pins: Map<string, { status: Status; error: string; blocks: number }>
}

/** An IPFS Cluster peer as its REST API describes it, with the pins of one peer in memory. */
export async function startFakeCluster(): Promise<FakeCluster> {
  const pins: FakeCluster['pins'] = new Map()
  const server = await loopback(async (request, response) => await handle(fake, request, response))
  const fake: FakeCluster = Object.assign(server, {
    fault: undefined,
    authorization: undefined,
    statusOfNew: 'pinned' as const,
    pins,
  })
  return fake
}

async function handle(fake: FakeCluster, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://x')
  const route = `${request.method} ${url.pathname.replace(/\/pins\/[^/]+/, '/pins/CID')}`
  const cid = /\/pins\/([^/]+)/.exec(url.pathname)?.[1] ?? ''
  if (url.pathname !== '/health' && fake.authorization !== undefined && request.headers.authorization !== fake.authorization) {
    response.setHeader('www-authenticate', 'Basic realm="Restricted IPFS Cluster API"')
    request.resume()
    return sendJson(response, 401, { code: 401, message: 'Unauthorized' })
  }
  switch (route) {
    case 'POST /add':
      return await add(fake, request, response, url.searchParams)
    case 'GET /pins':
      return listPins(fake, response, url.searchParams.get('cids')?.split(','))
    case 'GET /pins/CID':
      return sendJson(response, 200, infoOf(fake, cid))
    case 'POST /pins/CID':
      fake.pins.set(cid, { status: fake.statusOfNew, error: '', blocks: 0 })
      return sendJson(response, 200, { cid, name: '', allocations: [], metadata: {} })
    case 'DELETE /pins/CID':
      return fake.pins.delete(cid)
        ? sendJson(response, 200, { cid })
        : sendJson(response, 404, { code: 404, message: 'state: pin not found' })
    case 'POST /pins/CID/recover': {
      const pin = fake.pins.get(cid)
      if (!pin) return sendJson(response, 404, { code: 404, message: 'state: pin not found' })
      const before = infoOf(fake, cid)
      Object.assign(pin, { status: fake.statusOfNew, error: '' })
      return sendJson(response, 200, before)
    }
    case 'GET /id':
      return sendJson(response, 200, { id: '12D3KooWFake', addresses: [], cluster_peers: [], version: '1.1.6', ipfs: {} })
    case 'GET /version':
      return sendJson(response, 200, { version: '1.1.6' })
    case 'GET /health':
      response.writeHead(204).end()
      return
    default:
      return sendJson(response, 404, { code: 404, message: 'not found' })
  }
}

async function add(fake: FakeCluster, request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
  if (query.get('format') !== 'car') return sendJson(response, 400, { code: 400, message: 'this stand-in takes CARs only' })
  const { root, blocks } = await readCar(request)
  const isStream = query.get('stream-channels') !== 'false'
  const added = { name: query.get('name') ?? '', cid: root, size: 1, bytes: 1, allocations: ['12D3KooWFake'] }
  const json = { 'content-type': 'application/json' }
  switch (fake.fault) {
    case 'trailer':
      response.writeHead(200, { ...json, trailer: 'X-Stream-Error' })
      response.write(isStream ? `${JSON.stringify(added)}\n` : JSON.stringify([added]))
      response.addTrailers({ 'X-Stream-Error': 'ipfs: disk full' })
      response.end()
      return
    case 'empty':
      response.writeHead(204).end()
      return
    case 'half-json':
      response.writeHead(200, json).end('[{"name":"","cid":"bafy')
      return
    case 'cut':
      response.writeHead(200, json).write('[{"name":"","cid":"bafy')
      setTimeout(() => response.destroy(), 20)
      return
    case 'silent':
      return
    case 'error':
      return sendJson(response, 500, { code: 500, message: 'allocation failed: not enough candidates' })
    case 'other-root':
      return sendJson(response, 200, [{ ...added, cid: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' }])
    default:
      fake.pins.set(root, { status: fake.statusOfNew, error: '', blocks })
      return isStream ? sendLines(response, [added]) : sendJson(response, 200, [added])
  }
}

/** The root of the CAR in a form, and how many blocks it has; every block is checked. */
async function readCar(request: IncomingMessage): Promise<{ root: string; blocks: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ root: string; blocks: number }>()
  const form = new Busboy({
    headers: request.headers as { 'content-type': string },
    limits: { fileSize: Number.POSITIVE_INFINITY },
  })
  form.on('file', (_name, file) => {
    const read = async () => {
      const car = await CarBlockIterator.fromIterable(file)
      const [root] = await car.getRoots()
      let blocks = 0
      for await (const { cid, bytes } of car) {
        await verifyBlock(CID.decode(cid.bytes), bytes)
        blocks++
      }
      return {
        root: CID.decode((root as { bytes: Uint8Array }).bytes)
          .toV1()
          .toString(),
        blocks,
      }
    }
    read().then(resolve, reject)
  })
  form.on('error', reject)
  request.on('aborted', () => reject(new Error('aborted')))
  request.pipe(form)
  return await promise
}

function infoOf(fake: FakeCluster, cid: string) {
  const { status = 'unpinned', error = '' } = fake.pins.get(cid) ?? {}
  const peer = {
    peername: 'fake',
    ipfs_peer_id: '12D3KooWFakeIpfs',
    ipfs_peer_addresses: [],
    status,
    timestamp: '2026-01-01T00:00:00Z',
    error,
    attempt_count: 0,
    priority_pin: false,
  }
  return {
    cid,
    name: '',
    allocations: [],
    origins: [],
    created: '2026-01-01T00:00:00Z',
    metadata: null,
    peer_map: { '12D3KooWFake': peer },
  }
}

function listPins(fake: FakeCluster, response: ServerResponse, cids: string[] | undefined): void {
  const listed = (cids ?? [...fake.pins.keys()]).map((cid) => infoOf(fake, cid))
  if (listed.length === 0) response.writeHead(204).end()
  else sendLines(response, listed)
}

function sendLines(response: ServerResponse, values: readonly unknown[]): void {
  response.writeHead(200, { 'content-type': 'application/json', trailer: 'X-Stream-Error' })
  for (const value of values) response.write(`${JSON.stringify(value)}\n`)
  response.end()
}
