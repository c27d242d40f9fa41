import { CarReader } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { unpackTar } from 'modern-tar'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  balanced,
  fixedSize,
  type Imported,
  importFiles,
  MemoryBlocks,
  sampleBytes,
} from '../../../content/test/read/fixtures.ts'
import { startGateway, type TestGateway } from './gateway.ts'

const blocks = new MemoryBlocks()
const file = sampleBytes(9500)
let gateway: TestGateway
let files: Imported
let nft: CID

async function put(codec: number, bytes: Uint8Array): Promise<CID> {
  return blocks.add(CID.createV1(codec, await sha256.digest(bytes)), bytes)
}

beforeAll(async () => {
  gateway = await startGateway(blocks)
  files = await importFiles(
    blocks,
    [
      { path: 'dir/a.bin', content: file },
      { path: 'dir/sub/copy.bin', content: file },
      { path: 'dir/sub/small.txt', content: Buffer.from('small') },
      { path: 'dir/meta.json', content: Buffer.from('{"a":1}') },
    ],
    { chunker: fixedSize({ chunkSize: 1000 }), layout: balanced({ maxChildrenPerNode: 4 }) },
  )
  nft = await put(
    0x71,
    dagCbor.encode({ type: 'nft', '<b>': '<script>', image: at('dir'), 'metadata.json': at('dir/meta.json') }),
  )
})

afterAll(() => gateway.app.close())

const at = (path: string) => files.byPath.get(path)!

/** Every CID below a root, depth first, by the plainest recursion. */
async function below(cid: CID): Promise<CID[]> {
  const { linksOf } = await import('@keepsake/content/dag/links.ts')
  const all = [cid]
  for (const link of linksOf(cid, await blocks.get(cid)) ?? []) all.push(...(await below(link)))
  return all
}

async function expectedCar(root: CID, cids: readonly CID[]): Promise<Buffer> {
  const parts = [encodeCarHeader([root])]
  for (const cid of cids) {
    const bytes = await blocks.get(cid)
    parts.push(encodeSectionPrefix(cid, bytes.length), bytes)
  }
  return Buffer.concat(parts)
}

function once(cids: readonly CID[]): CID[] {
  return [...new Map(cids.map((cid) => [cid.toString(), cid])).values()]
}

describe('a raw block', () => {
  it('comes by format or Accept, as an attachment that nothing may sniff', async () => {
    for (const [url, headers] of [
      [`/ipfs/${at('dir')}?format=raw`, {}],
      [`/ipfs/${at('dir')}`, { Accept: 'application/vnd.ipld.raw' }],
    ] as const) {
      const answer = await gateway.get(url, headers)
      expect(answer.status).toBe(200)
      expect(answer.body.equals(await blocks.get(at('dir')))).toBe(true)
      expect(answer.headers).toMatchObject({
        'content-type': 'application/vnd.ipld.raw',
        'content-disposition': `attachment; filename="${at('dir')}.bin"`,
        'x-content-type-options': 'nosniff',
        etag: `"${at('dir')}.raw"`,
        'cache-control': 'public, max-age=29030400, immutable',
      })
    }
  })

  it('tells caches when the Accept header chose it, and where it is without', async () => {
    const { headers } = await gateway.get(`/ipfs/${at('dir')}/sub?filename=x`, { Accept: 'application/vnd.ipld.raw' })
    expect(headers.vary).toBe('Accept')
    expect(headers['content-location']).toBe(`/ipfs/${at('dir')}/sub?filename=x&format=raw`)
    const byUrl = await gateway.get(`/ipfs/${at('dir')}/sub?format=raw`)
    expect(byUrl.headers.vary).toBeUndefined()
    expect(byUrl.headers['content-location']).toBeUndefined()
  })

  it('has ranges and conditions of its own', async () => {
    const bytes = Buffer.from(await blocks.get(at('dir')))
    const part = await gateway.get(`/ipfs/${at('dir')}?format=raw`, { Range: 'bytes=7-9' })
    expect([part.status, part.body]).toEqual([206, bytes.subarray(7, 10)])
    expect((await gateway.get(`/ipfs/${at('dir')}?format=raw`, { 'If-None-Match': `"${at('dir')}.raw"` })).status).toBe(304)
  })
})

