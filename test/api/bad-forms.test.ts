import { describe, expect, it } from 'vitest'
import { call, expectFailure, fresh, valueIn } from '../setup/api.ts'
import { multipart, multipartType, part } from '../setup/multipart.ts'
import { startsServers } from '../setup/shared.ts'
import { target } from '../setup/target.ts'

describe.skipIf(!startsServers)('whatever is sent', () => {
  const to = target()

  describe('as a form', () => {
    const file = (name: string) => multipart([part('file', name, fresh()), part('file', 'good.txt', 'good')])

    it.each([
      '../../etc/passwd',
      '..',
      'a/../../b',
      '/../x',
      'a/..',
      '..\\..\\windows',
      'nul\0nul',
      'x'.repeat(1025),
      'x'.repeat(65_536),
      'd/'.repeat(60),
    ])('with a file called %j is refused or kept inside its directory', async (name) => {
      const answer = await to.send(file(name), multipartType)
      if (answer.status !== 200)
        return expectFailure(
          answer,
          answer.status === 413 ? 413 : 400,
          /^(HTTP_ERROR|ERROR_INVALID_MULTIPART|PAYLOAD_TOO_LARGE)$/,
        )
      const { cid } = valueIn(answer)
      expect(await (await fetch(`${to.server.url}/ipfs/${cid}/good.txt`)).text()).toBe('good')
    })

    it.each(['..', 'a/../../b', '../../etc/passwd', 'nul\0nul', 'x'.repeat(65_536)])(
      'with a file called %j names nothing outside',
      async (name) => {
        expect((await to.send(file(name), multipartType)).status).toBeGreaterThanOrEqual(400)
      },
    )

    it.each<[string, string, Uint8Array<ArrayBuffer>]>([
      ['without a boundary in its type', 'multipart/form-data', file('x')],
      ['with an empty boundary', 'multipart/form-data; boundary=', file('x')],
      ['with another boundary than it says', 'multipart/form-data; boundary=other', file('x')],
      ['that is garbage', multipartType, fresh(10_000)],
      ['that is empty', multipartType, new Uint8Array(0)],
      [
        'that ends in the middle of a file',
        multipartType,
        multipart([part('file', 'x', fresh(300_000))], { end: false }).slice(0, -10),
      ],
      ['that ends in the middle of a header', multipartType, multipart([part('file', 'x', fresh())]).slice(0, 60)],
      ['that lacks its last boundary', multipartType, multipart([part('file', 'x', fresh())], { end: false })],
      [
        'of 2,000 text parts',
        multipartType,
        multipart([...Array.from({ length: 2000 }, (_, n) => part(`t${n}`, undefined, 'x')), part('file', 'x', fresh())]),
      ],
      [
        'with a file and a directory of one name',
        multipartType,
        multipart([part('file', 'a', fresh()), part('file', 'a/b', fresh())]),
      ],
    ])('%s is refused', async (_name, type, body) => {
      const before = await to.list()
      const answer = await to.send(body, type)
      expect([400, 413]).toContain(answer.status)
      expectFailure(answer, answer.status, /^(HTTP_ERROR|ERROR_INVALID_MULTIPART|PAYLOAD_TOO_LARGE)$/)
      expect(await to.list()).toEqual(before)
    })

    it('to /store that is garbage is refused', async () => {
      for (const body of [
        fresh(1000),
        new Uint8Array(0),
        multipart([part('meta', undefined, '{}')], { end: false }).slice(0, -8),
      ]) {
        const answer = await call(to.server.apiUrl, 'POST', '/store', {
          key: to.key,
          body,
          headers: { 'content-type': multipartType },
        })
        expectFailure(answer, 400, /^(HTTP_ERROR|ERROR_INVALID_MULTIPART)$/)
      }
    })

    it.each(['../../etc/passwd', '..', '', 'a/b', 'nul\0', 'x'.repeat(5000), '%2e%2e', '?#'])(
      'to /store with a file called %j is refused or stays inside',
      async (name) => {
        const body = multipart([part('meta', undefined, '{}'), part('image', name, fresh())])
        const answer = await call(to.server.apiUrl, 'POST', '/store', {
          key: to.key,
          body,
          headers: { 'content-type': multipartType },
        })
        if (answer.status !== 200) return expectFailure(answer, 400, /./)
        const { data } = valueIn<{ data: { image: string } }>(answer)
        expect(data.image).toMatch(/^ipfs:\/\/bafybei\w{52}\//)
      },
    )
  })
})
