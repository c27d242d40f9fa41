import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterEach, describe, expect, it } from 'vitest'
import { addressRules } from '../../src/network/addresses.ts'
import { type GuardedHttp, guardedHttp } from '../../src/network/guarded-get.ts'
import { httpUrlOf } from '../../src/network/http-multiaddr.ts'
import type { Provider } from '../../src/network/network.ts'
import { openPeerControl } from '../../src/peer/control-client.ts'
import { mayDial } from '../../src/peer/dial-rules.ts'
import { gatewaySource } from '../../src/peer/gateway-source.ts'
import { openSession } from '../../src/peer/session.ts'
import { openPeer } from './peers.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

const addressOf = (url: string) => `/ip4/127.0.0.1/tcp/${new URL(url).port}/http`
const cidOf = async (bytes: Uint8Array) => CID.createV1(0x55, await sha256.digest(bytes))
const strict = addressRules({ allowPrivate: false })
const open = addressRules({ allowPrivate: true })
const options = { maxBytes: 1000, signal: new AbortController().signal }

/** A network in which there are only the gateways that a session begins with. */
const onlyGateways = (http: GuardedHttp) => ({
  connect: async ({ addrs }: Provider) => gatewaySource(new URL(addrs[0] as string), http),
  neighbours: () => [],
  async *findProviders() {},
})

describe('an HTTP gateway', () => {
  it('that a delegated router names is asked for blocks, each checked, and left where they are wrong', async () => {
    const bytes = randomBytes(400)
    const [cid, missing] = [await cidOf(bytes), await cidOf(randomBytes(10))]
    const asked: string[] = []
    const good = await serve((request, response) => {
      asked.push(`${request.headers.accept} ${request.url}`)
      if (request.url === `/ipfs/${cid}?format=raw`) response.end(bytes)
      else response.writeHead(404).end()
    })
    const bad = await serve((_request, response) => response.end(randomBytes(400)))
    const router = await serve((_request, response) => {
      response.setHeader('content-type', 'application/x-ndjson')
      for (const url of [bad, good]) {
        const record = { Schema: 'peer', ID: '', Addrs: [addressOf(url)], Protocols: ['transport-ipfs-gateway-http'] }
        response.write(`${JSON.stringify(record)}\n`)
      }
      response.end()
    })
    await using ours = await openPeer({ DELEGATED_ROUTERS: router })
    await using session = await ours.network.session(cid, {})
    expect(Buffer.compare(await session.get(cid), bytes)).toBe(0)
    expect(asked).toEqual([`application/vnd.ipld.raw /ipfs/${cid}?format=raw`])
    await expect(session.get(missing)).rejects.toMatchObject({ code: 'ERROR_NOT_FETCHED' })
  })

  it('that gives wrong blocks is left, and who asks for more is told so', async () => {
    const url = await serve((_request, response) => response.end(randomBytes(10)))
    const http = guardedHttp(open)
    const cid = await cidOf(randomBytes(10))
    await using session = await openSession(onlyGateways(http), cid, [{ id: url, addrs: [url] }])
    for (let time = 0; time < 3; time++) await expect(session.get(cid)).rejects.toThrow(/one peer was asked; .+ hash/)
    await expect(session.get(cid)).rejects.toThrow(`nobody is left to be asked; ${url} failed too often`)
    http.close()
  })

  it('is asked for no block that another one is giving, unless that one is slow', async () => {
    const blocks = await Promise.all(Array.from({ length: 200 }, async (_, n) => ({ cid: await cidOf(Buffer.from(`${n}`)), n })))
    const held = blocks[150]!.cid
    const asked: string[] = []
    let holder: string | undefined
    const gateway = (name: string) =>
      serve(async (request, response) => {
        const found = blocks.find(({ cid }) => request.url?.includes(`${cid}`))
        asked.push(`${found?.cid}`)
        await sleep(5)
        if (`${found?.cid}` === `${held}`) holder ??= name
        if (`${found?.cid}` !== `${held}` || holder !== name) response.end(`${found?.n}`)
      })
    const urls = [await gateway('one'), await gateway('two')]
    const http = guardedHttp(open)
    const origins = urls.map((url) => ({ id: url, addrs: [url] }))
    await using session = await openSession(onlyGateways(http), blocks[0]!.cid, origins)
    const left = [...blocks]
    const lane = async () => {
      for (let next = left.pop(); next; next = left.pop())
        expect(Buffer.from(await session.get(next.cid)).toString()).toBe(`${next.n}`)
    }
    await Promise.all(Array.from({ length: 16 }, lane))
    const times = (cid: CID) => asked.filter((one) => one === `${cid}`).length
    expect(times(held)).toBe(2)
    expect(blocks.filter(({ cid }) => times(cid) > 1).map(({ cid }) => `${cid}`)).toEqual([`${held}`])
    http.close()
  })

  it('is found in a multiaddr of any spelling', () => {
    const url = (address: string) => httpUrlOf(address)?.href
    expect(url('/dns4/example.org/tcp/443/https')).toBe('https://example.org/')
    expect(url('/dns/example.org/tcp/8443/tls/http')).toBe('https://example.org:8443/')
    expect(url('/ip4/1.2.3.4/tcp/80/http')).toBe('http://1.2.3.4/')
    expect(url('/ip6/2606:4700::1111/tcp/443/https')).toBe('https://[2606:4700::1111]/')
    expect(url('/ip4/1.2.3.4/tcp/4001')).toBeUndefined()
    expect(url('nonsense')).toBeUndefined()
  })
})

