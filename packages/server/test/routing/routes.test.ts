import { request } from 'node:http'
import { delegatedRoutingV1HttpApiClient } from '@helia/delegated-routing-v1-http-api-client'
import { decode } from '@ipld/dag-pb'
import { rawCid } from '@keepsake/content/hash/cid.ts'
import { ed25519Key, peerIdText } from '@keepsake/content/name/key.ts'
import { defaultLogger } from '@libp2p/logger'
import fastify, { type FastifyInstance } from 'fastify'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ownPeers } from '../../src/routing/own-peers.ts'
import { routingRoutes } from '../../src/routing/routes.ts'
import { startServer, type TestServer } from '../accounts/server.ts'

const nodeKey = ed25519Key(new Uint8Array(32).fill(7))
const nodeId = peerIdText(nodeKey)
const tcp = '/ip4/203.0.113.7/tcp/4001'
const ws = '/ip4/203.0.113.7/tcp/4002/ws'
const relayed = `/ip4/203.0.113.9/tcp/4001/p2p/${peerIdText(ed25519Key(new Uint8Array(32).fill(9)))}/p2p-circuit`
const http = '/dns/ipfs.example.org/tcp/443/https'

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

let server: TestServer
let faced: FastifyInstance
let base: string
let stored: CID
let inner: CID

/** The face as it is beside a node that is alive. */
beforeAll(async () => {
  server = await startServer()
  const { key } = await server.createUser('a@example.com')
  const answer = await fetch(`${server.api}/upload`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/octet-stream' },
    body: new Uint8Array(3 * 1024 * 1024).map((_, index) => index >> 10),
  })
  stored = CID.parse(((await answer.json()) as { value: { cid: string } }).value.cid)
  inner = decode(await server.service.blocks.get(stored)).Links[0]?.Hash as CID
  faced = fastify({ routerOptions: { maxParamLength: 2_000 } })
  const peers = ownPeers({
    gatewayUrl: () => 'https://ipfs.example.org',
    livePeers: async () => [{ id: nodeId, addresses: [`${tcp}/p2p/${nodeId}`, ws, relayed] }],
    didSeed: server.service.didSeed,
  })
  await faced.register(routingRoutes({ blocks: server.service.blocks, ownPeers: peers }), { prefix: '/routing/v1' })
  base = `${await faced.listen({ host: '127.0.0.1', port: 0 })}/routing/v1`
})
afterAll(async () => {
  await faced?.close()
  await server?.[Symbol.asyncDispose]()
})

const record = (Addrs: string[], Protocols: string[]) => ({ Schema: 'peer', ID: nodeId, Addrs, Protocols })
const all = () => record([tcp, ws, relayed, http], ['transport-bitswap', 'transport-ipfs-gateway-http'])
const ask = (path: string, headers: Record<string, string> = {}) => fetch(`${base}${path}`, { headers })
const providersOf = async (path: string) => {
  const answer = await ask(`/providers/${path}`)
  expect(answer.status, path).toBe(200)
  return ((await answer.json()) as { Providers: unknown[] }).Providers
}

