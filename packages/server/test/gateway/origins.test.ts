import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha512 } from 'multiformats/hashes/sha2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Imported, importFiles, MemoryBlocks } from '../../../content/test/read/fixtures.ts'
import { startGateway, type TestGateway } from './gateway.ts'

const blocks = new MemoryBlocks()
const html = Buffer.from('<!doctype html><script>alert(document.domain)</script>')
const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
let gateway: TestGateway
let trusting: TestGateway
let files: Imported

beforeAll(async () => {
  gateway = await startGateway(blocks)
  trusting = await startGateway(blocks, { trustProxy: true })
  files = await importFiles(blocks, [
    { path: 'site/index.html', content: html },
    { path: 'site/evil.svg', content: svg },
    { path: 'site/page', content: html },
    { path: 'site/data.xml', content: Buffer.from('<a/>') },
    { path: 'site/paper.pdf', content: Buffer.from('%PDF-1.7') },
    { path: 'site/picture.png', content: Buffer.from('x') },
    { path: 'site/words.txt', content: Buffer.from('words') },
    { path: 'site/meta.json', content: Buffer.from('{}') },
    { path: 'site/api/secret', content: Buffer.from('content called api/secret') },
    { path: 'site/__gateway/ipfs/x', content: Buffer.from('content called like the route') },
  ])
})

afterAll(async () => {
  await gateway.app.close()
  await trusting.app.close()
})

const root = () => files.byPath.get('site')!
const label = () => root().toV1().toString()

describe('a path on a host whose subdomains are origins', () => {
  it('redirects to the origin of the root, keeping path and query', async () => {
    for (const host of ['localhost:8787', 'gateway.example', 'GATEWAY.example:8080', 'localhost']) {
      const { status, headers, body } = await gateway.get(`/ipfs/${root()}/a%20b/%C5%BC?x=1&y=%2F`, { Host: host })
      expect(status, host).toBe(301)
      expect(headers.location).toBe(`http://${label()}.ipfs.${host.toLowerCase()}/a%20b/%C5%BC?x=1&y=%2F`)
      expect(body).toHaveLength(0)
    }
    expect((await gateway.get(`/ipfs/${root()}`, { Host: 'localhost' })).headers.location).toBe(
      `http://${label()}.ipfs.localhost/`,
    )
  })

  it('spells every root the way a host name can: base32, keys in base36', async () => {
    const location = async (cid: string) => (await gateway.get(`/ipfs/${cid}/`, { Host: 'localhost:1' })).headers.location
    expect(await location(root().toV0().toString())).toBe(`http://${label()}.ipfs.localhost:1/`)
    expect(await location(root().toString(base58btc))).toBe(`http://${label()}.ipfs.localhost:1/`)
    const key = CID.createV1(0x72, identity.digest(new Uint8Array(36)))
    expect(await location(key.toString())).toBe(`http://${key.toString(base36)}.ipfs.localhost:1/`)
  })

  it('refuses a root that no host name can hold', async () => {
    const cid = CID.createV1(0x55, await sha512.digest(html))
    for (const [path, host] of [
      [`/ipfs/${cid}`, 'localhost'],
      ['/', `${cid}.ipfs.localhost`],
    ] as const) {
      const { status, body } = await gateway.get(path, { Host: host })
      expect(status).toBe(400)
      expect(body.toString()).toContain('CID incompatible with DNS label length limit of 63')
    }
  })

  it('answers raw blocks and CARs without a redirect, since programs ask for them and browsers never open them', async () => {
    for (const format of ['raw', 'car']) {
      const { status, headers } = await gateway.get(`/ipfs/${root()}?format=${format}`, { Host: 'localhost' })
      expect(status).toBe(200)
      expect(headers['content-disposition']).toMatch(/^attachment/)
      expect(headers['x-content-type-options']).toBe('nosniff')
      const byHeader = await gateway.get(`/ipfs/${root()}`, { Host: 'localhost', Accept: `application/vnd.ipld.${format}` })
      expect(byHeader.status).toBe(200)
    }
  })

  it('hands an ipfs:// link over', async () => {
    const { status, headers } = await gateway.get(`/ipfs/?uri=${encodeURIComponent(`ipfs://${root()}/a b`)}`, {
      Host: 'localhost',
    })
    expect([status, headers.location]).toEqual([301, `/ipfs/${root()}/a%20b`])
    expect((await gateway.get('/ipfs/?uri=https%3A%2F%2Fevil.example', { Host: 'localhost' })).status).toBe(400)
  })
})