describe('what users and strangers name', () => {
  it.each([
    'http://127.0.0.1',
    'http://0x7f000001',
    'http://2130706433',
    'http://127.1',
    'http://[::1]',
    'http://[::ffff:7f00:1]',
    'http://localhost',
  ])('is not fetched from this machine: %s', async (origin) => {
    let requests = 0
    const { port } = new URL(await serve((_request, response) => response.end(String(requests++))))
    await expect(guardedHttp(strict).get(new URL(`${origin}:${port}/`), options)).rejects.toMatchObject({
      code: 'EREFUSEDADDRESS',
    })
    expect(requests).toBe(0)
  })

  it('is not fetched from another scheme, beyond its bound, or round and round', async () => {
    const http = guardedHttp(open)
    const url = await serve((request, response) => {
      if (request.url === '/long') response.end(randomBytes(1001))
      else response.writeHead(302, { location: request.url === '/file' ? 'file:///etc/passwd' : '/again' }).end()
    })
    await expect(http.get(new URL('/long', url), options)).rejects.toThrow('more than 1000 bytes')
    await expect(http.get(new URL('/again', url), options)).rejects.toThrow('redirects more than 3 times')
    await expect(http.get(new URL('/file', url), options)).rejects.toThrow('file: is not HTTP')
    http.close()
  })

  it('is judged anew at a redirect: from an allowed address to one that is not', async () => {
    const inner = await serve((_request, response) => response.end('secret'))
    const outer = await serve((_request, response) =>
      response.writeHead(302, { location: inner.replace('127.0.0.1', '127.0.0.2') }).end(),
    )
    const rules = { ...open, check: (ip: string) => (ip === '127.0.0.1' ? undefined : strict.check(ip)) }
    await expect(guardedHttp(rules).get(new URL(outer), options)).rejects.toMatchObject({ code: 'EREFUSEDADDRESS' })
  })

  it.each([
    ['/ip4/127.0.0.1/tcp/4001', false],
    ['/ip4/10.0.0.1/tcp/4001', false],
    ['/ip4/169.254.169.254/tcp/80', false],
    ['/ip6/::1/tcp/4001', false],
    ['/ip6/fe80::1/tcp/4001', false],
    ['/ip6/::ffff:127.0.0.1/tcp/4001', false],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/4001', false],
    ['/dns4/example.org/tcp/443/tls/ws', false],
    ['/ip4/1.2.3.4/tcp/4001/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8/p2p-circuit', false],
    // An address in the place of a name is not looked up.
    ['/dns4/127.0.0.1/tcp/4001', false],
    ['/dns/10.0.0.1/tcp/4001', false],
    ['/dns6/::1/tcp/4001', false],
    ['/dnsaddr/127.0.0.1/tcp/4001', false],
    // It is the name that is connected to.
    ['/ip4/1.2.3.4/tcp/443/tls/sni/inner.example/ws', false],
    ['/unix/%2Fvar%2Frun%2Fdocker.sock', false],
    ['/ip4/1.2.3.4/tcp/4001', true],
    ['/ip4/1.2.3.4/tcp/4002/ws', true],
    ['/ip6/2606:4700::1111/tcp/4001', true],
    // Judged when it is looked up.
    ['/dns4/example.org/tcp/4001', true],
  ])('is dialled or not: %s', (address, expected) => {
    expect(mayDial(multiaddr(address), strict, false)).toBe(expected)
  })

  it('is not dialled on this machine unless the operator says so, also not by a name that leads here', async () => {
    await using target = await openPeer()
    await using ours = await openPeer({ ALLOW_PRIVATE_ADDRESSES: 'no' })
    const cid = await target.store(randomBytes(100))
    const named = ['localhost', '127.0.0.1', '127.1'].map((host) => target.address.replace('/ip4/127.0.0.1', `/dns4/${host}`))
    for (const origin of [target.address, ...named]) {
      await using session = await ours.network.session(cid, { origins: [origin] })
      await expect(session.get(cid), origin).rejects.toMatchObject({ code: 'ERROR_NOT_FETCHED' })
    }
    expect((await target.service.peerControl.health()).connections).toBe(0)
  })
})

