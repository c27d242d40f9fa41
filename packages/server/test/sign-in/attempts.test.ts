import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { countAttempts, placeOf } from '../../src/accounts/sign-in/attempts.ts'
import { startServer } from '../accounts/server.ts'
import type { Mailbox } from './mailbox.ts'
import { openMailbox } from './mailbox.ts'
import type { Answer, Site } from './site.ts'
import { openBrowser, startSite } from './site.ts'

let mailbox: Mailbox
let site: Site
beforeAll(async () => {
  mailbox = await openMailbox()
  site = await startSite({ SMTP_URL: mailbox.url, MAIL_FROM: 'keepsake@example.org', SIGN_UP: 'invited', TRUST_PROXY: 'yes' })
})
afterAll(async () => {
  await site[Symbol.asyncDispose]()
  await mailbox[Symbol.asyncDispose]()
})

const rows = async (sql: string) => (await site.service.database.pool.query(sql)).rows
beforeEach(() => rows('delete from attempt'))

let places = 0
/** Every ask comes from somewhere else, unless the test says otherwise. */
const ask = (email: string, from = `198.51.${(places >> 8) & 255}.${places++ & 255}`) =>
  site.browser().post('/account/sign-in/email', { email }, { headers: { 'x-forwarded-for': from } })

describe('who has an account', () => {
  it('cannot be told from the answer', async () => {
    await site.createUser('known@example.com')
    const shape = ({ status, headers, json }: Answer) => {
      const cookie = headers.getSetCookie().map((line) => line.replace(/=[\w-]{43};/, '=…;'))
      const names = [...headers.keys()].filter((name) => name !== 'date')
      return { status, json, cookie, names }
    }
    expect(shape(await ask('unknown@example.com'))).toEqual(shape(await ask('known@example.com')))
  })

  it('cannot be told from the time it takes', async () => {
    const users = Array.from({ length: 150 }, (_, i) => `timed${i}@example.com`)
    await Promise.all(users.map((email) => site.createUser(email)))
    const measure = async (email: string) => {
      const startedAt = performance.now()
      expect((await ask(email)).status).toBe(200)
      return performance.now() - startedAt
    }
    const differences: number[] = []
    for (let i = 0; i < 20; i++) await ask(`warm${i}@example.com`)
    const median = () => differences.toSorted((x, y) => x - y)[differences.length >> 1]!
    // A busy machine makes noise, which goes with the number of pairs; a difference there is stays.
    for (let round = 0; round < 4 && !(Math.abs(median()) < 1.5); round++) {
      for (const [i, email] of users.entries()) {
        // One right after the other, and each first as often: what else the machine does meets both.
        const stranger = `nobody${round}.${i}@example.com`
        if (i % 2) differences.push((await measure(email)) - (await measure(stranger)))
        else differences.push(-(await measure(stranger)) + (await measure(email)))
      }
    }
    expect(Math.abs(median())).toBeLessThan(1.5)
  })

  it('cannot be told from what the database is asked', async () => {
    // Without workers, which ask for themselves.
    await using server = await startServer({ SIGN_UP: 'invited' })
    await server.createUser('known@example.com')
    const { pool } = server.service.database
    const asked: string[] = []
    const watch = (client: { query: unknown }) => {
      const query = client.query as (...args: unknown[]) => unknown
      client.query = (...args: [{ text?: string } | string, ...unknown[]]) => {
        asked.push(typeof args[0] === 'string' ? args[0] : String(args[0].text))
        return query.apply(client, args)
      }
    }
    pool.on('connect', watch)
    for (const client of await Promise.all(Array.from({ length: 4 }, () => pool.connect()))) {
      if (!Object.hasOwn(client, 'query')) watch(client as never)
      client.release()
    }
    const statements = async (email: string) => {
      asked.length = 0
      const answer = await openBrowser(`http://localhost:${server.port}`).post('/account/sign-in/email', { email })
      expect(answer.status).toBe(200)
      return [...asked]
    }
    await statements('warm@example.com')
    const known = await statements('known@example.com')
    expect(known.length).toBeGreaterThan(4)
    expect(await statements('unknown@example.com')).toEqual(known)
    expect(known.join('\n')).not.toMatch(/"user"/)
  })

  it('gets a mail, and nobody else', async () => {
    await site.createUser('member@example.com')
    await ask('nonmember@example.com')
    await ask('member@example.com')
    await mailbox.take('member@example.com')
    await rows(`insert into invitation (email) values ('guest@example.com')`)
    await ask('guest@example.com')
    await mailbox.take('guest@example.com')
    await sleep(300)
    expect(mailbox.mails.flatMap(({ to }) => to)).not.toContain('nonmember@example.com')
  })

  it('who is invited makes an account once', async () => {
    await rows(`insert into invitation (email) values ('invited@example.com')`)
    const browser = site.browser()
    const options = { headers: { 'x-forwarded-for': '192.0.2.77' } }
    await browser.post('/account/sign-in/email', { email: 'Invited@example.com' }, options)
    const token = /#([\w-]+)/.exec((await mailbox.take('Invited@example.com')).text)![1]
    expect((await browser.post('/account/sign-in/email/open', { token }, options)).json.value.isNew).toBe(true)
    expect(await rows(`select from invitation where email = 'invited@example.com'`)).toHaveLength(0)
  })
})

