import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestServer } from '../accounts/server.ts'
import { startServer } from '../accounts/server.ts'

let server: TestServer
let key: string
let accounts = 0

beforeAll(async () => {
  server = await startServer()
  ;({ key } = await server.createUser('first@example.com'))
})
afterAll(() => server?.[Symbol.asyncDispose]())

const newKey = async (scope?: 'all' | 'pins' | 'read' | 'upload') =>
  (await server.createUser(`user-${accounts++}@example.com`, scope)).key

/** The CID of a raw block; of a random one, which nobody has, where none is given. */
function cidOf(text: string = randomUUID()): string {
  return CID.createV1(0x55, Digest.create(0x12, createHash('sha256').update(text).digest())).toString()
}

async function call(method: string, path: string, body?: unknown, token = key): Promise<Answer & { text: string }> {
  const response = await fetch(`${server.api}${path}`, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: text === '' ? undefined : JSON.parse(text) }
}
const pin = (body: object, token = key) => call('POST', '/pins', body, token)
const list = async (query: Record<string, string>, token = key) =>
  (await call('GET', `/pins?${new URLSearchParams(query)}`, undefined, token)).json
const upload = async (text: string, token = key) =>
  (await call('POST', '/upload', text, token)).json.value as { cid: string; size: number }
const all = 'queued,pinning,pinned,failed'
const idsOf = (page: { results: { requestid: string }[] }) => page.results.map(({ requestid }) => requestid)

describe('a request to pin', () => {
  it('is accepted, and waits where the content is not here', async () => {
    const cid = cidOf()
    const { status, json, headers } = await pin({ cid, name: 'art', origins: ['/ip4/192.0.2.1/tcp/4001'], meta: { app: 'x' } })
    expect(status).toBe(202)
    expect(headers.get('content-type')).toContain('application/json')
    expect(json).toMatchObject({
      status: 'queued',
      pin: { cid, name: 'art', origins: ['/ip4/192.0.2.1/tcp/4001'], meta: { app: 'x' } },
      info: { status_details: 'It waits: no IPFS node of this server runs at the moment.' },
    })
    expect(json.delegates.length).toBeGreaterThan(0)
    expect(new Date(json.created).toISOString()).toBe(json.created)
    expect((await call('GET', `/pins/${json.requestid}`)).json).toEqual(json)
  })

  it('is pinned at once where somebody stored the content, in either version of the CID', async () => {
    const { cid, size } = await upload('stored by another', await newKey())
    const { json } = await pin({ cid })
    expect(json).toMatchObject({ status: 'pinned', info: { dag_size: String(size) } })
    const cborless = await pin({ cid: CID.parse(cid).toV1().toString() })
    expect(cborless.json.status).toBe('pinned')
    expect(cborless.json.requestid).not.toBe(json.requestid)
  })

  it('is pinned as soon as what it waits for is uploaded', async () => {
    const text = `later ${randomUUID()}`
    const { json } = await pin({ cid: cidOf(text) })
    expect(json.status).toBe('queued')
    await upload(text, await newKey())
    expect((await call('GET', `/pins/${json.requestid}`)).json.status).toBe('pinned')
  })

  it('of a CID that carries its content is pinned, and takes nothing', async () => {
    expect((await pin({ cid: 'bafkqablimvwgy3y' })).json.status).toBe('pinned')
  })

  it('gets an instant of its own, however many come at once', async () => {
    const token = await newKey()
    const answers = await Promise.all(Array.from({ length: 40 }, () => pin({ cid: cidOf() }, token)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 202))
    const instants = answers.map(({ json }) => json.created)
    expect(new Set(instants).size).toBe(40)
    const page = await list({ status: all, limit: '1000' }, token)
    expect(page.results.map(({ created }: { created: string }) => created)).toEqual([...instants].sort().reverse())
  })

  it.each([
    [{}, 'invalid pin: cid is required'],
    ['[]', 'invalid pin: expected a JSON object with cid'],
    [{ cid: 7 }, 'invalid pin: cid is required'],
    [{ cid: 'Qm' }, 'Invalid CID: Qm'],
    [{ cid: 'bafzaajaiaejca4syrpdu6gdx4wsdnokxkprgzxf4wrstuc34gxw5k5jrag2so5gk' }, 'names a key'],
    [{ cid: cidOf(), name: 7 }, 'expected name to be a string'],
    [{ cid: cidOf(), name: 'x'.repeat(256) }, 'name is too long: at most 255 characters, got 256'],
    [{ cid: cidOf(), name: 'a\0b' }, 'NUL'],
    [{ cid: cidOf(), origins: 'x' }, 'expected origins to be an array'],
    [{ cid: cidOf(), origins: ['https://example.org'] }, 'expected origins to be multiaddrs'],
    [{ cid: cidOf(), origins: Array.from({ length: 21 }, (_, n) => `/ip4/192.0.2.${n}/tcp/1`) }, 'at most 20 origins, got 21'],
    [{ cid: cidOf(), meta: [] }, 'expected meta to be an object'],
    [{ cid: cidOf(), meta: { a: 1 } }, 'expected the values of meta to be strings, got another one at "a"'],
  ])('is refused where it is wrong: %j', async (body, details) => {
    const { status, json } = await call('POST', '/pins', body)
    expect([status, json]).toEqual([400, { error: { reason: 'BAD_REQUEST', details: expect.stringContaining(details) } }])
  })

  it('takes absent and null for the same', async () => {
    const { status, json } = await pin({ cid: cidOf(), name: null, origins: null, meta: null })
    expect([status, Object.keys(json.pin)]).toEqual([202, ['cid']])
  })
})

