import { readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { promoteUser } from '../../src/accounts/admin.ts'
import { insertDeal, insertProvider } from '../providers/deal-rows.ts'
import { tokenIn } from '../sign-in/mailbox.ts'
import { type Browser, openBrowser } from '../sign-in/site.ts'
import { network, type Portal, startPortal } from './portal.ts'
import { insertChecks } from './retrieval-rows.ts'

let portal: Portal
let admin: Browser
let user: Browser

beforeAll(async () => {
  portal = await startPortal()
  admin = await signedIn('admin@example.com')
  user = await signedIn('user@example.com')
  await promoteUser(portal.server.service, 'admin@example.com')
})
afterAll(async () => await portal[Symbol.asyncDispose]())

async function signedIn(email: string): Promise<Browser> {
  const browser = openBrowser(`http://localhost:${portal.server.port}`)
  const asked = await browser.post('/account/sign-in/email', { email })
  await browser.post('/account/sign-in/email/open', { token: tokenIn(asked.json.value.link) })
  return browser
}

const at = '/account/admin'
const get = async (path: string) => (await admin.get(`${at}${path}`)).json.value

describe('everything of the operator', () => {
  it('is refused to a user, and to nobody in particular, whatever it is', async () => {
    const document = JSON.parse(await readFile(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8'))
    const calls = Object.entries(document.paths as Record<string, object>)
      .filter(([path]) => path.startsWith(at))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })))
    const paths = calls.map(({ path }) => path)
    for (const part of ['/providers', '/deals', '/retrievals', '/replication', '/portal-requests', '/provider-applications'])
      expect(paths).toContain(`${at}${part}`)
    const anybody = openBrowser(`http://localhost:${portal.server.port}`)
    for (const { method, path } of calls) {
      const filled = path.replaceAll(/\{\w+\}/g, '1')
      const body = method === 'GET' || method === 'DELETE' ? {} : { body: {} }
      const told = await user.call(method, filled, body)
      expect([method, path, told.status, told.json.error.code]).toEqual([method, path, 403, 'ERROR_ADMIN_ONLY'])
      expect([method, path, (await anybody.call(method, filled, body)).status]).toEqual([method, path, 401])
    }
    expect((await sql`select from provider`.execute(portal.database.kysely)).rows).toEqual([])
  })
})

describe('storage providers', () => {
  const place = { organisation: 'Fjord', city: 'Oslo', country: 'no', continent: 'EU' }

  it('are registered, changed, suspended with a reason and let back in', async () => {
    await portal.addProvider(1001, { isRegistered: false })
    expect((await admin.post(`${at}/providers`, { provider: 'f01001', ...place })).status).toBe(200)
    expect((await admin.post(`${at}/providers`, { provider: 'f01001', ...place })).status).toBe(409)
    expect((await admin.post(`${at}/providers`, { provider: 'f01002', ...place, country: 'x!' })).status).toBe(400)
    await admin.post(`${at}/providers/f01001`, { city: 'Bergen' })
    expect((await get('/providers')).providers).toMatchObject([
      { provider: 'f01001', city: 'Bergen', country: 'NO', state: 'active' },
    ])
    await admin.post(`${at}/providers/f01001/suspend`, { because: 'lost three sectors' })
    expect(await portal.askAs(1001, 'eligible_pieces')).toMatchObject({ error_code: 4012 })
    await admin.post(`${at}/providers/f01001/resume`)
    expect(await portal.askAs(1001, 'eligible_pieces')).toMatchObject({ status: 200 })
    expect((await admin.post(`${at}/providers/f09/suspend`, { because: '' })).status).toBe(404)
  })

  it('that ask for it are registered or declined', async () => {
    for (const actorId of [3001, 3002]) {
      await portal.addProvider(actorId, { isRegistered: false })
      const argument = new URLSearchParams({ call: 'register', ...place, city: `City ${actorId}` }).toString()
      await fetch(`http://localhost:${portal.server.port}/sp/register`, {
        method: 'POST',
        headers: { authorization: portal.headerOf(actorId, { argument }) },
      })
    }
    expect(await get('/provider-applications')).toMatchObject([
      { provider: 'f03001', state: 'waiting', city: 'City 3001' },
      { provider: 'f03002', state: 'waiting' },
    ])
    expect((await admin.post(`${at}/provider-applications/f03001/approve`)).status).toBe(200)
    expect((await admin.post(`${at}/provider-applications/f03002/decline`, { because: 'no' })).status).toBe(200)
    expect((await admin.post(`${at}/provider-applications/f03002/approve`)).status).toBe(404)
    expect(await get('/provider-applications?state=declined')).toMatchObject([
      { provider: 'f03002', because: 'no', decidedBy: expect.stringMatching(/^user \d+$/) },
    ])
    expect(await portal.askAs(3001, 'eligible_pieces')).toMatchObject({ status: 200 })
  })

  it('are seen with what they give back, over time', async () => {
    const { rows } = await sql<{ id: number }>`select id from provider where actor_id = 1001`.execute(portal.database.kysely)
    await insertChecks(portal.database, await insertDeal(portal.database, { providerId: rows[0]!.id, state: 'active' }), {
      ok: 5,
    })
    const { providers } = await get('/retrievals')
    expect(providers.find(({ provider }: { provider: string }) => provider === 'f01001')).toMatchObject({
      standing: 'good',
      history: { steps: [{ checks: 5, verified: 5 }] },
    })
  })

  it('whose requests are kept are told of with what they were refused', async () => {
    const told = await get('/portal-requests?provider=f01001&all=true')
    expect(told.map(({ call, status }: { call: string; status: number }) => [call, status])).toEqual([
      ['eligible_pieces', 200],
      ['eligible_pieces', 403],
    ])
    expect(await get('/portal-requests?provider=f01001')).toMatchObject([{ errorCode: 4012, provider: 'f01001' }])
  })
})

