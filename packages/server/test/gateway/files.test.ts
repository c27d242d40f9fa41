import { allowsRange } from '@keepsake/server/http/conditions.ts'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fixedSize, type Imported, importFiles, MemoryBlocks, sampleBytes } from '../../../content/test/read/fixtures.ts'
import { startGateway, type TestGateway } from './gateway.ts'

const blocks = new MemoryBlocks()
const big = sampleBytes(10_000)
const small = Buffer.from('hello world!')
const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), sampleBytes(3000)])
let gateway: TestGateway
let files: Imported

beforeAll(async () => {
  gateway = await startGateway(blocks)
  const content = [
    { path: 'dir/big.bin', content: big },
    { path: 'dir/small.txt', content: small },
    { path: 'dir/picture', content: png },
    { path: 'dir/empty', content: new Uint8Array(0) },
    { path: 'dir/50% off/żółw.txt', content: small },
    { path: 'dir/a%20b.txt', content: small },
  ]
  files = await importFiles(blocks, content, { chunker: fixedSize({ chunkSize: 1000 }) })
})

afterAll(() => gateway.app.close())

const at = (path: string) => files.byPath.get(path)!
const urlOf = (path: string) => `/ipfs/${at(path)}`

describe('a file', () => {
  it('comes whole, with the headers that caches and pages need', async () => {
    for (const [path, content] of [
      ['dir/big.bin', big],
      ['dir/small.txt', small],
    ] as const) {
      const { status, headers, body } = await gateway.get(`/ipfs/${at('dir')}/${path.slice(4)}`)
      expect(status).toBe(200)
      expect(body.equals(content)).toBe(true)
      expect(headers).toMatchObject({
        'content-length': String(content.length),
        etag: `"${at(path)}"`,
        'cache-control': 'public, max-age=29030400, immutable',
        'accept-ranges': 'bytes',
        'x-content-type-options': 'nosniff',
        'x-ipfs-path': `/ipfs/${at('dir')}/${path.slice(4)}`,
        'x-ipfs-roots': `${at('dir')},${at(path)}`,
        'access-control-allow-origin': '*',
      })
      expect(headers['access-control-expose-headers']).toMatch(/X-Ipfs-Path.*X-Ipfs-Roots/)
      expect(headers['last-modified']).toBeUndefined()
      expect(headers['set-cookie']).toBeUndefined()
    }
  })

  it('answers HEAD with the same headers and no body, reading no more than its root', async () => {
    blocks.read.length = 0
    const head = await gateway.get(`${urlOf('dir/big.bin')}?filename=a.bin`, {}, 'HEAD')
    expect(blocks.read).toHaveLength(1)
    const get = await gateway.get(`${urlOf('dir/big.bin')}?filename=a.bin`)
    expect(head.status).toBe(200)
    expect(head.body).toHaveLength(0)
    expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' })
  })

  it('answers OPTIONS for any origin', async () => {
    const { status, headers } = await gateway.get(urlOf('dir'), { Origin: 'https://elsewhere.example' }, 'OPTIONS')
    expect(status).toBe(204)
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, HEAD, OPTIONS' })
  })

  it('refuses to be written', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const { status, headers } = await gateway.get(urlOf('dir/small.txt'), { 'Content-Type': 'application/nonsense' }, method)
      expect(status, method).toBe(405)
      expect(headers.allow).toBe('GET, HEAD, OPTIONS')
    }
  })

  it('may be empty', async () => {
    const { status, headers, body } = await gateway.get(urlOf('dir/empty'))
    expect([status, headers['content-length'], body.length]).toEqual([200, '0', 0])
  })

  it('is found by names with escapes, decoded once', async () => {
    expect((await gateway.get(`${urlOf('dir')}/50%25%20off/%C5%BC%C3%B3%C5%82w.txt`)).status).toBe(200)
    expect((await gateway.get(`${urlOf('dir')}/50%25%20off%2F%C5%BC%C3%B3%C5%82w.txt`)).status).toBe(200)
    expect((await gateway.get(`${urlOf('dir')}/a%2520b.txt`)).status).toBe(200)
    expect((await gateway.get(`${urlOf('dir')}/a%20b.txt`)).status).toBe(404)
    expect((await gateway.get(`${urlOf('dir')}/a%zzb.txt`)).status).toBe(400)
    expect((await gateway.get(`${urlOf('dir')}/${'long'.repeat(500)}`)).body.toString()).toMatch(/no link named "longlong/)
    expect((await gateway.get(`${urlOf('dir')}/50%25%20off/.././small.txt`)).status).toBe(200)
    expect((await gateway.get(`${urlOf('dir')}/../../../../small.txt`)).status).toBe(200)
  })
})