describe('errors', () => {
  it.each([
    ['no key', '', 401, 'UNAUTHORIZED'],
    ['a wrong key', 'nonsense', 401, 'UNAUTHORIZED'],
  ])('have the shape of the Pinning Service API with %s', async (_what, token, status, reason) => {
    for (const [method, path] of [
      ['GET', '/pins'],
      ['POST', '/pins'],
      ['GET', `/pins/${randomUUID()}`],
      ['DELETE', '/pins/x'],
    ] as const) {
      const answer = await call(method, path, method === 'POST' ? {} : undefined, token)
      expect([answer.status, answer.json]).toEqual([status, { error: { reason, details: expect.any(String) } }])
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    }
  })

  it('are the same for a request of somebody else as for none', async () => {
    const { json } = await pin({ cid: cidOf() })
    const other = await newKey()
    for (const id of [json.requestid, randomUUID(), 'bafy', '%00']) {
      for (const method of ['GET', 'DELETE']) {
        const answer = await call(method, `/pins/${id}`, undefined, other)
        expect([answer.status, answer.json.error.reason]).toEqual([404, 'NOT_FOUND'])
      }
      expect((await call('POST', `/pins/${id}`, { cid: cidOf() }, other)).status).toBe(404)
    }
    expect((await call('GET', `/pins/${json.requestid}`)).status).toBe(200)
  })

  it('tell a body that is not JSON', async () => {
    const { status, json } = await call('POST', '/pins', '{')
    expect([status, json.error.reason]).toEqual([400, 'BAD_REQUEST'])
  })
})

describe('the scope of a key', () => {
  it('`pins` works for pins and only for them', async () => {
    const token = await newKey('pins')
    const { status, json } = await pin({ cid: cidOf() }, token)
    expect(status).toBe(202)
    expect((await call('GET', `/pins/${json.requestid}`, undefined, token)).status).toBe(200)
    expect((await call('POST', `/pins/${json.requestid}`, { cid: cidOf() }, token)).status).toBe(202)
    expect((await call('GET', '/', undefined, token)).json.error.code).toBe('ERROR_TOKEN_SCOPE')
    expect((await call('POST', '/upload', 'x', token)).status).toBe(403)
    expect((await call('DELETE', `/${cidOf()}`, undefined, token)).status).toBe(403)
  })

  it.each(['read', 'upload'] as const)('`%s` does not do', async (scope) => {
    const { status, json } = await pin({ cid: cidOf() }, await newKey(scope))
    expect([status, json.error.reason]).toEqual([403, 'ERROR_TOKEN_SCOPE'])
  })
})