describe('format and Accept', () => {
  it('let the URL count more', async () => {
    const type = async (url: string, accept: string) => (await gateway.get(url, { Accept: accept })).headers['content-type']
    expect(await type(`/ipfs/${at('dir')}?format=car`, 'application/vnd.ipld.raw')).toMatch(/^application\/vnd\.ipld\.car/)
    expect(await type(`/ipfs/${at('dir')}?format=raw`, 'application/vnd.ipld.car')).toBe('application/vnd.ipld.raw')
    expect(await type(`/ipfs/${at('dir/meta.json')}?format=json`, 'application/vnd.ipld.raw')).toBe('application/json')
  })

  it('take what is liked best', async () => {
    const type = async (accept: string) =>
      (await gateway.get(`/ipfs/${at('dir/a.bin')}`, { Accept: accept })).headers['content-type']
    expect(await type('application/vnd.ipld.raw;q=0.5, application/vnd.ipld.car')).toMatch(/car/)
    expect(await type('*/*, application/vnd.ipld.car;q=0.5')).toBe('application/octet-stream')
    expect(await type('application/vnd.ipld.car, */*')).toMatch(/car/)
    expect(await type('application/vnd.ipld.car;q=0, */*')).toBe('application/octet-stream')
    expect(await type('text/html,application/xhtml+xml,*/*;q=0.8')).toBe('application/octet-stream')
    expect(await type('application/json, text/plain, */*')).toBe('application/octet-stream')
  })
})

