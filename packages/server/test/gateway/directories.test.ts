import { unpackTar } from 'modern-tar'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Imported, importFiles, MemoryBlocks, putUnixFs } from '../../../content/test/read/fixtures.ts'
import { startGateway, type TestGateway } from './gateway.ts'

const blocks = new MemoryBlocks()
let gateway: TestGateway
let files: Imported
let sharded: Imported
const hostile = `"><img src=x onerror=alert(1)>&'.txt`

async function put(bytes: Uint8Array): Promise<CID> {
  return blocks.add(CID.createV1(0x70, await sha256.digest(bytes)), bytes)
}

beforeAll(async () => {
  gateway = await startGateway(blocks)
  files = await importFiles(blocks, [
    { path: 'dir/plain/words.txt', content: Buffer.from('words') },
    { path: `dir/plain/${hostile}`, content: Buffer.from('x') },
    { path: 'dir/plain/50% #1?.txt', content: Buffer.from('y') },
    { path: 'dir/site/index.html', content: Buffer.from('<p>the index') },
    { path: 'dir/odd/index.html/inner', content: Buffer.from('x') },
  ])
  const many = Array.from({ length: 2500 }, (_, i) => ({ path: `many/${i}.json`, content: Buffer.from(`{"id":${i}}`) }))
  sharded = await importFiles(blocks, many, { shardSplitThresholdBytes: 0 })
})

afterAll(() => gateway.app.close())

const at = (path: string) => files.byPath.get(path)!
const text = async (url: string, headers = {}) => (await gateway.get(url, headers)).body.toString()

describe('a directory', () => {
  it('redirects to the path with a slash, keeping the query', async () => {
    const { status, headers } = await gateway.get(`/ipfs/${at('dir')}/plain?a=b`)
    expect([status, headers.location]).toEqual([301, `/ipfs/${at('dir')}/plain/?a=b`])
    const host = { Host: `${at('dir')}.ipfs.localhost` }
    expect((await gateway.get('/plain', host)).headers.location).toBe('/plain/')
    expect((await gateway.get('//plain', host)).headers.location).toBe('/plain/')
  })

  it('answers with its index.html, under its own ETag', async () => {
    const { headers, body } = await gateway.get(`/ipfs/${at('dir')}/site/`)
    expect(body.toString()).toBe('<p>the index')
    expect(headers).toMatchObject({
      etag: `"${at('dir/site')}"`,
      'content-type': 'text/html; charset=utf-8',
      'x-ipfs-roots': `${at('dir')},${at('dir/site')}`,
      'content-security-policy': 'sandbox',
    })
  })

  it('is listed where index.html is not a file', async () => {
    expect(await text(`/ipfs/${at('dir')}/odd/`)).toContain('Index of')
  })

  it('is listed with names, sizes and CIDs, every name escaped', async () => {
    const url = `/ipfs/${at('dir')}/plain/`
    const { headers, body } = await gateway.get(url)
    const page = body.toString()
    expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'x-content-type-options': 'nosniff' })
    expect(headers.etag).toMatch(new RegExp(`^"DirIndex-.*_CID-${at('dir/plain')}"$`))
    expect(headers['content-security-policy']).toMatch(/default-src 'none'/)
    expect(headers['cache-control']).toBe('public, max-age=604800, stale-while-revalidate=2678400')
    expect(page).not.toContain('<img')
    expect(page).toContain(`<a href="/ipfs/${at('dir')}/plain/words.txt">words.txt</a>`)
    expect(page).toContain('50%25%20%231%3F.txt')
    expect(page).toContain(`/ipfs/${at('dir/plain/words.txt')}?filename=words.txt`)
    expect(page).toContain(`<a href="/ipfs/${at('dir')}/plain/..">..</a>`)
    expect(page).toMatch(/color-scheme:light dark/)
    expect(page).toMatch(/<html lang="en">/)
    const links = [...page.matchAll(/href="(\/ipfs\/[^"?]*\/plain\/[^".][^"]*)"/g)].map(([, href]) =>
      href!.replaceAll('&amp;', '&').replaceAll('&#39;', "'"),
    )
    expect(links).toHaveLength(3)
    for (const link of links) expect((await gateway.get(link)).status, link).toBe(200)
  })

  it('is listed on the origin of its root with links that stay there, and CIDs that leave', async () => {
    const page = await text('/plain/', { Host: `${at('dir')}.ipfs.localhost:99` })
    expect(page).toContain('<a href="/plain/words.txt">words.txt</a>')
    expect(page).toContain(`href="//localhost:99/ipfs/${at('dir/plain/words.txt')}?filename=words.txt"`)
    expect(await text('/', { Host: `${at('dir')}.ipfs.localhost:99` })).not.toContain('>..<')
  })

  it('answers 304 for the ETag of its page and HEAD without a body', async () => {
    const url = `/ipfs/${at('dir')}/plain/`
    const { etag } = (await gateway.get(url)).headers
    expect((await gateway.get(url, { 'If-None-Match': etag! })).status).toBe(304)
    const head = await gateway.get(url, {}, 'HEAD')
    expect([head.status, head.body.length, head.headers.etag]).toEqual([200, 0, etag])
  })
})