describe('the list', () => {
  let token: string
  const created: string[] = []
  const cids = ['a', 'b', 'c', 'd'].map((name) => cidOf(`list ${name}`))
  const names = ['Night', 'night', '100%_Sure', 'starry NIGHT']
  beforeAll(async () => {
    token = await newKey()
    for (const [at, cid] of cids.entries()) {
      const answer = await pin({ cid, name: names[at] ?? '', meta: { n: String(at), even: String(at % 2 === 0) } }, token)
      created.push(answer.json.created)
    }
    await upload('list a', await newKey())
    await call('GET', `/pins/${idsOf(await list({ status: all, cid: cids[0] ?? '' }, token))[0]}`, undefined, token)
  })
  const namesOf = async (query: Record<string, string>) =>
    (await list({ status: all, ...query }, token)).results.map(({ pin }: { pin: { name: string } }) => pin.name).sort()

  it('shows what is pinned where nothing is said, and by status', async () => {
    expect(await list({}, token)).toMatchObject({ count: 1, results: [{ pin: { cid: cids[0] }, status: 'pinned' }] })
    expect((await list({ status: 'queued' }, token)).count).toBe(3)
    expect((await list({ status: 'pinned,queued' }, token)).count).toBe(4)
    expect((await list({ status: 'failed' }, token)).results).toEqual([])
  })

  it('matches names exactly, in any case, in part, and both', async () => {
    expect(await namesOf({ name: 'night' })).toEqual(['night'])
    expect(await namesOf({ name: 'night', match: 'exact' })).toEqual(['night'])
    expect(await namesOf({ name: 'NIGHT', match: 'iexact' })).toEqual(['Night', 'night'])
    expect(await namesOf({ name: 'ight', match: 'partial' })).toEqual(['Night', 'night'])
    expect(await namesOf({ name: 'ight', match: 'ipartial' })).toEqual(['Night', 'night', 'starry NIGHT'])
    expect(await namesOf({ name: '%_', match: 'partial' })).toEqual(['100%_Sure'])
    expect(await namesOf({ name: '_', match: 'exact' })).toEqual([])
  })

  it('finds CIDs in either version, and several', async () => {
    expect(await namesOf({ cid: `${cids[1]},${cids[2]}` })).toEqual(['100%_Sure', 'night'])
    const v0 = 'QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR'
    await pin({ cid: CID.parse(v0).toV1().toString(), name: 'spelled' }, token)
    expect(await namesOf({ cid: v0 })).toEqual(['spelled'])
  })

  it('filters by meta: all of it must be there', async () => {
    expect(await namesOf({ meta: '{"even":"true"}' })).toEqual(['100%_Sure', 'Night'])
    expect(await namesOf({ meta: '{"even":"true","n":"2"}' })).toEqual(['100%_Sure'])
    expect(await namesOf({ meta: '{"even":"maybe"}' })).toEqual([])
  })

  it('counts all that match, shows ten, and pages strictly by the instant', async () => {
    const own = await newKey()
    for (let n = 0; n < 13; n++) await pin({ cid: cidOf() }, own)
    const first = await list({ status: all }, own)
    expect([first.count, first.results.length]).toEqual([13, 10])
    const last = first.results.at(-1).created
    const second = await list({ status: all, before: last }, own)
    expect([second.count, second.results.length]).toEqual([3, 3])
    expect(idsOf(first).some((id) => idsOf(second).includes(id))).toBe(false)
    expect((await list({ status: all, after: last, limit: '4' }, own)).count).toBe(9)
    expect((await list({ status: all, after: last, limit: '4' }, own)).results.length).toBe(4)
  })

  it.each([
    [{ status: 'unpinned' }, 'expected status to be of queued, pinning, pinned, failed, got "unpinned"'],
    [{ match: 'fuzzy' }, 'expected match to be one of exact, iexact, partial, ipartial'],
    [{ limit: '0' }, 'expected limit to be a whole number from 1 to 1000, got "0"'],
    [{ limit: '1001' }, 'got "1001"'],
    [{ before: '2026-01-01' }, 'expected before to be an RFC 3339 date-time'],
    [{ after: 'now' }, 'expected after to be'],
    [{ meta: '{' }, 'meta is not JSON'],
    [{ meta: '{"a":1}' }, 'expected the values of meta to be strings'],
    [{ cid: 'x' }, 'Invalid CID: x'],
    [{ cid: Array.from({ length: 11 }, () => cidOf()).join() }, 'at most 10 CIDs, got 11'],
    [{ name: 'x'.repeat(256) }, 'name is too long'],
  ])('refuses %j', async (query, details) => {
    const answer = await call('GET', `/pins?${new URLSearchParams(query as Record<string, string>)}`)
    expect(answer.status).toBe(400)
    expect(answer.json.error).toEqual({ reason: 'BAD_REQUEST', details: expect.stringContaining(details) })
  })

  it('shows nothing of others', async () => {
    expect(await list({ status: all }, await newKey())).toEqual({ count: 0, results: [] })
  })
})