describe('a CAR', () => {
  const car = async (path: string, query = '', headers = {}) =>
    gateway.get(`/ipfs/${at('dir')}${path}?format=car${query}`, headers)

  it('holds, byte for byte, the blocks of the path and the whole DAG below it', async () => {
    const { status, headers, body } = await car('')
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'application/vnd.ipld.car; version=1; order=dfs; dups=n',
      'content-disposition': `attachment; filename="${at('dir')}.car"`,
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'none',
      'cache-control': 'public, max-age=29030400, immutable',
    })
    expect(body.equals(await expectedCar(at('dir'), once(await below(at('dir')))))).toBe(true)
    const deeper = await car('/sub/copy.bin')
    const cids = [at('dir'), at('dir/sub'), ...(await below(at('dir/sub/copy.bin')))]
    expect(deeper.body.equals(await expectedCar(at('dir/sub/copy.bin'), once(cids)))).toBe(true)
  })

  it('repeats blocks when asked to', async () => {
    const { headers, body } = await car('', '&car-dups=y')
    expect(headers['content-type']).toContain('dups=y')
    expect(body.equals(await expectedCar(at('dir'), await below(at('dir'))))).toBe(true)
    const byHeader = await car('', '', { Accept: 'application/vnd.ipld.car; order=dfs; dups=y' })
    expect(byHeader.body.equals(body)).toBe(true)
    const overruled = await car('', '&car-dups=n', { Accept: 'application/vnd.ipld.car; dups=y' })
    expect(overruled.headers['content-type']).toContain('dups=n')
  })

  it('keeps to its scope', async () => {
    const all = await below(at('dir/a.bin'))
    const cases: [string, string, CID, CID[]][] = [
      ['', '&dag-scope=block', at('dir'), [at('dir')]],
      ['', '&dag-scope=entity', at('dir'), [at('dir')]],
      ['/sub', '&dag-scope=block', at('dir/sub'), [at('dir'), at('dir/sub')]],
      ['/a.bin', '&dag-scope=block', at('dir/a.bin'), [at('dir'), at('dir/a.bin')]],
      ['/a.bin', '&dag-scope=entity', at('dir/a.bin'), [at('dir'), ...all]],
      ['/a.bin', '&entity-bytes=0:0', at('dir/a.bin'), [at('dir'), ...all.slice(0, 3)]],
      ['/a.bin', '&dag-scope=entity&entity-bytes=0:*', at('dir/a.bin'), [at('dir'), ...all]],
      ['/a.bin', '&entity-bytes=-1:*', at('dir/a.bin'), [at('dir'), all[0]!, all.at(-3)!, all.at(-1)!]],
      ['/a.bin', '&entity-bytes=3999:4000', at('dir/a.bin'), [at('dir'), all[0]!, all[1]!, ...all.slice(5, 8)]],
      ['/a.bin', '&entity-bytes=500:-9400', at('dir/a.bin'), [at('dir'), all[0]!]],
      ['', '&entity-bytes=99999:*', at('dir'), [at('dir')]],
    ]
    for (const [path, query, root, cids] of cases) {
      const { status, body } = await car(path, query)
      expect(status, path + query).toBe(200)
      const got: string[] = []
      for await (const { cid } of (await CarReader.fromBytes(body)).blocks()) got.push(cid.toString())
      expect(got, path + query).toEqual(cids.map(String))
      expect(body.equals(await expectedCar(root, cids)), path + query).toBe(true)
    }
  })

  it('follows dag-cbor into UnixFS', async () => {
    const { body } = await gateway.get(`/ipfs/${nft}/image/sub/small.txt?format=car`)
    const cids = [nft, at('dir'), at('dir/sub'), at('dir/sub/small.txt')]
    expect(body.equals(await expectedCar(at('dir/sub/small.txt'), cids))).toBe(true)
  })

  it('never holds an identity CID as a block', async () => {
    const inline = CID.createV1(0x55, identity.digest(Buffer.from('inline')))
    const root = await put(0x71, dagCbor.encode({ inline, leaf: at('dir/meta.json') }))
    expect(
      (await gateway.get(`/ipfs/${root}?format=car&car-dups=y`)).body.equals(
        await expectedCar(root, [root, at('dir/meta.json')]),
      ),
    ).toBe(true)
    expect((await gateway.get(`/ipfs/${inline}?format=car`)).body.equals(await expectedCar(inline, []))).toBe(true)
  })

  it('has an ETag for every shape, different from those of the file and the block', async () => {
    const urls = [
      '?format=car',
      '?format=car&car-dups=y',
      '?format=car&dag-scope=block',
      '?format=car&entity-bytes=0:1',
      '?format=car&entity-bytes=0:2',
      '?format=raw',
      '',
    ]
    const etags = new Set<string>()
    for (const url of urls) etags.add((await gateway.get(`/ipfs/${at('dir/a.bin')}${url}`, {}, 'HEAD')).headers.etag!)
    etags.add((await gateway.get(`/ipfs/${at('dir')}/a.bin?format=car`, {}, 'HEAD')).headers.etag!)
    expect(etags.size).toBe(urls.length + 1)
    const { etag } = (await car('')).headers
    expect((await car('', '', { 'If-None-Match': etag! })).status).toBe(304)
    expect((await car('', '&car-dups=y', { 'If-None-Match': etag! })).status).toBe(200)
  })

  it('answers HEAD without a body and ignores ranges', async () => {
    expect((await gateway.get(`/ipfs/${at('dir')}?format=car`, {}, 'HEAD')).body).toHaveLength(0)
    expect((await car('', '', { Range: 'bytes=0-1' })).status).toBe(200)
  })

  it('is refused where it cannot be made as asked', async () => {
    const cases: [string, number][] = [
      ['&car-version=2', 406],
      ['&car-order=backwards', 406],
      ['&car-dups=maybe', 406],
      ['&dag-scope=everything', 400],
      ['&entity-bytes=a:b', 400],
      ['&entity-bytes=5:4', 400],
      ['&entity-bytes=-1:-2', 400],
    ]
    for (const [query, status] of cases) expect((await car('/a.bin', query)).status, query).toBe(status)
    expect((await car('/a.bin', '&entity-bytes=9499:*')).status).toBe(200)
    expect((await car('/a.bin', '&entity-bytes=9500:*')).status).toBe(400)
    expect((await car('', '', { Accept: 'application/vnd.ipld.car; version=2' })).status).toBe(406)
    const second = { Accept: 'application/vnd.ipld.car;order=foo, application/vnd.ipld.car;order=dfs;dups=y;q=0.5' }
    expect((await gateway.get(`/ipfs/${at('dir')}`, second)).headers['content-type']).toContain('dups=y')
    expect((await car('/nothing')).status).toBe(404)
    expect((await gateway.get(`/ipfs/${CID.createV1(0x55, await sha256.digest(Buffer.from('?')))}?format=car`)).status).toBe(404)
    const unknownCodec = await put(0x78, sampleBytes(5))
    expect((await gateway.get(`/ipfs/${unknownCodec}?format=car`)).status).toBe(400)
    expect((await gateway.get(`/ipfs/${unknownCodec}`)).status).toBe(400)
    expect((await gateway.get(`/ipfs/${unknownCodec}?format=raw`)).status).toBe(200)
  })
})

