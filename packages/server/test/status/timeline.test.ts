import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Timeline } from '@keepsake/api/timeline.ts'
import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as cars from '../../../../test/setup/cars.ts'
import { createKey } from '../../src/accounts/keys.ts'
import { createApp } from '../../src/app.ts'
import { openService } from '../../src/service.ts'
import { type Site, startSite } from '../sign-in/site.ts'
import { readEvents } from './event-reader.ts'

let site: Site
let key: string

beforeAll(async () => {
  site = await startSite()
  key = (await site.createUser('watcher@example.com')).key
})
afterAll(() => site?.[Symbol.asyncDispose]())

const withKey = (token: string) => ({ authorization: `Bearer ${token}` })

async function uploadCar(car: Uint8Array<ArrayBuffer>, token = key): Promise<string> {
  const headers = { ...withKey(token), 'content-type': 'application/car' }
  const { json } = await site.call('/upload', { method: 'POST', headers, body: car })
  if (!json.ok) throw new Error(JSON.stringify(json))
  return json.value.cid
}

interface InTwoParts {
  root: CID
  missing: CID
  first: Uint8Array<ArrayBuffer>
  second: Uint8Array<ArrayBuffer>
}

/** A directory of two files, in two CARs with one of them each. */
async function inTwoParts(): Promise<InTwoParts> {
  const [soon, late] = [await cars.raw(randomBytes(40)), await cars.raw(randomBytes(40))]
  const root = await cars.directory([
    { name: 'soon', cid: soon.cid, sizeBytes: 40 },
    { name: 'late', cid: late.cid, sizeBytes: 40 },
  ])
  return {
    root: root.cid,
    missing: late.cid,
    first: cars.car([root.cid], [root, soon]),
    second: cars.car([root.cid], [root, late]),
  }
}

const watch = (cid: unknown, headers: Record<string, string> = withKey(key), api = site.api) =>
  readEvents(`${api}/${cid}/events`, headers)

const stepOf = (timeline: Timeline, name: string) => timeline.steps.find(({ step }) => step === name)

describe('the timeline of an upload', () => {
  it('says what is true, with when, and what is waited for since when', async () => {
    const { root, missing, first } = await inTwoParts()
    await uploadCar(first)
    const { json } = await site.call(`/${root}/timeline`, { headers: withKey(key) })
    expect(json.value.cid).toBe(root.toString())
    expect(json.value.steps.map(({ step, state }: { step: string; state: string }) => [step, state])).toEqual([
      ['received', 'done'],
      ['verified', 'done'],
      ['complete', 'waiting'],
      ['pinned:embedded', 'waiting'],
    ])
    expect(stepOf(json.value, 'received')).toMatchObject({ text: 'With the key “first”.' })
    expect(stepOf(json.value, 'complete')).toMatchObject({
      title: 'Waiting for the rest',
      text: expect.stringMatching(/^One block is known to be missing/),
      evidence: [{ label: 'Missing', value: missing.toString(), kind: 'id' }],
    })
    const { since } = stepOf(json.value, 'complete') as { since: string }
    expect(Date.now() - Date.parse(since)).toBeLessThan(30_000)
  })

  it('is nobody else’s', async () => {
    const { root, first } = await inTwoParts()
    await uploadCar(first)
    const other = await site.createUser('other@example.com')
    const headers = withKey(other.key)
    expect((await site.call(`/${root}/timeline`, { headers })).status).toBe(404)
    expect((await site.call(`/${root}/events`, { headers })).status).toBe(404)
    expect((await site.call(`/${root}/events`)).status).toBe(401)
    expect((await site.call('/nonsense/events', { headers })).status).toBe(400)
  })
})

