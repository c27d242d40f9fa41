import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createKeyOver } from '../setup/accounts.ts'
import { call, expectFailure, fresh, shared, upload, valueIn } from '../setup/api.ts'

const { apiUrl, key, otherKey } = shared()

interface Key {
  id: number
  name: string
  secret: string
  scope: string
  created: string
  expires: string | null
  lastUsed: string | null
}

const create = (body: unknown, secret = key) =>
  call(apiUrl, 'POST', '/internal/tokens', { key: secret, body: typeof body === 'string' ? body : JSON.stringify(body) })
const remove = (body: unknown, secret = key) =>
  call(apiUrl, 'DELETE', '/internal/tokens', { key: secret, body: typeof body === 'string' ? body : JSON.stringify(body) })
const list = async (secret = key) => valueIn<Key[]>(await call(apiUrl, 'GET', '/internal/tokens', { key: secret }))
const newName = () => `name ${randomUUID()}`

describe('creating a key', () => {
  it('answers with a key that works', async () => {
    const name = newName()
    const made = valueIn<Key>(await create({ name }))
    expect(made).toMatchObject({ id: expect.any(Number), name, scope: 'all', expires: null })
    expect(made.secret).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(JSON.parse(Buffer.from(made.secret.split('.')[1]!, 'base64url').toString())).toMatchObject({
      iss: 'nft-storage',
      name,
    })
    expect((await call(apiUrl, 'GET', '/', { key: made.secret })).status).toBe(200)
  })

  it.each([
    ['of the name "Ünïcode 🙂"', { name: `Ünïcode 🙂 ${randomUUID()}` }, {}],
    ['with a scope', { name: newName(), scope: 'read' }, { scope: 'read' }],
    ['with an expiry', { name: newName(), expires: '2099-01-01T00:00:00Z' }, { expires: '2099-01-01T00:00:00.000Z' }],
  ])('works %s', async (_name, body, expected) => {
    expect(valueIn<Key>(await create(body))).toMatchObject({ name: body.name, ...expected })
  })

  it.each<[string, unknown, string, string | RegExp]>([
    ['no name', {}, 'HTTP_ERROR', 'Token name is required.'],
    ['an empty name', { name: '' }, 'HTTP_ERROR', 'Token name is required.'],
    ['a name of spaces', { name: '   ' }, 'HTTP_ERROR', 'Token name is required.'],
    ['a name that is a number', { name: 7 }, 'HTTP_ERROR', 'Token name is required.'],
    ['a scope that is a list', { name: newName(), scope: ['all'] }, 'HTTP_ERROR', /all, upload, read, pins/],
    ['a name that is null', { name: null }, 'HTTP_ERROR', 'Token name is required.'],
    ['a name of 256 characters', { name: 'x'.repeat(256) }, 'HTTP_ERROR', /255/],
    ['a name of 64 KiB', { name: 'x'.repeat(65_536) }, 'HTTP_ERROR', /255/],
    ['a name with NUL', { name: 'a\0b' }, 'HTTP_ERROR', /NUL/],
    ['an unknown scope', { name: newName(), scope: 'root' }, 'HTTP_ERROR', /all, upload, read, pins/],
    ['an expiry that is no date', { name: newName(), expires: 'soon' }, 'HTTP_ERROR', /date-time/],
    ['an expiry in the past', { name: newName(), expires: '2020-01-01T00:00:00Z' }, 'HTTP_ERROR', /future/],
    ['a scope that is an object', { name: newName(), scope: {} }, 'HTTP_ERROR', /all, upload, read, pins/],
    ['an expiry that is an object', { name: newName(), expires: {} }, 'HTTP_ERROR', /date-time/],
    ['no body', '', 'HTTP_ERROR', 'Token name is required.'],
    ['a body that is no JSON', '{name', 'ERROR_INVALID_JSON', /JSON/],
    ['a body that is null', 'null', 'HTTP_ERROR', 'Token name is required.'],
    ['a body that is a list', '[1]', 'HTTP_ERROR', 'Token name is required.'],
    ['a body that is a text', '"x"', 'HTTP_ERROR', 'Token name is required.'],
    ['a body nested 100,000 deep', '['.repeat(100_000), 'ERROR_INVALID_JSON', /JSON/],
  ])('is refused with %s', async (_name, body, code, message) => {
    expectFailure(await create(body), 400, code, message)
  })

  it('is refused when a live key has the name', async () => {
    const name = newName()
    valueIn(await create({ name }))
    expectFailure(await create({ name }), 409, 'ERROR_DUPLICATE_KEY_NAME', 'Duplicate key name.')
  })

  it('makes one key of a name when eight ask for it at once', async () => {
    const name = newName()
    const answers = await Promise.all(Array.from({ length: 8 }, () => create({ name })))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409, 409, 409, 409, 409])
  })

  it('makes ten different keys at once', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, async () => valueIn<Key>(await create({ name: newName() }))))
    expect(new Set(made.map(({ secret }) => secret)).size).toBe(10)
  })

  it('cannot reach a prototype', async () => {
    const made = valueIn<Key>(await create(`{"name":${JSON.stringify(newName())},"__proto__":{"scope":"read"}}`))
    expect(made.scope).toBe('all')
  })
})