describe('replacing and deleting', () => {
  it('puts a new request in the place of the old one', async () => {
    const { json: old } = await pin({ cid: cidOf() })
    const cid = cidOf()
    const { status, json } = await call('POST', `/pins/${old.requestid}`, { cid, name: 'new' })
    expect([status, json.pin]).toEqual([202, { cid, name: 'new' }])
    expect(json.requestid).not.toBe(old.requestid)
    expect((await call('GET', `/pins/${old.requestid}`)).status).toBe(404)
    expect((await call('GET', `/pins/${json.requestid}`)).status).toBe(200)
    expect((await call('POST', `/pins/${old.requestid}`, { cid })).status).toBe(404)
  })

  it('keeps the old one where the new one is wrong', async () => {
    const { json: old } = await pin({ cid: cidOf() })
    expect((await call('POST', `/pins/${old.requestid}`, { cid: 'x' })).status).toBe(400)
    expect((await call('GET', `/pins/${old.requestid}`)).status).toBe(200)
  })

  it('answers 202 without a body, and 404 from then on', async () => {
    const { json } = await pin({ cid: cidOf() })
    const answer = await call('DELETE', `/pins/${json.requestid}`)
    expect([answer.status, answer.text]).toEqual([202, ''])
    expect((await call('DELETE', `/pins/${json.requestid}`)).status).toBe(404)
  })

  it('of a pin does not touch the upload of the same content, nor the reverse', async () => {
    const token = await newKey()
    const { cid } = await upload('both', token)
    const { json } = await pin({ cid }, token)
    await call('DELETE', `/pins/${json.requestid}`, undefined, token)
    expect((await call('GET', `/${cid}`, undefined, token)).json.value.pin.status).toBe('pinned')
    const again = await pin({ cid }, token)
    await call('DELETE', `/${cid}`, undefined, token)
    expect((await call('GET', `/pins/${again.json.requestid}`, undefined, token)).json.status).toBe('pinned')
  })
})

describe('what an account may keep', () => {
  const useOf = async (userId: number) =>
    (await sql<{ used: number }>`select storage_use(${userId}) as used`.execute(server.service.database.kysely)).rows[0]?.used
  const setLimit = (userId: number, bytes: number) =>
    sql`update "user" set storage_limit_bytes = ${bytes} where id = ${userId}`.execute(server.service.database.kysely)

  it('counts a pinned DAG once, whichever of its requests is left', async () => {
    const { user, key: token } = await server.createUser('use@example.com')
    const { cid, size } = await upload('counted', await newKey())
    const first = (await pin({ cid }, token)).json
    const second = (await pin({ cid }, token)).json
    expect(await useOf(user.userId)).toBe(size)
    await call('DELETE', `/pins/${first.requestid}`, undefined, token)
    expect(await useOf(user.userId)).toBe(size)
    const third = (await call('POST', `/pins/${second.requestid}`, { cid }, token)).json
    expect(await useOf(user.userId)).toBe(size)
    await call('DELETE', `/pins/${third.requestid}`, undefined, token)
    expect(await useOf(user.userId)).toBe(0)
  })

  it('fails a pin that goes over it, with the reason, and counts nothing for it', async () => {
    const { user, key: token } = await server.createUser('small@example.com')
    const { cid } = await upload('x'.repeat(2000), await newKey())
    await setLimit(user.userId, 1000)
    const { status, json } = await pin({ cid }, token)
    expect(status).toBe(202)
    expect(json.status).toBe('failed')
    expect(json.info.status_details).toContain('This account may keep 1000 bytes and keeps 2000; that includes this pin')
    expect(await useOf(user.userId)).toBe(0)
  })

  it('takes no request of an account that is full', async () => {
    const { user, key: token } = await server.createUser('full@example.com')
    await upload('y'.repeat(500), token)
    await setLimit(user.userId, 500)
    const { status, json } = await pin({ cid: cidOf() }, token)
    expect([status, json.error.reason]).toEqual([409, 'INSUFFICIENT_FUNDS'])
    expect(json.error.details).toContain('nothing more can be pinned')
  })

  it('is not open to an account that may not upload', async () => {
    const { user, key: token } = await server.createUser('restricted@example.com')
    await sql`update "user" set uploads_restricted = true where id = ${user.userId}`.execute(server.service.database.kysely)
    const { status, json } = await pin({ cid: cidOf() }, token)
    expect([status, json.error.reason]).toEqual([403, 'ERROR_ACCOUNT_RESTRICTED'])
  })
})

describe('on a host api.*', () => {
  it('the API is at the root', async () => {
    const options = { port: server.port, path: '/pins', headers: { host: 'api.example.org', authorization: `Bearer ${key}` } }
    const [response] = (await once(get(options), 'response')) as [IncomingMessage]
    expect([response.statusCode, Object.keys(JSON.parse(await readText(response)))]).toEqual([200, ['count', 'results']])
  })
})
