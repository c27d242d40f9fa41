import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { configurationPage, renderDocs, staleDocs } from '../../../../scripts/docs.ts'
import { settings } from '../../src/config-settings.ts'
import type { OpenApiDocument, Operation } from '../../src/openapi/types.ts'
import { carOf } from '../accounts/car.ts'
import { startServer, type TestServer } from '../accounts/server.ts'

let server: TestServer
let document: OpenApiDocument
let operations: { path: string; method: string; operation: Operation }[]

beforeAll(async () => {
  server = await startServer()
  document = (await server.call('/openapi.json')).json
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  )
})
afterAll(() => server?.[Symbol.asyncDispose]())

const find = (id: string) => operations.find(({ operation }) => operation.operationId === id)?.operation as Operation

describe('the description of the API', () => {
  it('is valid OpenAPI 3.1, by a validator that finds mistakes', async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)))
    expect(result.errors).toBeUndefined()
    expect(result.valid).toBe(true)
    expect(document.openapi).toBe('3.1.0')

    const broken = JSON.stringify(document).replace('"description":"OK",', '')
    expect((await new Validator().validate(JSON.parse(broken))).valid).toBe(false)
  })

  it('refers only to schemas that are there', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    )
    expect(references.length).toBeGreaterThan(20)
    expect(new Set(Object.keys(document.components.schemas))).toEqual(new Set(references))
  })

  it('names every operation, once, with a summary, a known tag and a success', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    const known = document.tags.map(({ name }) => name)
    for (const { path, method, operation } of operations) {
      const { operationId, summary, tags, responses } = operation
      expect(operationId, `${method} ${path}`).toMatch(/^[a-z]\w+$/i)
      expect(summary, `${method} ${path}`).toBeTruthy()
      expect(known).toEqual(expect.arrayContaining(tags))
      expect(Object.keys(responses).some((status) => status.startsWith('2'))).toBe(true)
    }
  })

  it('has every route that the original service had and this server answers', () => {
    const routes = operations.map(({ path, method }) => `${method} ${path}`)
    expect(routes).toEqual(
      expect.arrayContaining([
        'post /api/upload',
        'post /api/store',
        'post /api/metaplex/upload',
        'get /api',
        'get /api/{cid}',
        'delete /api/{cid}',
        'patch /api/upload/{cid}',
        'get /api/check/{cid}',
        'get /api/internal/tokens',
        'post /api/internal/tokens',
        'delete /api/internal/tokens',
        'get /api/did',
        'post /api/user/did',
        'post /api/ucan/token',
        'get /api/user/tags',
        'get /api/version',
        'get /api/stats',
        'get /api/pins',
        'post /api/pins',
        'get /api/pins/{requestid}',
        'post /api/pins/{requestid}',
        'delete /api/pins/{requestid}',
      ]),
    )
  })

  it('says of each operation what it needs, as the server enforces it', async () => {
    for (const { path, method, operation } of operations) {
      const response = await fetch(`http://localhost:${server.port}${path.replace('{cid}', 'bafkqaaa')}`, {
        method: method.toUpperCase(),
      })
      const isPublic = operation.security?.length === 0
      expect(response.status === 401, `${method} ${path}`).toBe(!isPublic)
      await response.body?.cancel()
    }
    expect(find('upload').security).toEqual([{ apiKey: [] }, { ucan: [], agentDid: [] }, { session: [] }])
    expect(find('uploadWithMetaplex').security).toEqual([{ metaplex: [] }])
    expect(find('getUpload').security).toEqual([{ apiKey: [] }, { session: [] }])
    expect(find('getMe').security).toEqual([{ session: [] }])
  })

  it('tells the media types of bodies, the headers of answers and the codes of errors', () => {
    expect(Object.keys(find('upload').requestBody?.content ?? {})).toEqual([
      '*/*',
      'multipart/form-data',
      'application/vnd.ipld.car',
      'application/car',
    ])
    expect(Object.keys(find('createKey').requestBody?.content ?? {})).toEqual(['application/json'])
    expect(Object.keys(find('listUploads').responses['200']?.headers ?? {})).toEqual(['Count', 'Link'])
    expect(Object.keys(find('upload').responses['429']?.headers ?? {})).toEqual(['Retry-After'])
    expect(find('deleteUpload').responses['403']?.description).toContain('ERROR_DELETE_RESTRICTED')
    expect(find('upload').responses['400']?.description).toContain('ERROR_INVALID_CAR')
    expect(Object.keys(find('check').responses)).toEqual(['200', '400', '404', '500', '503'])
  })

  it('names the address that people use', async () => {
    expect(document.servers).toEqual([{ url: `http://localhost:${server.port}` }])
    await using other = await startServer({ PUBLIC_URL: 'https://keep.example.com/' })
    expect((await other.call('/openapi.json')).json.servers).toEqual([{ url: 'https://keep.example.com' }])
  })
})