describe('the type of a file', () => {
  it('follows from its name, or the name given, or its first bytes', async () => {
    const types = async (url: string) => (await gateway.get(url)).headers['content-type']
    expect(await types(`${urlOf('dir')}/small.txt`)).toBe('text/plain; charset=utf-8')
    expect(await types(`${urlOf('dir/small.txt')}?filename=a.html`)).toBe('text/html; charset=utf-8')
    expect(await types(`${urlOf('dir')}/picture`)).toBe('image/png')
    expect(await types(urlOf('dir/picture'))).toBe('image/png')
    expect((await gateway.get(urlOf('dir/picture'), {}, 'HEAD')).headers['content-type']).toBe('image/png')
    expect((await gateway.get(urlOf('dir/picture'), { Range: 'bytes=2000-2001' })).headers['content-type']).toBe('image/png')
    expect((await gateway.get(urlOf('dir/picture'))).body.equals(png)).toBe(true)
  })

  it('is told from bytes without a name', async () => {
    const samples: [string, string][] = [
      ['{"name":"cat"}', 'application/json'],
      ['[1, 2]', 'application/json'],
      ['{not json}', 'text/plain; charset=utf-8'],
      ['{"broken": ', 'text/plain; charset=utf-8'],
      ['<!DOCTYPE html><p>hi', 'text/html; charset=utf-8'],
      ['  <script>alert(1)</script>', 'text/html; charset=utf-8'],
      ['<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">', 'image/svg+xml; charset=utf-8'],
      ['<svg onload=alert(1)>', 'image/svg+xml; charset=utf-8'],
      ['%PDF-1.7', 'application/pdf'],
      ['GIF89a', 'image/gif'],
      ['RIFF\x10\0\0\0WEBPVP8 ', 'image/webp'],
      ['\0\0\0\x18ftypavif', 'image/avif'],
      ['\0\0\0\x18ftypisom', 'video/mp4'],
      ['ID3\x04', 'audio/mpeg'],
      ['glTF\x02\0\0\0', 'model/gltf-binary'],
      ['\0\x01\x02', 'application/octet-stream'],
      ['just words', 'text/plain; charset=utf-8'],
    ]
    for (const [text, type] of samples) {
      const cid = CID.createV1(0x55, identity.digest(Buffer.from(text, 'latin1')))
      expect((await gateway.get(`/ipfs/${cid}`)).headers['content-type'], text).toBe(type)
    }
  })
})

describe('Content-Disposition', () => {
  it('carries the name asked for in ASCII and UTF-8, and asks to save on download=true', async () => {
    const of = async (query: string) => (await gateway.get(`${urlOf('dir/small.txt')}${query}`)).headers['content-disposition']
    expect(await of('')).toBeUndefined()
    expect(await of('?filename=a.txt')).toBe('inline; filename="a.txt"')
    expect(await of('?filename=a.txt&download=true')).toBe('attachment; filename="a.txt"')
    expect(await of('?download=true')).toBe('attachment')
    expect(await of(`?filename=${encodeURIComponent('testтест.pdf')}`)).toBe(
      `inline; filename="test____.pdf"; filename*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82.pdf`,
    )
    expect(await of(`?filename=${encodeURIComponent('a"\r\nSet-Cookie: x=y;.txt')}`)).toBe(
      `inline; filename="a___Set-Cookie: x=y;.txt"; filename*=UTF-8''a%22%0D%0ASet-Cookie%3A%20x%3Dy%3B.txt`,
    )
  })
})