describe('a sharded directory', () => {
  const root = () => sharded.byPath.get('many')!

  it('gives a file after reading a handful of blocks', async () => {
    for (const name of ['0.json', '1234.json', '2499.json']) {
      blocks.read.length = 0
      expect(await text(`/ipfs/${root()}/${name}`)).toBe(`{"id":${name.slice(0, -5)}}`)
      expect(blocks.read.length).toBeLessThanOrEqual(5)
    }
    expect((await gateway.get(`/ipfs/${root()}/2500.json`)).status).toBe(404)
  })

  it('is listed page by page, each name once', async () => {
    const names = new Set<string>()
    for (let page = 1; page <= 3; page++) {
      const html = await text(`/ipfs/${root()}/?page=${page}`)
      const listed = [...html.matchAll(/">(\d+\.json)<\/a>/g)].map(([, name]) => name!)
      expect(listed).toHaveLength(page < 3 ? 1000 : 500)
      for (const name of listed) names.add(name)
      expect(html.includes('rel="next"')).toBe(page < 3)
      expect(html.includes('rel="prev"')).toBe(page > 1)
    }
    expect(names.size).toBe(2500)
  })

  it('has an ETag for every page', async () => {
    const etag = async (page: string) => (await gateway.get(`/ipfs/${root()}/${page}`)).headers.etag
    expect(new Set([await etag(''), await etag('?page=2'), await etag('?page=3')]).size).toBe(3)
    expect(await etag('?page=-1')).toBe(await etag(''))
  })
})

describe('what a directory may hold', () => {
  it('a symbolic link, which is answered as its target and not followed', async () => {
    const link = await putUnixFs(blocks, { type: 'symlink', data: Buffer.from('../elsewhere') })
    const { status, headers, body } = await gateway.get(`/ipfs/${link}`)
    expect([status, headers['content-type'], body.toString()]).toEqual([200, 'inode/symlink', '../elsewhere'])
    expect(headers['content-security-policy']).toBe('sandbox')
  })

  it('names that would lead a TAR out of its folder, which are refused with a status', async () => {
    const directory = (links: { name: string; cid: CID }[]) => putUnixFs(blocks, { type: 'directory' }, links)
    const leaf = at('dir/plain/words.txt')
    for (const name of ['../out', '..', 'a/../../out', 'zero\0byte']) {
      expect((await gateway.get(`/ipfs/${await directory([{ name, cid: leaf }])}?format=tar`)).status, name).toBe(400)
    }
    const inside = await directory([{ name: 'sub', cid: await directory([{ name: '../file', cid: leaf }]) }])
    const { status, body } = await gateway.get(`/ipfs/${inside}?format=tar`)
    expect(status).toBe(200)
    expect((await unpackTar(body)).map(({ header }) => header.name.replace(/\/$/, ''))).toContain(`${inside}/file`)
  })

  it('a block that is not UnixFS, which is said', async () => {
    const broken = await put(new Uint8Array([0xff]))
    expect((await gateway.get(`/ipfs/${broken}`)).status).toBe(422)
    expect((await gateway.get(`/ipfs/${broken}?format=raw`)).status).toBe(200)
  })
})
