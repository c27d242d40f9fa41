import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { decode, encode, type Packet } from 'dns-packet'
import { createIPNSRecord, marshalIPNSRecord } from 'ipns'
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type RecordRouter, startRecordRouter } from '../../../../test/setup/gateway-conformance.ts'
import { type Imported, importFiles, MemoryBlocks } from '../../../content/test/read/fixtures.ts'
import { type DnsLinkSettings, dnsLinks } from '../../src/gateway/names/dnslink.ts'
import { nameRecords } from '../../src/gateway/names/records.ts'
import { openNames } from '../../src/gateway/names/resolve.ts'
import { openPeerControl } from '../../src/peer/control-client.ts'
import { delegatedRouters } from '../../src/peer/delegated-routers.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { startGateway, type TestGateway } from './gateway.ts'

type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>

const blocks = new MemoryBlocks()
const records = new Map<string, Uint8Array>()
const zone = new Map<string, string[]>()
let site: Imported
let test: TestDatabase
let router: RecordRouter
let dns: { address: string; asked: string[]; close(): void }
let gateway: TestGateway

beforeAll(async () => {
  site = await importFiles(blocks, [
    { path: 'site/index.html', content: Buffer.from('<h1>home</h1>') },
    { path: 'site/sub/a.txt', content: Buffer.from('in the sub-folder') },
    { path: 'site/sub/deep/b.txt', content: Buffer.from('deep') },
    { path: 'site/_redirects', content: Buffer.from('/old/* /sub/:splat 302\n') },
  ])
  test = await createTestDatabase()
  router = await startRecordRouter(records)
  dns = await startDns(zone)
  gateway = await start({ resolvers: [dns.address] })
})
afterAll(async () => {
  await gateway?.app.close()
  await router?.[Symbol.asyncDispose]()
  dns?.close()
  await test?.drop()
})
beforeEach(() => zone.clear())

