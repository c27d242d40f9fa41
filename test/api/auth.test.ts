import { createHmac } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKeyOver, type Scope } from '../setup/accounts.ts'
import { call, expectFailure, form, fresh, shared, upload, valueIn } from '../setup/api.ts'
import { raw } from '../setup/cars.ts'
import { type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'

const { apiUrl, key } = shared()

const missing = 'API Key is missing, make sure the `Authorization` header has a value in the following format `Bearer {api key}`.'
const malformed = 'API Key is malformed or failed to parse.'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
function signed(claims: unknown, secret: string, header: Record<string, unknown> = { alg: 'HS256', typ: 'JWT' }): string {
  const text = `${encode(header)}.${encode(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>

const { cid } = await raw(fresh())
/** Every route that needs a key, each with a mistake that must not be told to somebody without one. */
const guarded: [method: string, path: string][] = [
  ['POST', '/upload'],
  ['PATCH', '/upload/nonsense'],
  ['POST', '/store'],
  ['GET', '/'],
  ['GET', '/?limit=0&before=nonsense'],
  ['GET', '/nonsense'],
  ['GET', `/${cid}`],
  ['DELETE', '/nonsense'],
  ['GET', '/internal/tokens'],
  ['POST', '/internal/tokens'],
  ['DELETE', '/internal/tokens'],
]

const withBody = (method: string) => (method === 'GET' ? {} : { body: '{nonsense' })

describe('a request without a usable key', () => {
  it.each(guarded)('is refused by %s %s before anything else is looked at', async (method, path) => {
    expectFailure(await call(apiUrl, method, path, withBody(method)), 401, 'EXPECTED_BEARER_STRING', missing)
    expectFailure(
      await call(apiUrl, method, path, { ...withBody(method), key: 'garbage' }),
      401,
      'ERROR_MALFORMED_TOKEN',
      malformed,
    )
  })

  it.each([
    ['no scheme', key],
    ['another scheme', `Basic ${key}`],
    ['the scheme alone', 'Bearer'],
    ['the scheme and spaces', 'Bearer   '],
    ['an empty header', ''],
    ['a glued scheme', `Bearer${key}`],
  ])('is told that the key is missing: %s', async (_name, authorization) => {
    expectFailure(await call(apiUrl, 'GET', '/', { headers: { authorization } }), 401, 'EXPECTED_BEARER_STRING', missing)
  })

  const claims = claimsOf(key)
  const [header, payload, signature] = key.split('.') as [string, string, string]
  it.each([
    ['is garbage', 'garbage'],
    ['is a JWT signed with another secret', signed(claims, 'another secret of thirty-two characters')],
    ['is a JWT signed with an empty secret', signed(claims, '')],
    ['is a JWT with alg none', `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`],
    ['is a JWT with alg none and the old signature', `${encode({ alg: 'none' })}.${payload}.${signature}`],
    ['is a JWT with alg NONE', `${encode({ alg: 'NONE' })}.${payload}.`],
    ['is a JWT with alg HS512', signed(claims, 'x'.repeat(32), { alg: 'HS512' })],
    [
      'is a JWT that brings its own key',
      signed(claims, 'x', { alg: 'HS256', jwk: { kty: 'oct', k: Buffer.from('x').toString('base64url') } }),
    ],
    ['has other claims under the old signature', `${header}.${encode({ ...claims, sub: 'somebody else' })}.${signature}`],
    ['has lost its signature', `${header}.${payload}.`],
    ['has lost its end', key.slice(0, -5)],
    ['has something added', `${key}x`],
    ['is three dots', '...'],
    ['is 10,000 characters long', 'a'.repeat(10_000)],
    ['has spaces in it', 'one two three'],
  ])('is told that the key is malformed when it %s', async (_name, token) => {
    expectFailure(await call(apiUrl, 'GET', '/', { key: token }), 401, 'ERROR_MALFORMED_TOKEN', malformed)
  })

  it('cannot have its uploads stored', async () => {
    const bytes = fresh()
    expectFailure(await upload(apiUrl, 'garbage', bytes, 'image/png'), 401, 'ERROR_MALFORMED_TOKEN')
    expectFailure(await call(apiUrl, 'GET', `/check/${(await raw(bytes)).cid}`), 404, 'HTTP_ERROR', 'NFT not found')
  })
})

describe('a key', () => {
  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('is accepted after the scheme "%s"', async (scheme) => {
    expect((await call(apiUrl, 'GET', '/', { headers: { authorization: `${scheme} ${key}` } })).status).toBe(200)
  })

  it('is refused from the moment it is revoked', async () => {
    const secret = await createKeyOver(apiUrl, key, {})
    const { id } = valueIn<{ id: number; secret: string }[]>(await call(apiUrl, 'GET', '/internal/tokens', { key })).find(
      (k) => k.secret === secret,
    )!
    expect((await call(apiUrl, 'GET', '/', { key: secret })).status).toBe(200)
    expect((await call(apiUrl, 'DELETE', '/internal/tokens', { key, body: JSON.stringify({ id }) })).status).toBe(200)
    expectFailure(await call(apiUrl, 'GET', '/', { key: secret }), 401, 'ERROR_TOKEN_NOT_FOUND', 'API Key not found.')
  })

  it('is refused once it has expired', async () => {
    const secret = await createKeyOver(apiUrl, key, { expires: new Date(Date.now() + 1500) })
    expect((await call(apiUrl, 'GET', '/', { key: secret })).status).toBe(200)
    await sleep(1600)
    expectFailure(await call(apiUrl, 'GET', '/', { key: secret }), 401, 'ERROR_TOKEN_EXPIRED', 'API Key has expired.')
  })
})

const scopes: Scope[] = ['all', 'upload', 'read', 'pins']
const operations: [name: string, allowed: Scope[], run: (secret: string, own: string) => ReturnType<typeof call>][] = [
  ['upload', ['all', 'upload'], (secret) => upload(apiUrl, secret, fresh(), 'image/png')],
  [
    'store a token',
    ['all', 'upload'],
    (secret) =>
      call(apiUrl, 'POST', '/store', {
        key: secret,
        body: form([
          ['meta', '{}'],
          ['image', fresh(), 'i'],
        ]),
      }),
  ],
  ['rename', ['all', 'upload'], (secret, own) => call(apiUrl, 'PATCH', `/upload/${own}`, { key: secret, body: '{"name":"x"}' })],
  ['list', ['all', 'read'], (secret) => call(apiUrl, 'GET', '/', { key: secret })],
  ['see the status', ['all', 'read'], (secret, own) => call(apiUrl, 'GET', `/${own}`, { key: secret })],
  ['see keys', ['all'], (secret) => call(apiUrl, 'GET', '/internal/tokens', { key: secret })],
  [
    'create keys',
    ['all'],
    (secret) => call(apiUrl, 'POST', '/internal/tokens', { key: secret, body: JSON.stringify({ name: String(Math.random()) }) }),
  ],
  ['delete keys', ['all'], (secret) => call(apiUrl, 'DELETE', '/internal/tokens', { key: secret, body: '{"id":0}' })],
  ['delete', ['all'], (secret, own) => call(apiUrl, 'DELETE', `/${own}`, { key: secret })],
]

describe.each(scopes)('a key with scope %s', (scope) => {
  let secret: string
  let own: string
  beforeAll(async () => {
    secret = await createKeyOver(apiUrl, key, { scope })
    own = valueIn(await upload(apiUrl, key, fresh(), 'image/png')).cid
  })
  it.each(operations.map(([name, allowed, run]) => ({ name, may: allowed.includes(scope), run })))(
    'may $name: $may',
    async ({ may, run }) => {
      const answer = await run(secret, own)
      if (may) expect(answer.text).not.toContain('ERROR_TOKEN_SCOPE')
      else expectFailure(answer, 403, 'ERROR_TOKEN_SCOPE', /scope "\w+"/)
    },
  )
})

describe.skipIf(!startsServers)('a key that is signed right', () => {
  const secret = 'a secret that this test knows and nobody else'
  let server: Server
  let own: string
  beforeAll(async () => {
    server = await startServer({ env: { KEY_SECRET: secret } })
    own = await server.createKey({ name: 'mine' })
  })
  afterAll(() => server?.stop())

  it('is nobody when it names an unknown user', async () => {
    const token = signed({ ...claimsOf(own), sub: 'did:ethr:0x0' }, secret)
    expectFailure(await call(server.apiUrl, 'GET', '/', { key: token }), 401, 'ERROR_USER_NOT_FOUND', 'User not found.')
  })

  it.each([
    ['name', { name: 'another' }],
    ['instant', { iat: 1 }],
  ])('is not found when its user has no key of that %s', async (_name, changed) => {
    const token = signed({ ...claimsOf(own), ...changed }, secret)
    expectFailure(await call(server.apiUrl, 'GET', '/', { key: token }), 401, 'ERROR_TOKEN_NOT_FOUND', 'API Key not found.')
  })

  it.each([
    ['no subject', { iss: 'nft-storage', iat: 1, name: 'x' }],
    ['a subject that is no text', { sub: 7, iat: 1, name: 'x' }],
    ['an instant beyond any', { sub: 'x', iat: 1e300, name: 'x' }],
    ['a name with NUL', { sub: 'x\0', iat: 1, name: '\0' }],
  ])('is refused with %s', async (_name, claims) => {
    const answer = await call(server.apiUrl, 'GET', '/', { key: signed(claims, secret) })
    expectFailure(answer, 401, /^ERROR_(MALFORMED_TOKEN|USER_NOT_FOUND|TOKEN_NOT_FOUND)$/)
  })
})