describe('the origin of a root', () => {
  const visit = (path: string, more = {}) => gateway.get(path, { Host: `${label()}.ipfs.localhost:8787`, ...more })

  it('serves its content, which may act there', async () => {
    const { status, headers, body } = await visit('/')
    expect(status).toBe(200)
    expect(body.equals(html)).toBe(true)
    expect(headers['content-security-policy']).toBeUndefined()
    expect(headers['set-cookie']).toBeUndefined()
    expect(headers['x-ipfs-path']).toBe(`/ipfs/${label()}/`)
    expect((await visit('/', { 'Service-Worker': 'script' })).status).toBe(200)
    expect((await gateway.get('/evil.svg', { Host: `${label().toUpperCase()}.IPFS.gateway.EXAMPLE` })).status).toBe(200)
  })

  it('never serves the API, the website or another root', async () => {
    expect((await visit('/api/secret')).body.toString()).toBe('content called api/secret')
    expect((await visit('/api/secret', { Host: `bafkqaaa.ipfs.localhost:8787` })).status).toBe(404)
    expect((await visit(`/ipfs/${root()}/`)).status).toBe(404)
    expect((await visit('/api/secret/../../api')).body.toString()).not.toBe('the API')
    const post = await gateway.get('/api/secret', { Host: `${label()}.ipfs.localhost:8787` }, 'POST')
    expect(post.status).toBe(405)
    expect((await gateway.get('/api/secret')).body.toString()).toBe('the API')
    expect((await gateway.get('/api/secret', { Host: 'not-a-cid.ipfs.localhost' })).status).toBe(400)
    expect((await gateway.get('/api/secret', { Host: '.ipfs.localhost' })).status).toBe(400)
    // Read as a key, which it is not: nobody has a record of it.
    const named = await gateway.get('/api/secret', {
      Host: `${CID.createV1(0x72, root().multihash).toString(base36)}.ipns.localhost`,
    })
    expect([named.status, named.body.toString()]).toEqual([502, expect.stringContaining('Nobody was found')])
  })

  it('is decided by the host in the request target where there is one', async () => {
    const answer = await gateway.get(`http://${label()}.ipfs.localhost/api/secret`, { Host: 'localhost' })
    expect(answer.body.toString()).toBe('content called api/secret')
    expect((await gateway.get('http://localhost/api/secret', { Host: `${label()}.ipfs.localhost` })).body.toString()).toBe(
      'the API',
    )
  })

  it('cannot be had through the internal route on another host', async () => {
    for (const host of ['127.0.0.1', 'localhost', 'gateway.example', 'unknown.example']) {
      for (const path of ['/__gateway', '/__gateway/', `/__gateway/ipfs/${root()}/`, `/__gateway/${root()}`]) {
        const { status } = await gateway.get(path, { Host: host })
        expect(status, `${host}${path}`).toBe(404)
      }
    }
    expect((await visit('/__gateway/ipfs/x')).body.toString()).toBe('content called like the route')
  })

  it('has one spelling: others redirect to it', async () => {
    for (const other of [root().toV0().toString(), root().toString(base36)]) {
      const { status, headers } = await gateway.get('/page?a=b', { Host: `${other}.ipfs.localhost:8787` })
      expect([status, headers.location]).toEqual([301, `http://${label()}.ipfs.localhost:8787/page?a=b`])
    }
  })
})

describe('a host that content shares with others', () => {
  it('sandboxes everything that could act', async () => {
    for (const host of ['127.0.0.1', 'unknown.example', `${label()}.ipfs.unknown.example`]) {
      for (const path of [
        '',
        '/index.html',
        '/evil.svg',
        '/page',
        '/data.xml',
        '/paper.pdf',
        '/words.txt?filename=x.html',
        '/words.txt?filename=x.xhtml',
      ]) {
        const { headers } = await gateway.get(`/ipfs/${root()}${path || '/'}`, { Host: host })
        expect(headers['content-security-policy'], `${host}${path}`).toBe('sandbox')
        expect(headers['x-content-type-options']).toBe('nosniff')
        expect(headers['set-cookie']).toBeUndefined()
      }
    }
  })

  it('leaves what can only be looked at alone', async () => {
    for (const path of ['/picture.png', '/words.txt', '/meta.json']) {
      expect((await gateway.get(`/ipfs/${root()}${path}`)).headers['content-security-policy'], path).toBeUndefined()
    }
  })

  it('lets no service worker be registered', async () => {
    expect((await gateway.get(`/ipfs/${root()}/page`, { 'Service-Worker': 'script' })).status).toBe(400)
  })
})

describe('X-Forwarded-Host and X-Forwarded-Proto', () => {
  const forwarded = { Host: '127.0.0.1', 'X-Forwarded-Host': 'gateway.example', 'X-Forwarded-Proto': 'https' }

  it('count behind a trusted proxy', async () => {
    const { status, headers } = await trusting.get(`/ipfs/${root()}`, forwarded)
    expect([status, headers.location]).toEqual([301, `https://${label()}.ipfs.gateway.example/`])
    const visit = await trusting.get('/api/secret', { ...forwarded, 'X-Forwarded-Host': `${label()}.ipfs.gateway.example` })
    expect(visit.body.toString()).toBe('content called api/secret')
  })

  it('are ignored otherwise', async () => {
    expect((await gateway.get(`/ipfs/${root()}/words.txt`, forwarded)).status).toBe(200)
    const visit = await gateway.get('/api/secret', { ...forwarded, 'X-Forwarded-Host': `${label()}.ipfs.gateway.example` })
    expect(visit.body.toString()).toBe('the API')
    const { headers } = await gateway.get(`/ipfs/${root()}`, { Host: 'gateway.example', 'X-Forwarded-Proto': 'https' })
    expect(headers.location).toMatch(/^http:/)
  })
})