describe('a stream of one upload', () => {
  it('begins with the state, and tells when the last block came', async () => {
    const { root, first, second } = await inTwoParts()
    await uploadCar(first)
    await using events = await watch(root)
    expect(events.status).toBe(200)
    expect(events.contentType).toBe('text/event-stream; charset=utf-8')
    const before = await events.next()
    expect(before?.event).toBe('timeline')
    expect(stepOf(before?.data, 'complete')).toMatchObject({ state: 'waiting' })
    await uploadCar(second)
    const after = await nextWhere(events, (data) => stepOf(data, 'complete')?.state === 'done')
    expect(after.id).not.toBe(before?.id)
  })

  it('says nothing new to a client that comes back and knows the state', async () => {
    const cid = await uploadCar((await inTwoParts()).first)
    await using events = await watch(cid)
    const { id } = (await events.next()) ?? {}
    await using again = await watch(cid, { ...withKey(key), 'last-event-id': String(id) })
    expect(await again.untilHeartbeat()).not.toContain('data:')
    await using other = await watch(cid, { ...withKey(key), 'last-event-id': 'anything else' })
    expect((await other.next())?.id).toBe(id)
  })

  it('works with the session of a browser, and ends with the reason when that is signed out', async () => {
    const browser = await site.signedIn('browser@example.com')
    const { root, first, second } = await inTwoParts()
    const theirKey = await keyOf('browser@example.com')
    await uploadCar(first, theirKey)
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    await using events = await watch(root, { cookie, 'sec-fetch-site': 'same-origin' })
    expect((await events.next())?.event).toBe('timeline')
    await browser.post('/account/sign-out')
    await uploadCar(second, theirKey)
    expect(await events.next()).toMatchObject({ event: 'end', data: { code: 'ERROR_NOT_SIGNED_IN' } })
    expect(await events.next()).toBeUndefined()
  })

  it('ends with the reason when the upload is deleted', async () => {
    const cid = await uploadCar((await inTwoParts()).first)
    await using events = await watch(cid)
    await events.next()
    await site.call(`/${cid}`, { method: 'DELETE', headers: withKey(key) })
    expect(await events.next()).toMatchObject({ event: 'end', data: { message: 'NFT not found' } })
  })

  it('tells what happens in another process, also after the connection to the database broke', async () => {
    await using stack = new AsyncDisposableStack()
    const { service: first } = site
    const service = stack.use(await openService({ config: first.config, log: pino({ level: 'silent' }), mode: 'beside' }))
    const app = await createApp(service, { version: '1', commit: '', branch: '' })
    stack.defer(() => app.close())
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    const { root, first: car, second } = await inTwoParts()
    await uploadCar(car)
    await using events = await watch(root, withKey(key), `http://localhost:${port}/api`)
    await events.next()
    const { rows } = await sql<{ gone: boolean }>`
      select pg_terminate_backend(pid) as gone from pg_stat_activity
      where application_name = 'keepsake listener' and datname = current_database()`.execute(first.database.kysely)
    expect(rows.length).toBeGreaterThan(0)
    await uploadCar(second)
    const startedAt = Date.now()
    await nextWhere(events, (data) => stepOf(data, 'complete')?.state === 'done')
    expect(Date.now() - startedAt).toBeLessThan(10_000)
  })

  it('refuses more streams of one account than it can keep, and takes one again when one ended', async () => {
    const busy = await site.createUser('busy@example.com')
    const cid = await uploadCar((await inTwoParts()).first, busy.key)
    await using stack = new AsyncDisposableStack()
    for (let count = 0; count < 19; count++) stack.use(await watch(cid, withKey(busy.key)))
    const last = await watch(cid, withKey(busy.key))
    const refused = await site.call(`/${cid}/events`, { headers: withKey(busy.key) })
    expect(refused.status).toBe(429)
    expect(refused.json.error).toMatchObject({ code: 'ERROR_RATE_LIMITED', message: expect.stringContaining('20 event streams') })
    await last[Symbol.asyncDispose]()
    await expect
      .poll(async () => {
        await using again = await watch(cid, withKey(busy.key))
        return again.status
      })
      .toBe(200)
  })
})

describe('a stream of all uploads', () => {
  it('names what is new, renamed and deleted, and nothing of others', async () => {
    const lister = await site.createUser('lister@example.com')
    const headers = withKey(lister.key)
    await using events = await readEvents(`${site.api}/events`, headers)
    await events.untilHeartbeat()
    const foreign = await uploadCar((await inTwoParts()).first)
    const cid = await uploadCar((await inTwoParts()).first, lister.key)
    const seen = new Set<string>()
    const seeOwn = async () => {
      const event = await events.next()
      expect(event?.event).toBe('uploads')
      for (const one of event?.data.cids ?? []) seen.add(one)
      return event?.data
    }
    await whereAll(seeOwn, (data) => data.isAll || data.cids.includes(cid))
    await sleep(600)
    await site.call(`/upload/${cid}`, {
      method: 'PATCH',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{"name":"another"}',
    })
    await whereAll(seeOwn, (data) => data.cids.includes(cid))
    await sleep(600)
    await site.call(`/${cid}`, { method: 'DELETE', headers })
    await whereAll(seeOwn, (data) => data.cids.includes(cid))
    expect(seen).not.toContain(foreign)
  })

  it('tells a client that comes back to look at everything again', async () => {
    await using events = await readEvents(`${site.api}/events`, { ...withKey(key), 'last-event-id': 'x' })
    expect(await events.next()).toMatchObject({ event: 'uploads', data: { cids: [], isAll: true } })
  })
})

async function keyOf(email: string): Promise<string> {
  const { rows } = await sql<{ userId: number; subject: string }>`
    select id as "userId", subject from "user" where email = ${email}`.execute(site.service.database.kysely)
  const { secret } = await createKey(site.service, rows[0] as never, { name: 'second', scope: 'all' })
  return secret as string
}

async function nextWhere(events: Awaited<ReturnType<typeof watch>>, matches: (timeline: Timeline) => boolean) {
  for (;;) {
    const event = await events.next()
    if (event === undefined) throw new Error('The stream ended.')
    if (event.event !== 'timeline') throw new Error(JSON.stringify(event))
    if (matches(event.data)) return event
  }
}

async function whereAll<T>(next: () => Promise<T>, matches: (value: T) => boolean): Promise<void> {
  while (!matches(await next()));
}