describe('replication', () => {
  it('says where there is too much, what is missing, and where it could go', async () => {
    const { database } = portal
    await sql`truncate deal, aggregate, provider cascade`.execute(database.kysely)
    const [full, short] = await portal.addPieces(2)
    const places = [
      ['DE', 'EU'],
      ['DE', 'EU'],
      ['DE', 'EU'],
      ['JP', 'AS'],
    ] as const
    for (const [at, [country, continent]] of places.entries()) {
      const { id, actorId } = await insertProvider(database, { network })
      await sql`update provider set country = ${country}, continent = ${continent}, city = ${`City ${at}`} where id = ${id}`.execute(
        database.kysely,
      )
      await insertDeal(database, { providerId: id, aggregateId: full!.id, state: 'active' })
      if (at === 3) await insertDeal(database, { providerId: id, aggregateId: short!.id, state: 'active' })
      expect(actorId).toBeGreaterThan(0)
    }
    const report = await get('/replication')
    expect(report).toMatchObject({
      wanted: 3,
      short: 1,
      counts: [
        { replicas: 1, aggregates: 1 },
        { replicas: 4, aggregates: 1 },
      ],
      under: [{ pieceCid: short!.cid, replicas: 1 }],
      over: [{ pieceCid: full!.cid, replicas: 4 }],
      crowded: [{ pieceCid: full!.cid, where: 'DE', replicas: 3, most: 2 }],
    })
    expect(report.places).toEqual([
      { continent: 'AS', country: null, replicas: 2, aggregates: 2, over: 0, room: 1 },
      { continent: 'AS', country: 'JP', replicas: 2, aggregates: 2, over: 0, room: 1 },
      { continent: 'EU', country: null, replicas: 3, aggregates: 1, over: 0, room: 1 },
      { continent: 'EU', country: 'DE', replicas: 3, aggregates: 1, over: 1, room: 1 },
    ])
    const { offered } = await get('/providers')
    expect(offered).toMatchObject({
      pieces: 1,
      bytes: 2 ** 20,
      first: [{ pieceCid: short!.cid, replicas: 1, dataBytes: 900_000 }],
    })
  })
})

describe('deals', () => {
  it('are listed, shown and given up', async () => {
    const id = await insertDeal(portal.database, {
      providerId: (await insertProvider(portal.database, { network })).id,
      state: 'reserved',
    })
    expect((await get(`/deals?state=reserved`)).deals).toMatchObject([{ id, state: 'reserved' }])
    expect(await get(`/deals/${id}`)).toMatchObject({ deal: { id } })
    expect((await admin.post(`${at}/deals/${id}/cancel`, {})).status).toBe(200)
    expect(await get(`/deals/${id}`)).toMatchObject({ deal: { state: 'failed', reason: 'The operator cancelled it.' } })
    expect((await admin.post(`${at}/deals/${id}/cancel`, {})).status).toBe(409)
    expect((await admin.get(`${at}/deals/999999`)).status).toBe(404)
  })
})