describe('the page', () => {
  let response: Response
  let text: string
  beforeAll(async () => {
    response = await fetch(`${server.api}/docs`)
    text = await response.text()
  })

  it('is HTML that may load and run nothing', () => {
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const policy = response.headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/unsafe|script-src|https?:|\*/)
    expect(text).not.toMatch(/<script|\son\w+=|javascript:|<link[^>]+href="(?!data:)|src=/)
  })

  it('shows every operation with its path, its statuses and every schema', () => {
    for (const { path, method, operation } of operations) {
      const section = new RegExp(`<article id="${operation.operationId}">[^]*?</article>`).exec(text)?.[0]
      expect(section, `${method} ${path}`).toBeDefined()
      expect(section).toContain(`<code>${path}</code>`)
      expect(section).toContain('curl ')
      for (const status of Object.keys(operation.responses)) expect(section).toContain(`<code>${status}</code>`)
      for (const { name } of operation.parameters ?? []) expect(section).toContain(`>${name}</code>`)
    }
    for (const name of Object.keys(document.components.schemas)) expect(text).toContain(`id="schema-${name}"`)
  })

  it('links only to what is on it, or beside it', () => {
    for (const [, target] of text.matchAll(/href="([^"]+)"/g)) {
      if (target?.startsWith('#')) expect(text).toContain(`id="${target.slice(1)}"`)
      else expect(['openapi.json', 'data:,']).toContain(target)
    }
  })

  it('has one heading of the first order and skips none below', () => {
    const orders = [...text.matchAll(/<h([1-6])/g)].map(([, order]) => Number(order))
    expect(orders.filter((order) => order === 1)).toHaveLength(1)
    for (const [i, order] of orders.entries()) expect(order - (orders[i - 1] ?? 0)).toBeLessThanOrEqual(1)
  })

  it('escapes what it shows', () => {
    expect(text).toContain('Metaplex &lt;jwt&gt;')
    expect(text).not.toContain('<jwt>')
  })

  /** Of curl: the time that was set is over. */
  const outOfTime = 28

  it('gives examples for this server that run and are answered as documented', async () => {
    const { key } = await server.createUser('reader@example.com')
    const folder = await mkdtemp(join(tmpdir(), 'keepsake-examples-'))
    await writeFile(join(folder, 'art.png'), 'a picture')
    await writeFile(join(folder, 'notes.txt'), 'notes')
    await writeFile(join(folder, 'art.car'), (await carOf('a picture in a CAR')).car)
    const run = (line: string) =>
      new Promise<string>((resolve, reject) => {
        const command = `${line} --silent --show-error --max-time 5 --output answer --write-out '%{http_code}'`
        const env = { ...process.env, KEY: key, JWT: 'none', SPID: 'none' }
        execFile('sh', ['-c', command], { cwd: folder, env }, (error, out) => {
          // An answer that goes on as long as somebody listens; what it began with is known by then.
          if (error && !(error.code === outOfTime && out !== '000')) reject(error)
          else resolve(out)
        })
      })
    const refused = new Set([
      'uploadWithMetaplex',
      'getUpload',
      'getTimeline',
      'watchTimeline',
      'check',
      'deleteUpload',
      'renameUpload',
      'revokeKey',
      'createRootUcan',
      'getPin',
      'replacePin',
      'deletePin',
      'getProof',
      'getStorageProvider',
    ])
    let count = 0
    // What changes an account needs somebody who is signed in, or an answer that only he can give.
    for (const { operation, path, method } of operations)
      if (path.startsWith('/account') && !(method === 'get' && operation.security?.length === 0))
        refused.add(operation.operationId)
    // A storage provider shows who it is with a key that only it has.
    for (const { operation, path } of operations) if (path.startsWith('/sp/')) refused.add(operation.operationId)
    for (const { operation } of operations) {
      const section = new RegExp(`<article id="${operation.operationId}">[^]*?</article>`).exec(text)?.[0] as string
      for (const [, escaped] of section.matchAll(/<pre[^>]*><code>([^<]+)</g)) {
        const line = (escaped as string).replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&amp;', '&')
        const status = await run(line)
        expect(Object.keys(operation.responses), line).toContain(status)
        if (!refused.has(operation.operationId)) expect(status, line).toMatch(/^20/)
        count++
      }
    }
    expect(count).toBeGreaterThan(operations.length)
    await rm(folder, { recursive: true, force: true })
  })
})

describe('the generated documents', () => {
  it('are what the code says: npm run docs', async () => {
    expect(await staleDocs(await renderDocs(server.service))).toEqual([])
  })

  it('are told apart from what the code does not say', async () => {
    const documents = new Map([
      ['docs/configuration.md', `${configurationPage()}more`],
      ['docs/absent.md', ''],
    ])
    expect(await staleDocs(documents)).toEqual(['docs/configuration.md', 'docs/absent.md'])
  })

  it('describe every setting', () => {
    for (const name of Object.keys(settings)) expect(configurationPage()).toContain(`| \`${name}\` |`)
  })
})