describe('If-None-Match', () => {
  it('answers 304 for the ETag, weak or strong, alone or in a list, and for *', async () => {
    const etag = `"${at('dir/big.bin')}"`
    for (const value of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const { status, headers, body } = await gateway.get(urlOf('dir/big.bin'), { 'If-None-Match': value })
      expect(status, value).toBe(304)
      expect(body).toHaveLength(0)
      expect(headers.etag).toBe(etag)
      expect(headers['content-length']).toBeUndefined()
    }
    for (const value of ['"other"', at('dir/big.bin').toString(), `"${at('dir/big.bin')}.raw"`]) {
      expect((await gateway.get(urlOf('dir/big.bin'), { 'If-None-Match': value })).status, value).toBe(200)
    }
  })
})

describe('a range', () => {
  const range = (value: string, more = {}) => gateway.get(urlOf('dir/big.bin'), { Range: value, ...more })

  it('is answered at, below and above the edges of blocks and of the file', async () => {
    const cases: [string, number, number][] = [
      ['bytes=0-0', 0, 0],
      ['bytes=0-', 0, 9999],
      ['bytes=999-1000', 999, 1000],
      ['bytes=1000-1999', 1000, 1999],
      ['bytes=9999-', 9999, 9999],
      ['bytes=9998-20000', 9998, 9999],
      ['bytes=-1', 9999, 9999],
      ['bytes=-10000', 0, 9999],
      ['bytes=-10001', 0, 9999],
    ]
    for (const [value, from, to] of cases) {
      const { status, headers, body } = await range(value)
      expect(status, value).toBe(206)
      expect(headers['content-range'], value).toBe(`bytes ${from}-${to}/10000`)
      expect(headers['content-length']).toBe(String(to - from + 1))
      expect(body.equals(big.subarray(from, to + 1)), value).toBe(true)
      expect(headers.etag).toBe(`"${at('dir/big.bin')}"`)
    }
  })

  it('is 416 past the end', async () => {
    for (const value of ['bytes=10000-', 'bytes=10000-10001', 'bytes=-0', 'bytes=20000-,10000-']) {
      const { status, headers } = await range(value)
      expect(status, value).toBe(416)
      expect(headers['content-range']).toBe('bytes */10000')
    }
  })

  it('is ignored where it cannot be read, and for HEAD', async () => {
    for (const value of ['bytes=5-4', 'bytes=', 'bytes=a-b', 'lines=1-2', 'bytes=1', 'bytes=--1']) {
      const { status, body } = await range(value)
      expect([status, body.length], value).toEqual([200, 10_000])
    }
    expect((await gateway.get(urlOf('dir/big.bin'), { Range: 'bytes=0-1' }, 'HEAD')).status).toBe(200)
  })

  it('may be several, in one multipart body', async () => {
    const { status, headers, body } = await range('bytes=0-9, 995-1004, -5')
    expect(status).toBe(206)
    expect(headers['content-length']).toBe(String(body.length))
    const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(headers['content-type']!)![1]!
    const parts = body.toString('latin1').split(`\r\n--${boundary}`)
    expect(parts).toHaveLength(5)
    for (const [index, [from, to]] of [
      [0, 9],
      [995, 1004],
      [9995, 9999],
    ].entries()) {
      const [head, content] = parts[index + 1]!.split('\r\n\r\n') as [string, string]
      expect(head).toContain(`Content-Range: bytes ${from}-${to}/10000`)
      expect(head).toContain('Content-Type: application/octet-stream')
      expect(Buffer.from(content, 'latin1').equals(big.subarray(from!, to! + 1))).toBe(true)
    }
    expect(parts[4]).toBe('--\r\n')
  })

  it('gives the whole file for 17 ranges and for ranges that overlap to more than the whole', async () => {
    expect((await range(`bytes=${Array(16).fill('0-0').join(',')}`)).status).toBe(206)
    expect((await range(`bytes=${Array(17).fill('0-0').join(',')}`)).status).toBe(200)
    expect((await range('bytes=0-5000,0-4998')).status).toBe(206)
    expect((await range('bytes=0-5000,0-4999')).status).toBe(200)
  })

  it('is only answered while If-Range names the same strong ETag', async () => {
    const etag = `"${at('dir/big.bin')}"`
    expect((await range('bytes=0-1', { 'If-Range': etag })).status).toBe(206)
    for (const other of ['"other"', `W/${etag}`, 'Sun, 22 Nov 2026 00:00:00 GMT']) {
      expect((await range('bytes=0-1', { 'If-Range': other })).status, other).toBe(200)
    }
    expect(allowsRange('W/"same"', 'W/"same"')).toBe(false)
  })
})