describe('providers', () => {
  it('names us for everything that is here, in JSON, with what caches need', async () => {
    const answer = await ask(`/providers/${stored}`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ Providers: [all()] })
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(answer.headers.get('vary')).toBe('Accept')
    expect(answer.headers.get('cache-control')).toMatch(/^public, max-age=300/)
    expect(Math.abs(Date.parse(answer.headers.get('last-modified') as string) - Date.now())).toBeLessThan(10_000)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('names us for a block inside a DAG too, under whatever codec, version and base it is asked for', async () => {
    for (const cid of [
      inner.toString(),
      inner.toString(base36),
      inner.toString(base58btc),
      CID.createV1(0x70, inner.multihash).toString(),
      CID.createV0(inner.multihash as never).toString(),
    ])
      expect(await providersOf(cid), cid).toEqual([all()])
  })

  it('writes a record a line where NDJSON is liked better', async () => {
    for (const accept of [
      'application/x-ndjson',
      'application/x-ndjson, application/json;q=0.8',
      'application/json;q=0.5, APPLICATION/X-NDJSON',
    ]) {
      const answer = await ask(`/providers/${stored}`, { accept })
      expect(answer.headers.get('content-type'), accept).toBe('application/x-ndjson')
      expect(await answer.text()).toBe(`${JSON.stringify(all())}\n`)
    }
    for (const accept of ['*/*', 'application/json', 'application/json, application/x-ndjson', 'application/x-ndjson;q=0, */*'])
      expect((await ask(`/providers/${stored}`, { accept })).headers.get('content-type'), accept).toMatch(/^application\/json/)
    expect((await ask(`/providers/${stored}`, { accept: 'text/html' })).status).toBe(406)
  })

  it('answers 200 and nothing for what is not here, so that it is found the moment it is', async () => {
    const { key } = await server.createUser('b@example.com')
    const bytes = Buffer.from('not yet')
    const cid = await rawCid(bytes)
    const before = await ask(`/providers/${cid}`)
    expect([before.status, await before.json(), before.headers.get('cache-control')]).toEqual([
      200,
      { Providers: [] },
      'no-cache',
    ])
    const empty = await ask(`/providers/${cid}`, { accept: 'application/x-ndjson' })
    expect([empty.status, await empty.text()]).toEqual([200, ''])
    const answer = await fetch(`${server.api}/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: bytes,
    })
    expect(answer.status).toBe(200)
    expect(await providersOf(String(cid))).toEqual([all()])
  })

  it('keeps the addresses and protocols that are asked for', async () => {
    const bitswap = ['transport-bitswap']
    const gateway = ['transport-ipfs-gateway-http']
    const both = [...bitswap, ...gateway]
    const cases: [string, unknown[]][] = [
      ['filter-protocols=transport-bitswap', [record([tcp, ws, relayed], bitswap)]],
      ['filter-protocols=unknown,Transport-Ipfs-Gateway-HTTP', [record([http], gateway)]],
      ['filter-protocols=unknown', []],
      ['filter-protocols=transport-graphsync-filecoinv1', []],
      ['filter-addrs=ws', [record([ws], both)]],
      ['filter-addrs=ws,https', [record([ws, http], both)]],
      ['filter-addrs=!p2p-circuit,!ws,!https', [record([tcp], both)]],
      ['filter-addrs=tcp,!p2p-circuit,!ws', [record([tcp, http], both)]],
      ['filter-addrs=webtransport', []],
      ['filter-addrs=unknown', []],
      ['filter-addrs=&filter-protocols=', [all()]],
      ['filter-addrs=https&filter-protocols=transport-bitswap', []],
    ]
    for (const [query, expected] of cases) expect(await providersOf(`${stored}?${query}`), query).toEqual(expected)
  })

  it('refuses what is not a CID, and filters without end, with 422', async () => {
    for (const text of ['nonsense', 'bafy', '12D3KooWnot', `b${'a'.repeat(1500)}`, '%00', '..%2f'])
      expect((await ask(`/providers/${text}`)).status, text).toBe(422)
    const { status, headers } = await ask(`/providers/${stored}?filter-addrs=${'tcp,'.repeat(500)}`)
    expect([status, headers.get('cache-control')]).toEqual([422, 'no-store'])
  })

  it('lets pages of any origin ask', async () => {
    const answer = await fetch(`${base}/providers/${stored}`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'accept',
      },
    })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('access-control-allow-methods')).toContain('GET')
    expect(answer.headers.get('access-control-allow-headers')).toBe('accept')
  })

  it('tells the addresses of a peer only to who asks for it by name', async () => {
    for (const name of [nodeId, nodeKey.toString(), nodeKey.toString(base36)]) {
      const answer = await ask(`/peers/${name}`)
      expect([answer.status, await answer.json()], name).toEqual([200, { Peers: [all()] }])
    }
    const other = await ask(`/peers/${peerIdText(ed25519Key(new Uint8Array(32)))}`)
    expect([other.status, await other.json()]).toEqual([200, { Peers: [] }])
    for (const name of ['nonsense', stored.toString(), `${'1'.repeat(180)}`])
      expect((await ask(`/peers/${name}`)).status).toBe(422)
  })
})

describe('the server without a node', () => {
  it('names its gateway under the peer id of its own key', async () => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/routing/v1/providers/${stored}`)
    const { Providers } = (await answer.json()) as { Providers: { ID: string; Addrs: string[]; Protocols: string[] }[] }
    expect(Providers).toHaveLength(1)
    expect(Providers[0]).toMatchObject({
      Addrs: [`/dns/localhost/tcp/${server.port}/http`],
      Protocols: ['transport-ipfs-gateway-http'],
    })
    expect(Providers[0]?.ID).toMatch(/^12D3KooW/)
  })

  it('has no other endpoints there, and takes nothing', async () => {
    for (const [method, path] of [
      ['GET', `/ipns/${nodeKey.toString(base36)}`],
      ['PUT', `/ipns/${nodeKey.toString(base36)}`],
      ['PUT', `/providers/${stored}`],
    ] as const) {
      const status = await new Promise((resolve, reject) => {
        const sent = request({ host: '127.0.0.1', port: server.port, method, path: `/routing/v1${path}` }, (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        })
        sent.on('error', reject)
        sent.end()
      })
      expect(status, `${method} ${path}`).toBe(404)
    }
  })
})

it('is understood by the client of Helia, in its own words', async () => {
  const client = delegatedRoutingV1HttpApiClient({ url: base.replace('/routing/v1', '') })({ logger: defaultLogger() })
  await client.start()
  try {
    const found = await collect(client.getProviders(stored))
    expect(found).toHaveLength(1)
    expect(String(found[0]?.ID)).toBe(nodeKey.toString())
    expect(found[0]?.Addrs.map(String)).toEqual(all().Addrs)
    expect(found[0]?.Protocols).toEqual(all().Protocols)
    expect(await collect(client.getProviders(CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')))).toEqual(
      [],
    )
  } finally {
    await client.stop()
  }
})
