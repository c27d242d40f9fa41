import { describe, expect, it } from 'vitest'
import { call, form, fresh, valueIn } from '../setup/api.ts'
import { raw } from '../setup/cars.ts'
import { exchange, rawCall } from '../setup/raw-request.ts'
import { startsServers } from '../setup/shared.ts'
import { target } from '../setup/target.ts'

describe.skipIf(!startsServers)('whatever is sent', () => {
  const to = target()
  const begin = (type: string, more: Record<string, string>) => ({
    path: '/api/upload',
    headers: { authorization: to.authorization, 'content-type': type, ...more },
  })

  describe('as HTTP that is none', () => {
    const lines = (...text: string[]) => `${text.join('\r\n')}\r\n\r\n`
    it.each<[string, string, RegExp]>([
      ['garbage', lines('GARBAGE'), /^HTTP\/1\.1 400 /],
      ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['headers of 100 KiB', lines('GET /api/version HTTP/1.1', 'Host: x', `X-Big: ${'x'.repeat(100_000)}`), /^HTTP\/1\.1 431 /],
      ['a URL of 100 KiB', lines(`GET /api/${'x'.repeat(100_000)} HTTP/1.1`, 'Host: x'), /^HTTP\/1\.1 (414|431) /],
      [
        'two lengths',
        lines('POST /api/upload HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Content-Length: 2'),
        /^HTTP\/1\.1 400 /,
      ],
      [
        'a length and chunks',
        lines('POST /api/upload HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Transfer-Encoding: chunked'),
        /^HTTP\/1\.1 400 /,
      ],
      ['a length that is no number', lines('POST /api/upload HTTP/1.1', 'Host: x', 'Content-Length: many'), /^HTTP\/1\.1 400 /],
      ['a header without a colon', lines('GET /api/version HTTP/1.1', 'Host: x', 'nonsense'), /^HTTP\/1\.1 400 /],
      ['no host', lines('GET /api/version HTTP/1.1'), /^HTTP\/1\.1 400 /],
      [
        'chunks that are none',
        `${lines('POST /api/upload HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked')}zz\r\nhello`,
        /^HTTP\/1\.1 40[01] /,
      ],
    ])('%s gets an answer', async (_name, text, expected) => {
      expect(await exchange(to.server.url, text)).toMatch(expected)
    })

    it.each([
      ['garbage', lines('GARBAGE')],
      ['headers of 100 KiB', lines('GET /api/version HTTP/1.1', 'Host: x', `X-Big: ${'x'.repeat(100_000)}`)],
    ])('%s is answered in the envelope of all failures', async (_name, text) => {
      const [head = '', body = ''] = (await exchange(to.server.url, text)).split('\r\n\r\n')
      expect(head).toMatch(/content-type: application\/json;charset=UTF-8/i)
      expect(JSON.parse(body)).toEqual({ ok: false, error: { code: expect.any(String), message: expect.any(String) } })
    })

    it('chunks that break off in an upload leave nothing', async () => {
      const head = ['POST /api/upload HTTP/1.1', 'Host: x', `Authorization: ${to.authorization}`, 'Transfer-Encoding: chunked']
      const before = await to.list()
      expect(await exchange(to.server.url, `${lines(...head)}5\r\nhello\r\nzz\r\n`)).not.toContain('200 OK')
      expect(await to.list()).toEqual(before)
    })

    it.each([3_000, 20_000])('a CID of %i characters is refused', async (length) => {
      const answer = await rawCall(to.server.url, {
        method: 'GET',
        path: `/api/${'b'.repeat(length)}`,
        headers: { authorization: to.authorization },
      })
      expect([400, 404, 414]).toContain(answer.status)
    })

    it.each([
      '/api/%',
      '/api/%zz',
      '/api/check/%c3%28',
      '/api//',
      '/api/../../etc/passwd',
      '//',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/api/check/%00',
      '/ipfs/%zz',
      '/api/?limit=%zz',
      '/api?%',
      'http://evil.example/api/version',
      '*',
    ])('the target %s gets an answer that is no fault of the server', async (path) => {
      const answer = await rawCall(to.server.url, { method: 'GET', path, headers: { authorization: to.authorization } })
      expect(answer.status).toBeLessThan(500)
      expect(answer.text).not.toContain('root:')
    })

    it.each([
      ['Content-Encoding: gzip', { 'content-encoding': 'gzip' }],
      ['a range', { range: 'bytes=0-1' }],
      ['an unknown expectation', { expect: 'the-unexpected' }],
      ['an upgrade', { connection: 'upgrade', upgrade: 'websocket' }],
      ['a foreign host', { host: 'evil.example' }],
      ['an empty host', { host: '' }],
      ['1,000 headers', Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`x-${n}`, 'y']))],
    ])('an upload with %s is stored whole or refused', async (_name, headers) => {
      const bytes = fresh(100)
      const answer = await rawCall(
        to.server.url,
        begin('image/png', { 'content-length': '100', ...(headers as Record<string, string>) }),
        bytes,
      )
      if (answer.status === 200) expect(valueIn(answer)).toMatchObject({ size: 100, cid: String((await raw(bytes)).cid) })
      else expect(answer.status).toBeLessThan(500)
    })
  })

  it('leaves what was acknowledged readable to the end', async () => {
    const bytes = fresh(10_000)
    const nft = valueIn(await to.send(bytes, 'image/png'))
    valueIn(await call(to.server.apiUrl, 'POST', '/upload', { key: to.key, body: form([['file', bytes, 'x']]) }))
    expect(Buffer.compare(Buffer.from(await (await fetch(`${to.server.url}/ipfs/${nft.cid}`)).arrayBuffer()), bytes)).toBe(0)
    for (const cid of (await to.list()).slice(0, 50))
      expect((await call(to.server.apiUrl, 'GET', `/check/${cid}`)).status).toBe(200)
  })
})