describe('what cannot be had', () => {
  const unknown = 'bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'.replace('dvbh', 'dvbi')

  it('is said in a short text that names it', async () => {
    const cases: [string, number, RegExp][] = [
      ['/ipfs/QmInvalidCID', 400, /invalid path "\/ipfs\/QmInvalidCID"/],
      ['/ipfs/', 400, /a CID has to follow/],
      ['/ipfs', 400, /a CID has to follow/],
      [`/ipfs/${unknown}`, 404, new RegExp(unknown)],
      [`${urlOf('dir')}/nothing/here`, 404, /"nothing"/],
      [`${urlOf('dir/small.txt')}/below`, 404, /"below"/],
      ['/ipns/example/a', 400, /neither the key of a name nor a domain/],
      [`${urlOf('dir/small.txt')}?format=nonsense`, 400, /"nonsense"/],
    ]
    for (const [url, status, text] of cases) {
      const answer = await gateway.get(url)
      expect(answer.status, url).toBe(status)
      expect(answer.body.toString(), url).toMatch(text)
      expect(answer.body.length).toBeLessThan(500)
      expect(answer.body.toString()).not.toMatch(/\n\s+at /)
      expect(answer.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' })
      expect(answer.headers['access-control-allow-origin']).toBe('*')
    }
  })

  it('is 412 for only-if-cached, which what is here ignores', async () => {
    const headers = { 'Cache-Control': 'only-if-cached' }
    for (const method of ['GET', 'HEAD']) {
      expect((await gateway.get(`/ipfs/${unknown}`, headers, method)).status).toBe(412)
      expect((await gateway.get(urlOf('dir/small.txt'), headers, method)).status).toBe(200)
    }
  })
})

describe('CIDs', () => {
  it('are read in any base', async () => {
    const { base36 } = await import('multiformats/bases/base36')
    const { base58btc } = await import('multiformats/bases/base58')
    const { base16 } = await import('multiformats/bases/base16')
    const { base64url } = await import('multiformats/bases/base64')
    const cid = at('dir/small.txt')
    for (const base of [base36, base58btc, base16, base64url]) {
      expect((await gateway.get(`/ipfs/${cid.toString(base as typeof base36)}`)).status, base.name).toBe(200)
    }
    const v0 = at('dir').toV0()
    expect((await gateway.get(`/ipfs/${v0}/small.txt`)).headers['x-ipfs-roots']).toBe(`${v0},${cid}`)
  })

  it('may carry 128 bytes themselves and not 129', async () => {
    const inline = (length: number) => CID.createV1(0x55, identity.digest(sampleBytes(length)))
    expect((await gateway.get(`/ipfs/${inline(128)}`)).body).toHaveLength(128)
    expect((await gateway.get(`/ipfs/${inline(129)}`)).status).toBe(400)
  })

  it('answer the probe that clients send, GET and HEAD', async () => {
    for (const method of ['GET', 'HEAD']) {
      for (const format of ['', '?format=raw', '?format=car']) {
        expect((await gateway.get(`/ipfs/bafkqaaa${format}`, {}, method)).status, `${method} ${format}`).toBe(200)
      }
    }
  })
})
