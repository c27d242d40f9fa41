import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { announceDue } from '../../src/announcements/announce.ts'
import { announcementOf, announcementQueue } from '../../src/announcements/announcements.ts'
import { checkAnnouncements } from '../../src/announcements/check.ts'
import { announcementJobs } from '../../src/announcements/jobs.ts'
import { takeDue } from '../../src/announcements/store.ts'
import { announcementTimeline } from '../../src/announcements/timeline.ts'
import { KeepsakeError } from '../../src/errors.ts'
import type { Announcer } from '../../src/network/network.ts'
import { startServer, type TestServer } from '../accounts/server.ts'

let server: TestServer
let key: string

beforeAll(async () => {
  server = await startServer()
  key = (await server.createUser('a@example.com')).key
})
afterAll(async () => await server?.[Symbol.asyncDispose]())
beforeEach(async () => {
  await sql`delete from announcement`.execute(db())
})

const db = () => server.service.database.kysely
const store = async (text: string): Promise<CID> => {
  const answer = await server.call('/upload', { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: text })
  expect(answer.status, JSON.stringify(answer.json)).toBe(200)
  return CID.parse(answer.json.value.cid)
}
const remove = async (cid: CID) => {
  const answer = await server.call(`/${cid}`, { method: 'DELETE', headers: { authorization: `Bearer ${key}` } })
  expect(answer.status).toBe(202)
}
const hasPassed = (hours: number) =>
  sql`update announcement set due_at = due_at - make_interval(hours => ${hours}), announced_at = announced_at - make_interval(hours => ${hours})
    where due_at < 'infinity'`.execute(db())

/** The network as far as it can be seen from here: it takes records, or does not. */
function network(provide: (cid: CID, signal?: AbortSignal) => Promise<number> = async () => 20) {
  const told: string[] = []
  const withdrawn: string[] = []
  const announcer: Announcer = {
    async provide(cid, options) {
      const peers = await provide(cid, options?.signal ?? undefined)
      told.push(String(cid))
      return { peers }
    },
    async unprovide(cid) {
      withdrawn.push(String(cid))
    },
  }
  return { announcer, told, withdrawn }
}
const announce = (
  announcer: Announcer,
  { perMinute = 10_000, withEntries = false, signal = undefined as AbortSignal | undefined } = {},
) => announceDue({ ...server.service, announcer, perMinute, withEntries }, signal)
const standing = (cid: CID) => announcementOf(server.service, cid)

describe('what is stored', () => {
  it('is told once, and again before peers forget it', async () => {
    const { announcer, told } = network()
    const cid = await store('told once')
    expect(await standing(cid)).toMatchObject({ state: 'queued', failures: 0 })
    const next = await announce(announcer)
    expect(told).toEqual([String(cid)])
    expect(await standing(cid)).toMatchObject({ state: 'announced', peers: 20 })
    expect((next as Date).getTime() - Date.now()).toBeGreaterThan(21 * 3_600_000)
    await announce(announcer)
    expect(told).toHaveLength(1)
    await hasPassed(23)
    await announce(announcer)
    expect(told).toEqual([String(cid), String(cid)])
    await hasPassed(60)
    expect(await standing(cid)).toMatchObject({ state: 'overdue' })
  })

  it('is not told after it was deleted, and at once when it comes back', async () => {
    const { announcer, told, withdrawn } = network()
    const cid = await store('comes and goes')
    await announce(announcer)
    await remove(cid)
    await hasPassed(23)
    await announce(announcer)
    expect(told).toHaveLength(1)
    expect(withdrawn).toEqual([String(cid)])
    expect(await standing(cid)).toMatchObject({ state: 'stopped', dueAt: undefined })
    await store('comes and goes')
    await announce(announcer)
    expect(told).toHaveLength(2)
  })

  it('is told while anybody holds it: a pin keeps what an upload left, and brings it back', async () => {
    const { announcer, told } = network()
    const cid = await store('held by a pin')
    await remove(cid)
    await announce(announcer)
    expect(told).toHaveLength(0)
    await sql`insert into pin_request (id, user_id, content_id, cid, root, status, give_up_at, created_at)
      select gen_random_uuid(), (select id from "user"), id, ${String(cid)}, cid, 'pinned', now(), now() from content where cid = ${cid.bytes}`.execute(
      db(),
    )
    await announce(announcer)
    expect(told).toEqual([String(cid)])
  })

  it('is not told before it is complete', async () => {
    const { announcer, told } = network()
    const cid = await store('lost and found')
    await sql`update content set complete_at = null where cid = ${cid.bytes}`.execute(db())
    await announce(announcer)
    expect(told).toHaveLength(0)
    await sql`update content set complete_at = now() where cid = ${cid.bytes}`.execute(db())
    await announce(announcer)
    expect(told).toEqual([String(cid)])
  })
})