/** A DNS server that has these texts. */
async function startDns(texts: ReadonlyMap<string, string[]>) {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (message, { port, address }) => {
    const query = decode(message)
    const name = query.questions?.[0]?.name.toLowerCase() ?? ''
    asked.push(name)
    if (name.includes('broken')) return
    const found = texts.get(name)
    // 3: there is no such name (RFC 1035, section 4.1.1).
    const flags = 0x8180 | (found ? 0 : 3)
    const answers = (found ?? []).map((data) => ({ type: 'TXT' as const, name, ttl: 30, data: data.match(/.{1,200}/gs) ?? [''] }))
    const reply: Packet = {
      type: 'response',
      flags,
      questions: query.questions ?? [],
      answers,
      ...(query.id !== undefined && { id: query.id }),
    }
    socket.send(encode(reply), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { address: `127.0.0.1:${socket.address().port}`, asked, close: () => socket.close() }
}

function start(settings: Partial<DnsLinkSettings>, routers = [router.url]): Promise<TestGateway> {
  const peer = openPeerControl({ database: test.database, token: 'token' })
  const names = openNames({
    records: nameRecords({ peer, routers: delegatedRouters(routers) }),
    links: dnsLinks({ known: [], resolvers: ['127.0.0.1:9'], ...settings }),
  })
  return startGateway(blocks, { siteHosts: ['*'], ownHosts: ['keepsake.example.org'] }, undefined, names)
}

const root = () => site.byPath.get('site') as CID
const links = (domain: string, ...texts: string[]) => zone.set(`_dnslink.${domain}`, texts)

async function publish(key: PrivateKey, value: string, { lifetimeMs = 3_600_000, ttlSeconds = 120, seq = 1 } = {}) {
  const record = await createIPNSRecord(key, value, seq, lifetimeMs, { ttlNs: BigInt(ttlSeconds) * 1_000_000_000n })
  const name = key.publicKey.toCID()
  records.set(name.toString(base36), marshalIPNSRecord(record))
  return name
}

describe('a key', () => {
  it('leads to what its record says, for as long as that says', async () => {
    const name = (await publish(await generateKeyPair('Ed25519'), `/ipfs/${root()}`)).toString(base36)
    const { status, headers, body } = await gateway.get(`/ipns/${name}/sub/a.txt`)
    expect([status, body.toString()]).toEqual([200, 'in the sub-folder'])
    expect(headers['cache-control']).toBe('public, max-age=120')
    expect(headers['x-ipfs-path']).toBe(`/ipns/${name}/sub/a.txt`)
    expect(String(headers['x-ipfs-roots']).split(',')).toHaveLength(3)
    expect(String(headers['x-ipfs-roots'])).toMatch(new RegExp(`^${root()},`))
    expect(headers.etag).toBe((await gateway.get(`/ipfs/${root()}/sub/a.txt`)).headers.etag)
    expect((await gateway.get(`/ipns/${name}/sub`)).headers.location).toBe(`/ipns/${name}/sub/`)
    expect((await gateway.get(`/ipns/${name}/nothing`)).status).toBe(404)
  })

  it('has one spelling, to which all others lead; and an origin of its own on the gateway', async () => {
    const cid = await publish(await generateKeyPair('Ed25519'), `/ipfs/${root()}`)
    const name = cid.toString(base36)
    for (const text of [
      base58btc.baseEncode(cid.multihash.bytes),
      cid.toString(base32),
      CID.createV1(0x70, cid.multihash).toString(base36),
    ]) {
      const { status, headers } = await gateway.get(`/ipns/${text}/sub/?x=1`)
      expect([status, headers.location], text).toEqual([302, `/ipns/${name}/sub/?x=1`])
    }
    expect((await gateway.get(`/ipns/${cid.toString(base32)}/sub/`, { Host: 'localhost:1' })).headers.location).toBe(
      `http://${name}.ipns.localhost:1/sub/`,
    )
    const own = await gateway.get('/sub/a.txt', { Host: `${name}.ipns.localhost` })
    expect([own.status, own.body.toString(), own.headers['x-ipfs-path']]).toEqual([
      200,
      'in the sub-folder',
      `/ipns/${name}/sub/a.txt`,
    ])
    expect((await gateway.get('/old/a.txt', { Host: `${name}.ipns.localhost` })).headers.location).toBe('/sub/a.txt')
    const wrong = CID.createV1(0x70, cid.multihash).toString(base36)
    expect((await gateway.get('/', { Host: `${wrong}.ipns.localhost` })).headers.location).toBe(`http://${name}.ipns.localhost/`)
  })

  it('may lead below a root, and to another name', async () => {
    const inner = await publish(await generateKeyPair('Ed25519'), `/ipfs/${root()}/sub`)
    const outer = await publish(await generateKeyPair('Ed25519'), `/ipns/${inner.toString(base36)}/deep`, { ttlSeconds: 600 })
    const { status, headers, body } = await gateway.get(`/ipns/${outer.toString(base36)}/b.txt`)
    expect([status, body.toString()]).toEqual([200, 'deep'])
    expect(headers['cache-control']).toBe('public, max-age=120')
    expect(String(headers['x-ipfs-roots']).split(',')).toHaveLength(4)
  })

  it('follows its owner when the time of the last record is up, and not before', async () => {
    const key = await generateKeyPair('Ed25519')
    const name = (await publish(key, `/ipfs/${root()}/sub/a.txt`, { ttlSeconds: 1 })).toString(base36)
    const content = async () => (await gateway.get(`/ipns/${name}`)).body.toString()
    expect(await content()).toBe('in the sub-folder')
    await publish(key, `/ipfs/${root()}/sub/deep/b.txt`, { ttlSeconds: 1, seq: 2 })
    expect(await content()).toBe('in the sub-folder')
    await expect.poll(content, { timeout: 5_000 }).toBe('deep')
  })

  it('gives its signed record to who asks for that', async () => {
    const name = (await publish(await generateKeyPair('Ed25519'), `/ipfs/${root()}`)).toString(base36)
    const { status, headers, body } = await gateway.get(`/ipns/${name}?format=ipns-record`, { Host: 'localhost' })
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/vnd.ipfs.ipns-record')
    expect(headers['content-disposition']).toContain(`${name}.ipns-record`)
    expect(body.equals(records.get(name) as Uint8Array)).toBe(true)
    links('record.example.net', `dnslink=/ipfs/${root()}`)
    expect((await gateway.get('/ipns/record.example.net?format=ipns-record')).status).toBe(400)
  })

  it('is refused where its record is forged, expired, garbage, or leads nowhere, and never answered with content', async () => {
    const key = await generateKeyPair('Ed25519')
    const cases: [string, (name: string) => Promise<unknown>, number][] = [
      ['nobody has one', async (name) => records.delete(name), 502],
      ['expired', () => publish(key, `/ipfs/${root()}`, { lifetimeMs: -1000 }), 502],
      ['garbage', async (name) => records.set(name, Buffer.from('no record at all')), 502],
      ['empty', async (name) => records.set(name, Buffer.alloc(0)), 502],
      [
        'signed by another key',
        async (name) => {
          const other = await publish(await generateKeyPair('Ed25519'), `/ipfs/${root()}`)
          records.set(name, records.get(other.toString(base36)) as Uint8Array)
        },
        502,
      ],
      [
        'tampered with',
        async (name) => {
          await publish(key, `/ipfs/${root()}`)
          const bytes = Buffer.from(records.get(name) as Uint8Array)
          bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1
          records.set(name, bytes)
        },
        502,
      ],
      ['leads to no path', () => publish(key, '/https/example.org'), 502],
      ['leads to no CID', () => publish(key, '/ipfs/nonsense'), 502],
      ['leads to itself', () => publish(key, `/ipns/${key.publicKey.toCID().toString(base36)}`), 508],
    ]
    const name = key.publicKey.toCID().toString(base36)
    for (const [what, prepare, expected] of cases) {
      await publish(key, `/ipfs/${root()}`)
      await prepare(name)
      // Each with nothing remembered.
      const fresh = await start({})
      const { status, body } = await fresh.get(`/ipns/${name}/sub/a.txt`)
      expect(status, `${what}: ${body}`).toBe(expected)
      expect(body.toString()).not.toContain('in the sub-folder')
      await fresh.app.close()
    }
  })

  it('without a peer and without routers is answered with the reason; domains go on', async () => {
    const alone = await start({ known: [`example.net=/ipfs/${root()}`] }, [])
    const name = (await publish(await generateKeyPair('Ed25519'), `/ipfs/${root()}`)).toString(base36)
    const { status, body } = await alone.get(`/ipns/${name}`)
    expect(status).toBe(503)
    expect(body.toString()).toContain('The peer is not running')
    expect((await alone.get('/ipns/example.net/sub/a.txt')).status).toBe(200)
    await alone.app.close()
  })
})

describe('a domain', () => {
  it('leads to what its TXT record says, by path, by subdomain, and under its own name', async () => {
    links('docs.my-site.example.net', `dnslink=/ipfs/${root()}`)
    const wanted = [200, 'in the sub-folder', '/ipns/docs.my-site.example.net/sub/a.txt']
    const read = async (path: string, host: string) => {
      const { status, body, headers } = await gateway.get(path, { Host: host })
      return [status, body.toString(), headers['x-ipfs-path']]
    }
    expect(await read('/ipns/docs.my-site.example.net/sub/a.txt', '127.0.0.1')).toEqual(wanted)
    expect(await read('/sub/a.txt', 'docs-my--site-example-net.ipns.localhost')).toEqual(wanted)
    expect(await read('/sub/a.txt', 'docs.my-site.example.net.ipns.localhost:80')).toEqual(wanted)
    expect(await read('/sub/a.txt', 'Docs.My-Site.Example.net:8080')).toEqual(wanted)
    const moved = await gateway.get('/ipns/docs.my-site.example.net/sub/?a=b', { Host: 'localhost:5' })
    expect(moved.headers.location).toBe('http://docs-my--site-example-net.ipns.localhost:5/sub/?a=b')
    expect((await gateway.get('/old/x', { Host: 'docs.my-site.example.net' })).headers.location).toBe('/sub/x')
    expect((await gateway.get('/sub', { Host: 'docs.my-site.example.net' })).headers.location).toBe('/sub/')
  })

  it('under its own name is all there is: neither the website nor the API', async () => {
    links('shop.example.net', `dnslink=/ipfs/${root()}/sub`)
    expect((await gateway.get('/api/secret', { Host: 'shop.example.net' })).status).toBe(404)
    expect((await gateway.get('/a.txt', { Host: 'shop.example.net' })).status).toBe(200)
    for (const host of [
      'keepsake.example.org',
      'api.keepsake.example.org',
      'gateway.example',
      'x.gateway.example',
      '192.0.2.1',
      'intranet',
    ])
      expect((await gateway.get('/', { Host: host })).body.toString(), host).toBe('the website')
  })

  it('is read as the specification says: the underscore first, one of several, in pieces, and nothing else', async () => {
    zone.set('plain.example.net', [`dnslink=/ipfs/${root()}/sub`])
    zone.set('both.example.net', ['dnslink=/ipfs/bafkqaaa'])
    links(
      'both.example.net',
      'v=spf1 -all',
      'dnslink=',
      'dnslink=/http/x',
      'dnslink=/ipfs/',
      '\u0000\u0001',
      `dnslink=/ipfs/${root()}/sub`,
      `dnslink=/ipns/zzz.example.net`,
    )
    links('long.example.net', `dnslink=/ipfs/${root()}/${'./'.repeat(150)}sub`)
    for (const domain of ['plain', 'both', 'long'])
      expect((await gateway.get(`/ipns/${domain}.example.net/a.txt`)).body.toString(), domain).toBe('in the sub-folder')
  })

  it('is told by its key where it leads to one', async () => {
    const cid = await publish(await generateKeyPair('Ed25519'), `/ipfs/${root()}/sub`)
    links('key.example.net', `dnslink=/ipns/${base58btc.baseEncode(cid.multihash.bytes)}`)
    expect((await gateway.get('/ipns/key.example.net/a.txt')).status).toBe(200)
  })

  it('is refused where it leads in a circle, too far, nowhere, or is none', async () => {
    links('a.example.net', 'dnslink=/ipns/b.example.net')
    links('b.example.net', 'dnslink=/ipns/a.example.net')
    for (let index = 0; index < 40; index++) links(`n${index}.example.net`, `dnslink=/ipns/n${index + 1}.example.net`)
    links('n40.example.net', `dnslink=/ipfs/${root()}`)
    links('garbage.example.net', 'hello', 'dnslink=/ipfs', 'DNSLINK=/ipfs/x')
    links('wrong.example.net', 'dnslink=/ipfs/nonsense/a')
    const cases: [string, number][] = [
      ['a.example.net', 508],
      ['n0.example.net', 508],
      ['n15.example.net', 200],
      ['nothing.example.net', 404],
      ['garbage.example.net', 404],
      ['wrong.example.net', 502],
      ['-bad-.example.net', 400],
      [`${'x'.repeat(64)}.example.net`, 400],
      [`${'x.'.repeat(130)}net`, 400],
      ['10.0.0.1', 400],
      ['%2e%2e', 400],
      ['a%00.example.net', 400],
    ]
    for (const [name, expected] of cases) {
      const { status, body } = await gateway.get(`/ipns/${name}`, { Host: '127.0.0.1' })
      expect(status === 301 ? 200 : status, `${name}: ${body}`).toBe(expected)
      expect(body.length).toBeLessThan(1_000)
    }
  })

  it('is remembered, and said to be out of reach where the DNS does not answer', async () => {
    links('once.example.net', `dnslink=/ipfs/${root()}`)
    const asked = () => dns.asked.filter((name) => name === '_dnslink.once.example.net').length
    await gateway.get('/ipns/once.example.net/')
    expect(asked()).toBe(1)
    await gateway.get('/ipns/once.example.net/')
    expect(asked()).toBe(1)
    const { status, body } = await gateway.get('/ipns/broken.example.net/')
    expect([status, body.toString()]).toEqual([502, expect.stringContaining('The DNS could not be asked')])
  }, 30_000)

  it('may be looked up over HTTPS, and its time is that of the DNS', async () => {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const query = decode(Buffer.concat(chunks))
      const name = query.questions?.[0]?.name ?? ''
      const answers =
        name === '_dnslink.art.eth' ? [{ type: 'TXT' as const, name, ttl: 77, data: [`dnslink=/ipfs/${root()}`] }] : []
      response
        .setHeader('content-type', 'application/dns-message')
        .end(encode({ type: 'response', flags: 0x8180, questions: query.questions ?? [], answers }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const over = await start({
      resolvers: [`eth=http://127.0.0.1:${(server.address() as AddressInfo).port}/dns-query`, dns.address],
    })
    const { status, headers } = await over.get('/ipns/art.eth/sub/a.txt')
    expect([status, headers['cache-control']]).toEqual([200, 'public, max-age=77'])
    links('other.example.net', `dnslink=/ipfs/${root()}`)
    expect((await over.get('/ipns/other.example.net/sub/a.txt')).status).toBe(200)
    expect((await over.get('/ipns/none.eth/')).status).toBe(404)
    await over.app.close()
    server.close()
  })

  it('and whom to ask must be written so that it can be read', () => {
    for (const known of ['example.org', 'nodots=/ipfs/bafkqaaa', 'example.org=/http/x'])
      expect(() => dnsLinks({ known: [known], resolvers: [] }), known).toThrow('not like')
    for (const resolver of ['nonsense', 'dns.example.org', 'ftp://x'])
      expect(() => dnsLinks({ known: [], resolvers: [resolver] }), resolver).toThrow('neither system')
  })
})