describe('attempts', () => {
  it('are limited for each address, known or not, in any case, from wherever they come', async () => {
    await site.createUser('flooded@example.com')
    for (const email of ['flooded@example.com', 'unknown-flooded@example.com']) {
      for (let i = 0; i < 5; i++) expect((await ask(i % 2 ? email : email.replace('f', 'F'))).status).toBe(200)
      const over = await ask(email)
      expect([over.status, over.json.error.code]).toEqual([429, 'ERROR_RATE_LIMITED'])
      const wait = Number(over.headers.get('retry-after'))
      expect(wait).toBeGreaterThan(800)
      expect(wait).toBeLessThanOrEqual(900)
    }
  })

  it('are limited for each place, and one place does not stop another', async () => {
    for (let i = 0; i < 30; i++) expect((await ask(`from-here-${i}@example.com`, '203.0.113.5')).status).toBe(200)
    expect((await ask('from-here@example.com', '203.0.113.5')).status).toBe(429)
    expect((await ask('from-there@example.com', '203.0.113.6')).status).toBe(200)
    for (let i = 0; i < 30; i++) await ask(`six-${i}@example.com`, `2001:db8:1:2::${i}`)
    expect((await ask('six@example.com', '2001:db8:1:2:ffff::1')).status).toBe(429)
    expect((await ask('six@example.com', '2001:db8:1:3::1')).status).toBe(200)
  })

  it('are counted for the place the proxy saw, not for one that a client makes up', async () => {
    for (let i = 0; i < 30; i++) await ask(`made-up-${i}@example.com`, `192.0.2.${i}, 203.0.113.40`)
    expect((await ask('made-up@example.com', '192.0.2.99, 203.0.113.40')).status).toBe(429)
  })

  it('are possible again when the window is over', async () => {
    for (let i = 0; i < 6; i++) await ask('patient@example.com')
    await rows("update attempt set ends_at = now() - interval '1 second'")
    // Another process, which does not remember.
    const fresh = countAttempts(site.service)
    const reply = { header: () => reply } as never
    await fresh.take({ name: 'address', max: 5, windowMs: 1000 }, 'patient@example.com', reply)
  })

  it('to guess links are answered 429 after a hundred, ten thousand of them, and cost the database next to nothing', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.99' }
    const counts: Record<number, number> = {}
    const browser = site.browser()
    const one = async (i: number) => {
      const token = Buffer.alloc(48, i % 251).toString('base64url')
      const { status } = await browser.post('/account/sign-in/email/open', { token }, { headers })
      counts[status] = (counts[status] ?? 0) + 1
    }
    const [before] = await rows('select xact_commit::int from pg_stat_database where datname = current_database()')
    for (let i = 0; i < 10_000; i += 50) await Promise.all(Array.from({ length: 50 }, (_, j) => one(i + j)))
    expect(counts).toEqual({ 400: 100, 429: 9900 })
    expect(await rows('select attempts from attempt')).toHaveLength(1)
    const [{ attempts }] = await rows('select attempts from attempt')
    expect(attempts).toBeLessThan(200)
    expect(before).toBeDefined()
  }, 120_000)
})

describe('a place', () => {
  it.each([
    ['203.0.113.5', '203.0.113.5'],
    ['::ffff:203.0.113.5', '203.0.113.5'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('of %s is %s', (ip, place) => {
    expect(placeOf({ ip })).toBe(place)
  })
})
