import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { approveApplication, declineApplication, forgetApplications } from '../../src/providers/applications.ts'
import { network, type Portal, startPortal, type Told } from './portal.ts'

let portal: Portal
const own = {
  organisation: 'Über & Söhne',
  city: 'Leipzig',
  country: 'de',
  continent: 'EU',
  retrieval_url: 'https://sp.example.com/',
}

beforeAll(async () => {
  portal = await startPortal()
  await portal.addProvider(1001)
  for (let actorId = 2001; actorId <= 2013; actorId++) await portal.addProvider(actorId, { isRegistered: false })
})
afterAll(async () => await portal[Symbol.asyncDispose]())
beforeEach(() => sql`delete from provider_application`.execute(portal.database.kysely))

async function register(actorId: number, about: Record<string, string> = own, call = 'register'): Promise<Told> {
  const argument = new URLSearchParams({ call, ...about }).toString()
  const response = await fetch(`http://localhost:${portal.server.port}/sp/register`, {
    method: 'POST',
    headers: { authorization: portal.headerOf(actorId, { argument }) },
  })
  return { ...((await response.json()) as Told), status: response.status, headers: response.headers }
}

const rows = async () =>
  (await sql<Record<string, unknown>>`select * from provider_application order by id`.execute(portal.database.kysely)).rows

describe('a provider that is not registered', () => {
  it('asks for it with what it has signed, and sees what came of it', async () => {
    const told = await register(2001)
    expect(told).toMatchObject({
      status: 200,
      response: {
        state: 'waiting',
        organisation: 'Über & Söhne',
        city: 'Leipzig',
        country: 'DE',
        continent: 'EU',
        retrieval_url: 'https://sp.example.com',
      },
    })
    expect((await portal.askAs(2001, 'status')).response).toMatchObject({
      registered: false,
      application: { state: 'waiting', city: 'Leipzig' },
    })
    expect((await portal.requests()).at(-2)).toMatchObject({ id: told.request_id, call: 'register', status: 200, actor_id: 2001 })
    expect(await portal.askAs(2001, 'eligible_pieces')).toMatchObject({ status: 403, error_code: 4401 })
    await approveApplication(portal.database, { network, actorId: 2001, by: 'a test' })
    expect((await portal.askAs(2001, 'status')).response).toMatchObject({ registered: true, organisation: 'Über & Söhne' })
    expect(await rows()).toMatchObject([{ state: 'approved', decided_by: 'a test' }])
    expect(await register(2001)).toMatchObject({ status: 409, error_code: 4400 })
  })

  it('asks again: what it said last counts', async () => {
    await register(2002)
    await register(2002, { ...own, city: 'Dresden' })
    expect(await rows()).toMatchObject([{ actor_id: 2002, city: 'Dresden', state: 'waiting' }])
  })

  it('is told that it was declined, and why, and may ask again after a week', async () => {
    await register(2003)
    await declineApplication(portal.database, { network, actorId: 2003, by: 'a test', because: 'nobody knows you' })
    expect((await portal.askAs(2003, 'status')).response.application).toMatchObject({
      state: 'declined',
      because: 'nobody knows you',
    })
    expect(await register(2003)).toMatchObject({
      status: 403,
      error_code: 4030,
      error_lines: [
        expect.stringMatching(/^The operator declined to register this provider \(nobody knows you\); ask again at 2/),
      ],
    })
    await sql`update provider_application set decided_at = decided_at - interval '7 days 1 minute'`.execute(
      portal.database.kysely,
    )
    expect(await register(2003)).toMatchObject({ status: 200 })
  })

  it.each([
    ['says no city', { ...own, city: ' ' }, 400, 'Say the city.'],
    ['names no country', { ...own, country: 'Germany' }, 400, /^A country is two letters/],
    ['names no continent', { ...own, continent: 'XX' }, 400, /^A continent is one of/],
    ['gives out at no address', { ...own, retrieval_url: 'ftp://x' }, 400, /^The retrieval URL/],
  ])('is refused where it %s', async (_what, about, status, line) => {
    expect(await register(2004, about)).toMatchObject({
      status,
      error_code: 4400,
      error_lines: [typeof line === 'string' ? line : expect.stringMatching(line)],
    })
    expect(await rows()).toEqual([])
  })

  it('has to have signed just this: a header for something else, or for nothing, registers nobody', async () => {
    expect(await register(2004, own, 'reserve_piece')).toMatchObject({ status: 401, error_code: 4401 })
    const response = await fetch(`http://localhost:${portal.server.port}/sp/register`, {
      method: 'POST',
      headers: { authorization: portal.headerOf(2004) },
    })
    expect(response.status).toBe(401)
    const forged = portal.headerOf(2004, { argument: `call=register&${new URLSearchParams(own)}`, key: 2005 })
    const told = await fetch(`http://localhost:${portal.server.port}/sp/register`, {
      method: 'POST',
      headers: { authorization: forged },
    })
    expect(told.status).toBe(401)
    expect(await rows()).toEqual([])
  })
})

describe('how many may wait', () => {
  it('is bounded for a place, and those that wait there already may still change what they said', async () => {
    for (let actorId = 2004; actorId <= 2013; actorId++) expect((await register(actorId)).status).toBe(200)
    expect(await register(2003)).toMatchObject({
      status: 429,
      error_code: 4503,
      error_lines: [expect.stringMatching(/^10 providers/)],
    })
    expect(await register(2004, { ...own, city: 'Halle' })).toMatchObject({ status: 200 })
  })

  it('is bounded in all', async () => {
    await sql`insert into provider_application (network, actor_id, name, organisation, city, country, continent, request_id, place)
      select ${network}, 5000 + n, '', 'o', 'c', 'DE', 'EU', gen_random_uuid(), n::text from generate_series(1, 200) n`.execute(
      portal.database.kysely,
    )
    expect(await register(2003)).toMatchObject({ status: 429, error_lines: [expect.stringMatching(/^200 providers/)] })
  })
})

it('what was decided is forgotten after a while, and what waits is not', async () => {
  for (const actorId of [2005, 2006]) await register(actorId)
  await declineApplication(portal.database, { network, actorId: 2005, by: 'a test', because: '' })
  await forgetApplications(portal.database, new Date(Date.now() + 1000))
  expect(await rows()).toMatchObject([{ actor_id: 2006 }])
})
