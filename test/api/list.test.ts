import { describe, expect, it } from 'vitest'
import { call, expectFailure, fresh, type Nft, shared, upload, valueIn } from '../setup/api.ts'
import { startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'

const { apiUrl, key } = shared()
const list = (query: string, secret = key) => call(apiUrl, 'GET', `/${query}`, { key: secret })

describe('the parameters of the list', () => {
  it.each(['0', '-1', '1001', '1.138', 'abc', '1e2', '0x10', '%20', '10%20', '99999999999999999999', '%00'])(
    'refuse limit=%s',
    async (limit) => {
      expectFailure(await list(`?limit=${limit}`), 400, 'HTTP_ERROR', /^invalid params/)
    },
  )

  it.each([
    '2022-03-13',
    '1647145067',
    'yesterday',
    '2022-03-13T04:17',
    '2022-03-13T04:17:47',
    '2022-13-13T04:17:47Z',
    '%00',
    'null',
  ])('refuse before=%s', async (before) => {
    expectFailure(await list(`?before=${before}`), 400, 'HTTP_ERROR', /^invalid params/)
  })

  it.each([
    '',
    '?limit=',
    '?limit=1',
    '?limit=1000',
    '?before=',
    '?before=2022-03-13T04:17:47Z',
    '?before=2022-03-13t04:17:47.969z',
    '?before=2022-03-13T04:17:47.969%2B00:00',
    '?before=2022-03-13T04:17:47.969+00:00',
    '?unknown=1',
    '?limit=5&limit=6',
  ])('accept "%s"', async (query) => {
    valueIn<Nft[]>(await list(query))
  })

  it.each(['?cursor=nonsense', '?cursor=%00', '?cursor=zzzzzzzzzzz.zzzzzzzzzzz', '?cursor=1.zzzzzzzzzzz', '?cid=nonsense'])(
    'refuse "%s"',
    async (query) => {
      expectFailure(await list(query), 400, /^(HTTP_ERROR|ERROR_INVALID_CID)$/)
    },
  )

  it.each([
    '?name=%00',
    '?name=%',
    `?name=${'x'.repeat(5000)}`,
    '?name=%25_%5C',
    '?before=0000-01-01T00:00:00Z',
    '?before=9999-12-31T23:59:59Z',
  ])('survive "%s"', async (query) => {
    expect((await list(query)).status).toBeLessThan(500)
  })
})

describe.skipIf(!startsServers)('the list of a user of his own', () => {
  it('is walked by before, by cursor, and counted, newest first', async () => {
    await using server = await startServer({ env: { LOG_LEVEL: 'warn' } })
    const own = await server.createKey({ name: 'lister' })
    const read = async (query: string) => {
      const answer = await call(server.apiUrl, 'GET', `/${query}`, { key: own })
      return { uploads: valueIn<Nft[]>(answer), headers: answer.headers }
    }
    const empty = await read('')
    expect(empty.uploads).toEqual([])
    expect(empty.headers.get('count')).toBe('0')

    const cids: string[] = []
    for (let n = 0; n < 12; n++) {
      const name = n === 3 ? 'A Cat' : `no ${n}`
      cids.unshift(valueIn(await upload(server.apiUrl, own, fresh(), 'image/png', { 'x-name': encodeURIComponent(name) })).cid)
    }
    const first = await read('')
    expect(first.uploads.map(({ cid }) => cid)).toEqual(cids.slice(0, 10))
    expect(first.headers.get('count')).toBe('12')
    expect(first.headers.get('access-control-expose-headers')).toContain('Count')
    expect((await read('?limit=1000')).uploads.map(({ cid }) => cid)).toEqual(cids)

    // `before` is inclusive: the last entry of a page comes again as the first of the next.
    const last = first.uploads.at(-1)!
    const second = await read(`?before=${encodeURIComponent(last.created)}`)
    expect(second.uploads.map(({ cid }) => cid)).toEqual(cids.slice(9))
    expect(second.headers.get('count')).toBe('3')

    // The cursor of the Link header is not, and ends by itself.
    const walked: string[] = []
    for (let query: string | undefined = '?limit=5'; query !== undefined; ) {
      const page = await read(query)
      walked.push(...page.uploads.map(({ cid }) => cid))
      expect(page.headers.get('count')).toBe('12')
      query = /<[^>]*\/api\/(\?[^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1]
    }
    expect(walked).toEqual(cids)

    expect((await read('?name=a%20cat')).uploads.map(({ name }) => name)).toEqual(['A Cat'])
    expect((await read('?name=%25')).uploads).toEqual([])
    expect((await read(`?cid=${cids[2]},${cids[4]}`)).uploads.map(({ cid }) => cid)).toEqual([cids[2], cids[4]])

    // Deleted ones leave the list and the count; coming back they keep their place.
    const victim = cids[6]!
    const [before] = (await read(`?cid=${victim}`)).uploads
    await call(server.apiUrl, 'DELETE', `/${victim}`, { key: own })
    const without = await read('?limit=1000')
    expect(without.uploads.map(({ cid }) => cid)).toEqual(cids.filter((cid) => cid !== victim))
    expect(without.headers.get('count')).toBe('11')
    expect(before!.created).toMatch(/Z$/)

    expect(await (async () => (await read('')).uploads)()).not.toContainEqual(expect.objectContaining({ cid: victim }))
    const another = await server.createKey({ name: 'other' })
    expect(valueIn<Nft[]>(await call(server.apiUrl, 'GET', '/', { key: another }))).toEqual([])
  })
})