describe('dag-cbor', () => {
  it('is walked into UnixFS, as the roots of the NFT API ask for', async () => {
    const metadata = await gateway.get(`/ipfs/${nft}/metadata.json`)
    expect([metadata.headers['content-type'], metadata.body.toString()]).toEqual(['application/json', '{"a":1}'])
    const image = await gateway.get(`/ipfs/${nft}/image/sub/small.txt`)
    expect(image.body.toString()).toBe('small')
    expect(image.headers['x-ipfs-roots']).toBe([nft, at('dir'), at('dir/sub'), at('dir/sub/small.txt')].join(','))
  })

  it('comes as it is, under the type asked for', async () => {
    const bytes = Buffer.from(await blocks.get(nft))
    for (const [query, type, suffix] of [
      ['', 'application/vnd.ipld.dag-cbor', 'dag-cbor'],
      ['?format=dag-cbor', 'application/vnd.ipld.dag-cbor', 'dag-cbor'],
      ['?format=cbor', 'application/cbor', 'cbor'],
    ] as const) {
      const { headers, body } = await gateway.get(`/ipfs/${nft}${query}`)
      expect([headers['content-type'], headers.etag]).toEqual([type, `"${nft}.${suffix}"`])
      expect(headers['content-disposition']).toBe(`attachment; filename="${nft}.cbor"`)
      expect(body.equals(bytes)).toBe(true)
    }
  })

  it('is never converted, nor is UnixFS', async () => {
    for (const format of ['dag-json', 'json']) expect((await gateway.get(`/ipfs/${nft}?format=${format}`)).status).toBe(406)
    for (const format of ['dag-json', 'dag-cbor', 'cbor', 'json']) {
      expect((await gateway.get(`/ipfs/${at('dir/a.bin')}?format=${format}`)).status, format).toBe(406)
    }
    expect((await gateway.get(`/ipfs/${at('dir')}/?format=json`)).status).toBe(406)
    expect((await gateway.get(`/ipfs/${nft}?format=tar`)).status).toBe(406)
    expect((await gateway.get(`/ipfs/${nft}?format=ipns-record`)).status).toBe(400)
  })

  it('answers 501 where a path ends inside the block', async () => {
    expect((await gateway.get(`/ipfs/${nft}/type`)).status).toBe(501)
    expect((await gateway.get(`/ipfs/${nft}/nothing`)).status).toBe(404)
  })

  it('is a page for a browser, in which names and values stay text', async () => {
    const { headers, body } = await gateway.get(`/ipfs/${nft}`, { Accept: 'text/html' })
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(headers['content-security-policy']).toMatch(/default-src 'none'/)
    expect(headers.etag).toMatch(/DagIndex-/)
    expect(body.toString()).toContain('&lt;script&gt;')
    expect(body.toString()).not.toMatch(/<script|<b>/)
    expect(body.toString()).toContain(`<a href="/ipfs/${nft}/metadata.json">metadata.json</a>`)
  })
})

describe('a TAR', () => {
  it('holds the tree', async () => {
    const { headers, body } = await gateway.get(`/ipfs/${at('dir')}?format=tar`)
    expect(headers).toMatchObject({
      'content-type': 'application/x-tar',
      etag: `W/"${at('dir')}.x-tar"`,
      'content-disposition': `attachment; filename="${at('dir')}.tar"`,
    })
    const entries = new Map((await unpackTar(body, { strict: true })).map(({ header, data }) => [header.name, data]))
    const expected = ['/', '/a.bin', '/meta.json', '/sub/', '/sub/copy.bin', '/sub/small.txt'].map(
      (name) => `${at('dir')}${name}`,
    )
    expect([...entries.keys()].sort()).toEqual(expected)
    expect(Buffer.compare(entries.get(`${at('dir')}/a.bin`)!, file)).toBe(0)
  })

  it('holds a single file under the name of its CID', async () => {
    const { body } = await gateway.get(`/ipfs/${at('dir')}/sub/small.txt?format=tar`)
    const [entry] = await unpackTar(body, { strict: true })
    expect([entry!.header.name, Buffer.from(entry!.data!).toString()]).toEqual([at('dir/sub/small.txt').toString(), 'small'])
  })
})
