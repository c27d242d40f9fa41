import { describe, expect, it } from 'vitest'
import { call, expectFailure, fresh, jsonType, shared, upload, valueIn } from '../setup/api.ts'
import { rawCall } from '../setup/raw-request.ts'

const { url, apiUrl, key } = shared()
const origin = 'https://minter.example'

describe('a page of another origin', () => {
  it.each([
    '/upload',
    '/store',
    '/',
    '/bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve',
    '/check/x',
    '/internal/tokens',
    '/version',
  ])('may ask before it calls %s', async (path) => {
    const answer = await rawCall(url, {
      method: 'OPTIONS',
      path: `/api${path}`,
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-client,content-type',
      },
    })
    expect(answer).toMatchObject({ status: 204, text: '' })
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET,POST,DELETE,PATCH,OPTIONS',
      'access-control-allow-headers': 'authorization,x-client,content-type',
      'access-control-max-age': '86400',
      vary: expect.stringMatching(/origin/i),
    })
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
  })

  it.each([
    ['without an origin', { 'access-control-request-method': 'POST' }],
    ['without a method', { origin }],
    ['with nothing', {}],
  ])('is told 405 when it asks %s', async (_name, headers) => {
    const answer = await rawCall(url, { method: 'OPTIONS', path: '/api/upload', headers: headers as Record<string, string> })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
  })

  it.each<[string, string, string, number, string | undefined]>([
    ['a success', 'GET', '/version', 200, undefined],
    ['a list', 'GET', '/', 200, key],
    ['a missing key', 'GET', '/', 401, undefined],
    ['a bad CID', 'GET', '/nonsense', 400, key],
    ['an unknown CID', 'GET', '/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', 404, key],
    ['an empty upload', 'POST', '/upload', 400, key],
  ])('may read %s', async (_name, method, path, status, secret) => {
    const headers = { ...(secret && { authorization: `Bearer ${secret}` }) }
    const named = await rawCall(url, { method, path: `/api${path}`, headers: { ...headers, origin } })
    expect(named.status).toBe(status)
    expect(named.headers.get('access-control-allow-origin')).toBe(origin)
    expect(named.headers.get('vary')).toMatch(/origin/i)
    const anonymous = await rawCall(url, { method, path: `/api${path}`, headers })
    expect(anonymous.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('may read the count of a list', async () => {
    const answer = await call(apiUrl, 'GET', '/', { key, headers: { origin } })
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/\bCount\b/)
    expect(answer.headers.get('count')).toMatch(/^\d+$/)
  })
})

describe('paths', () => {
  it.each(['/version', '/version/', '/VERSION', '/Version/'])(
    'match in any case and with one slash at the end: %s',
    async (path) => {
      expect((await call(apiUrl, 'GET', path)).status).toBe(200)
    },
  )

  it.each<[string, string]>([
    ['HEAD', '/version'],
    ['HEAD', '/upload'],
    ['PUT', '/upload'],
    ['PUT', '/version'],
    ['PUT', '/bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'],
    ['POST', '/version'],
    ['POST', '/unknown'],
    ['PATCH', '/unknown'],
    ['DELETE', '/upload/x'],
    ['GET', '/upload/x/y'],
    ['GET', '/check/x/y'],
    ['PROPFIND', '/'],
  ])('answer 404 in plain text to %s %s', async (method, path) => {
    const answer = await rawCall(url, { method, path: `/api${path}`, headers: { authorization: `Bearer ${key}` } })
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(answer.text).toBe(method === 'HEAD' ? '' : '404 not found')
  })

  it('of one segment are taken for CIDs: 401 without a key, 400 with one', async () => {
    expectFailure(await call(apiUrl, 'GET', '/nothing-of-ours'), 401, 'EXPECTED_BEARER_STRING')
    expectFailure(await call(apiUrl, 'GET', '/nothing-of-ours', { key }), 400, 'ERROR_INVALID_CID')
  })
})

describe('answers', () => {
  it('of /version have no envelope', async () => {
    const answer = await call(apiUrl, 'GET', '/version')
    expect(answer.headers.get('content-type')).toBe(jsonType)
    expect(JSON.parse(answer.text)).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      commit: expect.any(String),
      branch: expect.any(String),
      mode: 'rwc',
    })
  })

  it('of /stats have data in place of value, and count uploads by type', async () => {
    const read = async () =>
      JSON.parse((await call(apiUrl, 'GET', '/stats')).text) as { ok: boolean; data: Record<string, number> }
    const before = await read()
    expect(before.ok).toBe(true)
    expect(Object.keys(before.data).toSorted()).toEqual([
      'deals_size_total',
      'deals_size_total_prev',
      'uploads_blob_total',
      'uploads_car_total',
      'uploads_multipart_total',
      'uploads_nft_total',
      'uploads_past_7_total',
      'uploads_remote_total',
    ])
    valueIn(await upload(apiUrl, key, fresh(), 'image/png'))
    const after = await read()
    // Other files of the suite upload at the same time.
    expect(after.data.uploads_blob_total).toBeGreaterThan(before.data.uploads_blob_total!)
  })

  it('of /health say whether the server can store and read', async () => {
    const response = await fetch(`${url}/health`)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toMatchObject({ ok: true, checks: { database: { ok: true }, blobs: { ok: true } } })
  })

  it('never name what serves them', async () => {
    const { headers } = await call(apiUrl, 'GET', '/version')
    for (const name of ['server', 'x-powered-by']) expect(headers.get(name)).toBeNull()
  })
})