describe('a long queue', () => {
  it('gives half its turns to what is new, the newest first, and half to what has to be told again', async () => {
    const { announcer } = network()
    const old: CID[] = []
    for (let index = 0; index < 6; index++) old.push(await store(`old ${index}`))
    await announce(announcer)
    await hasPassed(30)
    await sql`update announcement set due_at = due_at + make_interval(secs => content_id::float8)`.execute(db())
    const fresh: CID[] = []
    for (let index = 0; index < 6; index++) fresh.push(await store(`new ${index}`))
    const taken = await takeDue(server.service.database, { limit: 4, leaseMs: 60_000 })
    const names = taken.map(({ cid }) => CID.decode(cid).toString()).sort()
    expect(names).toEqual([fresh[5], fresh[4], old[0], old[1]].map(String).sort())
    // What one half does not need the other gets.
    const rest = await takeDue(server.service.database, { limit: 100, leaseMs: 60_000 })
    expect(rest).toHaveLength(8)
    expect(await takeDue(server.service.database, { limit: 100, leaseMs: 60_000 })).toHaveLength(0)
  })

  it('says how long it is, how old, and how fast it goes', async () => {
    for (let index = 0; index < 3; index++) await store(`queue ${index}`)
    await sql`update announcement set due_at = due_at - interval '90 seconds'`.execute(db())
    const waiting = await announcementQueue(server.service)
    expect(waiting).toMatchObject({ dueNew: 3, dueAgain: 0, inLastHour: 0, failing: 0, announced: 0 })
    expect(waiting.oldestMs).toBeGreaterThan(89_000)
    expect(await checkAnnouncements(server.service)).toBe('3 CIDs wait, 0 were told in the last hour, 0 are known')
    await sql`update announcement set due_at = due_at - interval '25 hours'`.execute(db())
    await expect(checkAnnouncements(server.service)).rejects.toThrow(/the first has waited for 25 h/)
    await announce(network().announcer)
    const numbers = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
    expect(numbers).toContain('keepsake_announcements_waiting{kind="new"} 0')
    expect(numbers).toContain('keepsake_announcements_told_last_hour 3')
    expect(await announcementQueue(server.service)).toEqual({
      dueNew: 0,
      dueAgain: 0,
      oldestMs: 0,
      inLastHour: 3,
      failing: 0,
      announced: 3,
    })
  })

  it('goes no faster than it may', async () => {
    for (let index = 0; index < 6; index++) await store(`slowly ${index}`)
    const startedAt = performance.now()
    const { announcer, told } = network()
    await announce(announcer, { perMinute: 600 })
    expect(told).toHaveLength(6)
    expect(performance.now() - startedAt).toBeGreaterThan(495)
  })
})

