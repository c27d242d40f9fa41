import { findRedirect, parseRedirects, withQuery } from '@keepsake/server/gateway/redirects-file.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importFiles, MemoryBlocks } from '../../../content/test/read/fixtures.ts'
import { startGateway, type TestGateway } from './gateway.ts'

const rules = `# a comment
/one /one.html

/two\t/two.html   302\r
/posts/:year/:title  /articles/:title/:year 308
/splat/* /elsewhere/:splat 301
/api/* https://api.example:8080/:splat?key=1 307
/gone/* /gone.html 410
/lost/* /nowhere.html 404
/app/* /index.html 200
`

describe('a _redirects file', () => {
  const find = (path: string) => findRedirect(parseRedirects(rules), path.split('/').filter(Boolean))

  it('gives the first rule that fits, with placeholders filled in', () => {
    expect(find('/one')).toEqual({ to: '/one.html', status: 301 })
    expect(find('/two')).toEqual({ to: '/two.html', status: 302 })
    expect(find('/posts/2022/hello world')).toEqual({ to: '/articles/hello%20world/2022', status: 308 })
    expect(find('/splat/a/b')).toEqual({ to: '/elsewhere/a/b', status: 301 })
    expect(find('/splat')).toEqual({ to: '/elsewhere/', status: 301 })
    expect(find('/api/v1/x')).toEqual({ to: 'https://api.example:8080/v1/x?key=1', status: 307 })
    expect(find('/posts/2022')).toBeUndefined()
    expect(find('/onemore')).toBeUndefined()
  })

  it('is refused whole when a line is wrong, naming the line', () => {
    const wrong = [
      '/a',
      '/a /b 301!',
      '/a /b 418',
      '/a /b 301 more',
      'a /b',
      '/a b',
      '/a/:x/:x /b',
      '/a/*/b /c',
      '/a https://x.example 200',
      '/a javascript:alert(1)',
    ]
    for (const line of wrong) expect(() => parseRedirects(`# first\n${line}\n`), line).toThrow(/^line 2: /)
  })

  it('keeps names that came from the path from becoming other parts of a URL', () => {
    const [rule] = parseRedirects('/a/:x /b?code=:x')
    expect(findRedirect([rule!], ['a', 'c&d=e#f'])?.to).toBe('/b?code=c%26d%3De%23f')
  })

  it('merges queries, the one of the request first', () => {
    expect(withQuery('/a?x=1&y=2#z', new URLSearchParams('y=3&w=4'))).toBe('/a?x=1&y=3&w=4#z')
    expect(withQuery('/a', new URLSearchParams())).toBe('/a')
  })
})

describe('a site with _redirects', () => {
  const blocks = new MemoryBlocks()
  let gateway: TestGateway
  let origin: string
  let path: string
  const sites: Record<string, string> = {}

  beforeAll(async () => {
    gateway = await startGateway(blocks)
    const site = async (redirects: string) => {
      const files = [
        { path: 'site/_redirects', content: Buffer.from(redirects) },
        { path: 'site/index.html', content: Buffer.from('the app') },
        { path: 'site/gone.html', content: Buffer.from('it is gone') },
        { path: 'site/app/real', content: Buffer.from('a real file') },
      ]
      return (await importFiles(blocks, files)).root.toV1().toString()
    }
    const cid = await site(rules)
    origin = `${cid}.ipfs.localhost`
    path = `/ipfs/${cid}`
    sites.broken = `${await site('/a /b 301!')}.ipfs.localhost`
    sites.fits = `${await site(`/a /index.html 200\n#${'x'.repeat(64 * 1024 - 22)}`)}.ipfs.localhost`
    sites.large = `${await site(`/a /index.html 200\n#${'x'.repeat(64 * 1024)}`)}.ipfs.localhost`
  })

  afterAll(() => gateway.app.close())

  it('sends visitors of paths that are not there elsewhere', async () => {
    const { status, headers } = await gateway.get('/one?a=b', { Host: origin })
    expect([status, headers.location]).toEqual([301, '/one.html?a=b'])
  })

  it('answers with another page, under the status of the rule', async () => {
    const app = await gateway.get('/app/deep/link', { Host: origin })
    expect([app.status, app.body.toString(), app.headers['content-type']]).toEqual([200, 'the app', 'text/html; charset=utf-8'])
    expect((await gateway.get('/app/deep', { Host: origin, 'If-None-Match': app.headers.etag! })).status).toBe(304)
    const gone = await gateway.get('/gone/x', { Host: origin, Range: 'bytes=0-1', 'If-None-Match': '*' })
    expect([gone.status, gone.body.toString()]).toEqual([410, 'it is gone'])
    expect((await gateway.get('/lost/x', { Host: origin })).status).toBe(404)
  })

  it('never overrules a path that is there', async () => {
    expect((await gateway.get('/app/real', { Host: origin })).body.toString()).toBe('a real file')
  })

  it('says nothing where the origin is not its own, nor for blocks and CARs', async () => {
    expect((await gateway.get(`${path}/one`)).status).toBe(404)
    expect((await gateway.get('/app/x?format=car', { Host: origin })).status).toBe(404)
    expect((await gateway.get('/app/x', { Host: origin, Accept: 'application/vnd.ipld.raw' })).status).toBe(404)
  })

  it('is told of its mistakes', async () => {
    const broken = await gateway.get('/nothing', { Host: sites.broken! })
    expect([broken.status, broken.body.toString()]).toEqual([500, expect.stringContaining('could not parse _redirects: line 1')])
    expect((await gateway.get('/a', { Host: sites.fits! })).status).toBe(200)
    const large = await gateway.get('/a', { Host: sites.large! })
    expect([large.status, large.body.toString()]).toEqual([
      500,
      expect.stringContaining('redirects file size cannot exceed 65536'),
    ])
  })
})