describe('the control channel', () => {
  it('answers who has the token, and tells what is wrong in the words of the peer', async () => {
    await using ours = await openPeer()
    const { database, peerControl } = ours.service
    expect((await peerControl.health()).connections).toBe(0)
    await expect(peerControl.resolveRecord('not-a-name')).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: '"not-a-name" is not the id of a peer or the name of a key.',
    })
    await expect(openPeerControl({ database, token: 'guessed' }).health()).rejects.toThrow('not for you')
  })

  it('yields providers as they come, and stops the peer asking when the caller has enough', async () => {
    let isCut = false
    const router = await serve(async (_request, response) => {
      response.setHeader('content-type', 'application/x-ndjson')
      response.on('close', () => {
        isCut = true
      })
      response.write(`${JSON.stringify({ Schema: 'peer', ID: 'first', Addrs: ['/ip4/1.2.3.4/tcp/1'] })}\n`)
      await sleep(20_000, undefined, { ref: false })
      response.end()
    })
    await using ours = await openPeer({ DELEGATED_ROUTERS: router })
    const startedAt = performance.now()
    for await (const provider of ours.service.peerControl.findProviders(await cidOf(randomBytes(10)))) {
      expect(provider).toEqual({ id: 'first', addrs: ['/ip4/1.2.3.4/tcp/1'] })
      break
    }
    await expect.poll(() => isCut, { timeout: 10_000 }).toBe(true)
    expect(performance.now() - startedAt).toBeLessThan(15_000)
  })

  it('says so where there is no peer', async () => {
    const ours = await openPeer()
    const { database, peerToken } = ours.service
    await using _ = ours
    await database.pool.query('delete from peer_instance')
    await expect(openPeerControl({ database, token: peerToken }).health()).rejects.toMatchObject({
      code: 'ERROR_UNAVAILABLE',
      message: 'The peer is not running, so the IPFS network cannot be asked.',
    })
  })
})