describe('the list of keys', () => {
  it('shows every live key with its whole secret, every time', async () => {
    const made = valueIn<Key>(await create({ name: newName() }))
    for (let i = 0; i < 2; i++) {
      const found = (await list()).find(({ id }) => id === made.id)
      expect(found).toMatchObject({ name: made.name, secret: made.secret })
      expect(found!.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    }
  })

  it("leaves out deleted keys and other users' keys", async ({ skip }) => {
    if (!otherKey) return skip('one user only: set KEEPSAKE_KEY_2')
    const made = valueIn<Key>(await create({ name: newName() }))
    expect((await list(otherKey)).some(({ id }) => id === made.id)).toBe(false)
    await remove({ id: made.id })
    expect((await list()).some(({ id }) => id === made.id)).toBe(false)
  })

  it('tells when a key was used', async () => {
    const secret = await createKeyOver(apiUrl, key, {})
    await call(apiUrl, 'GET', '/', { key: secret })
    const used = (await list()).find((k) => k.secret === secret)!.lastUsed
    expect(Math.abs(Date.parse(used!) - Date.now())).toBeLessThan(60_000)
  })
})

describe('deleting a key', () => {
  it.each([
    ['its number', (id: number) => ({ id })],
    ['its number as text', (id: number) => ({ id: String(id) })],
  ])('works by %s and frees the name', async (_name, body) => {
    const name = newName()
    const { id } = valueIn<Key>(await create({ name }))
    const answer = await remove(body(id))
    expect(answer).toMatchObject({ status: 200, text: '{"ok":true}' })
    expect(valueIn<Key>(await create({ name })).id).not.toBe(id)
  })

  it('leaves its name on the uploads made with it', async () => {
    const name = newName()
    const made = valueIn<Key>(await create({ name }))
    const { cid } = valueIn(await upload(apiUrl, made.secret, fresh(), 'image/png'))
    await remove({ id: made.id })
    expect(valueIn(await call(apiUrl, 'GET', `/${cid}`, { key })).scope).toBe(name)
  })

  it.each<[string, unknown, number, string, string | RegExp]>([
    ['no id', {}, 400, 'HTTP_ERROR', 'Token id is required.'],
    ['an empty id', { id: '' }, 400, 'HTTP_ERROR', 'Token id is required.'],
    ['no body', '', 400, 'HTTP_ERROR', 'Token id is required.'],
    ['a body that is no JSON', '{', 400, 'ERROR_INVALID_JSON', /JSON/],
    ['a null id', { id: null }, 400, 'HTTP_ERROR', 'Token id is required.'],
    ['an id that is true', { id: true }, 404, 'HTTP_ERROR', 'Token not found.'],
    ['an unknown id', { id: 2_000_000_000 }, 404, 'HTTP_ERROR', 'Token not found.'],
    ['an id beyond the range of the database', { id: '9007199254740991' }, 404, 'HTTP_ERROR', 'Token not found.'],
    ['an id that is no number', { id: 'x' }, 404, 'HTTP_ERROR', 'Token not found.'],
    ['an id that is a fraction', { id: 1.5 }, 404, 'HTTP_ERROR', 'Token not found.'],
    ['an id that is a list', { id: [1] }, 404, 'HTTP_ERROR', 'Token not found.'],
  ])('is refused with %s', async (_name, body, status, code, message) => {
    expectFailure(await remove(body), status, code, message)
  })

  it("is refused for a deleted key and another user's", async ({ skip }) => {
    const { id } = valueIn<Key>(await create({ name: newName() }))
    await remove({ id })
    expectFailure(await remove({ id }), 404, 'HTTP_ERROR', 'Token not found.')
    if (!otherKey) return skip('one user only: set KEEPSAKE_KEY_2')
    const mine = valueIn<Key>(await create({ name: newName() }))
    expectFailure(await remove({ id: mine.id }, otherKey), 404, 'HTTP_ERROR', 'Token not found.')
    expect((await call(apiUrl, 'GET', '/', { key: mine.secret })).status).toBe(200)
  })
})