describe('trouble', () => {
  it('where there is nobody to tell, keeps everything, and looks again soon', async () => {
    const away = network(async () => {
      throw new KeepsakeError('ERROR_UNAVAILABLE', 'Nobody could be told.')
    })
    const cids: CID[] = []
    for (let index = 0; index < 30; index++) cids.push(await store(`nobody there ${index}`))
    const next = await announce(away.announcer)
    expect((next as Date).getTime() - Date.now()).toBeLessThan(60_000)
    const { dueNew, failing } = await announcementQueue(server.service)
    // Those that were tried wait a little; the others did not lose their turn.
    expect(dueNew + failing).toBe(30)
    expect(failing).toBeLessThan(30)
    await sql`update announcement set due_at = now() where due_at > now()`.execute(db())
    const back = network()
    await announce(back.announcer)
    expect([...back.told].sort()).toEqual(cids.map(String).sort())
  })

  it('one that fails is tried again later and later, with the reason, and holds nobody up', async () => {
    const bad = await store('refused')
    const good = await store('taken')
    const { announcer, told } = network(async (cid) => {
      if (cid.equals(bad)) throw new Error('the query was cut short')
      return 20
    })
    await announce(announcer)
    expect(told).toEqual([String(good)])
    const first = await standing(bad)
    expect(first).toMatchObject({ state: 'queued', failures: 1, reason: 'the query was cut short' })
    await sql`update announcement set due_at = now() where attempts > 0`.execute(db())
    await announce(announcer)
    const second = await standing(bad)
    expect(second?.failures).toBe(2)
    expect(second?.dueAt?.getTime()).toBeGreaterThan(Date.now() + 100_000)
  })

  it('gives back at once what it took when it is told to stop, and in time when it is killed', async () => {
    for (let index = 0; index < 12; index++) await store(`stopped ${index}`)
    const stopping = new AbortController()
    const { announcer, told } = network(async (_cid, signal) => {
      await sleep(told.length < 3 ? 1 : 60_000, undefined, { signal })
      return 1
    })
    const running = announce(announcer, { signal: stopping.signal })
    await sleep(300)
    stopping.abort()
    await expect(running).rejects.toThrow()
    expect((await announcementQueue(server.service)).dueNew).toBe(12 - told.length)
    // Killed: nobody gives back what was taken.
    await takeDue(server.service.database, { limit: 100, leaseMs: 200 })
    expect((await announcementQueue(server.service)).dueNew).toBe(0)
    await sleep(250)
    expect((await announcementQueue(server.service)).dueNew).toBe(12 - told.length)
  })
})

it('is a job that runs again when the next CID is due', async () => {
  const { announcer, told } = network()
  await store('by the job')
  await announcementJobs({ ...server.service, announcer })['announce-roots']({}, undefined)
  expect(told).toHaveLength(1)
  const { rows } = await sql<{ runAt: Date }>`
    select run_at as "runAt" from graphile_worker._private_jobs where key = 'announce-roots'`.execute(db())
  expect(rows).toHaveLength(1)
  // An upload already asked for one, which comes first.
  expect(rows[0]?.runAt.getTime()).toBeLessThan(Date.now() + 23 * 3_600_000)
})

it('is a step of what became of an upload', async () => {
  const cid = await store('on its page')
  const { rows } = await sql<{ id: number }>`select id from content where cid = ${cid.bytes}`.execute(db())
  const config = { ...server.service.config, PEER: 'on' as const }
  const subject = {
    userId: 0,
    contentId: rows[0]?.id as number,
    cid,
    receivedAt: new Date(),
    completeAt: new Date(),
    origin: 'http://here',
  }
  const steps = () => announcementTimeline({ ...server.service, config })(subject)
  expect(await steps()).toMatchObject([{ step: 'announced', state: 'waiting' }])
  await announce(network(async () => Promise.reject(new Error('cut short'))).announcer)
  expect(await steps()).toMatchObject([
    { state: 'waiting', text: expect.stringContaining('cut short'), nextAt: expect.any(String) },
  ])
  await sql`update announcement set due_at = now()`.execute(db())
  await announce(network().announcer)
  expect(await steps()).toMatchObject([{ state: 'done', text: expect.stringContaining('20 peers') }])
  expect(await announcementTimeline({ ...server.service, config: { ...config, ANNOUNCE: 'off' } })(subject)).toEqual([])
})

describe('ways into a content', () => {
  const form = () => {
    const body = new FormData()
    for (const name of ['0.json', '1.json', '2.json']) body.append('file', new Blob([`token ${name}`]), name)
    return body
  }

  it('are told where that is set, each once, and no more when it is not', async () => {
    const answer = await server.call('/upload', { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: form() })
    const root = CID.parse(answer.json.value.cid)
    const { announcer, told } = network()
    await announce(announcer, { withEntries: true })
    expect(told).toHaveLength(4)
    expect(told[0]).toBe(String(root))
    expect(new Set(told).size).toBe(4)
    for (const name of told) expect(await standing(CID.parse(name)), name).toMatchObject({ state: 'announced' })
    await hasPassed(23)
    await announce(announcer, { withEntries: true })
    expect(told).toHaveLength(8)
    await hasPassed(23)
    await announce(announcer)
    expect(told).toHaveLength(9)
    expect(await standing(CID.parse(told[1] as string))).toMatchObject({ state: 'stopped' })
    await hasPassed(23)
    await announce(announcer, { withEntries: true })
    expect(told).toHaveLength(13)
  })
})
