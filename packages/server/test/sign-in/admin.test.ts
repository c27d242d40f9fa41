import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { promoteUser } from '../../src/accounts/admin.ts'
import { findSetUpLink } from '../../src/accounts/set-up.ts'
import { enterPeer, removePeer } from '../../src/network/peer-instances.ts'
import type { Answer, Browser, Site } from './site.ts'
import { startSite } from './site.ts'

let site: Site
let admin: Browser
beforeAll(async () => {
  site = await startSite({ PEER: 'off', AGGREGATE_PROFILE: 'off' })
  admin = await site.signedIn('admin@example.com')
  await promoteUser(site.service, 'Admin@example.com')
})
afterAll(() => site[Symbol.asyncDispose]())

const rows = async (sql: string, ...values: unknown[]) => (await site.service.database.pool.query(sql, values)).rows
beforeEach(() => rows('delete from attempt'))

const idOf = async (browser: Browser) => (await browser.get('/account/me')).json.value.id as number
const change = (id: number, body: object) => admin.call('PATCH', `/account/admin/users/${id}`, { body })
const upload = (browser: Browser, raw: string) =>
  browser.call('POST', '/api/upload', { raw, headers: { 'content-type': 'text/plain' } })

describe('the set-up link', () => {
  it('makes whoever reads the log the administrator, once, and is the same until then', async () => {
    await using fresh = await startSite({ SIGN_UP: 'closed' })
    const [link, again] = await Promise.all([
      findSetUpLink(fresh.service, fresh.origin),
      findSetUpLink(fresh.service, fresh.origin),
    ])
    expect(link).toMatch(/^http:\/\/localhost:\d+\/set-up#[\w-]{64}$/)
    expect(again).toBe(link)
    const stored = await fresh.service.database.pool.query('select encode(id, $1) as id from set_up', ['base64'])
    expect(Buffer.from(link!.split('#')[1]!, 'base64url').toString('hex')).toContain(
      Buffer.from(stored.rows[0].id, 'base64').toString('hex'),
    )
    const token = link!.split('#')[1]!
    const browser = fresh.browser()
    for (const wrong of ['', 'x', `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, stored.rows[0].id])
      expect((await browser.post('/account/set-up', { token: wrong, email: 'a@example.com' })).json.error.code).toBe(
        'ERROR_LINK_INVALID',
      )
    expect((await browser.post('/account/set-up', { token, email: 'nonsense' })).status).toBe(400)
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((name) => fresh.browser().post('/account/set-up', { token, email: `${name}@example.com` })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410])
    const { rows: admins } = await fresh.service.database.pool.query('select from "user" where is_admin')
    expect(admins).toHaveLength(1)
    expect(await findSetUpLink(fresh.service, fresh.origin)).toBeUndefined()
  })

  it('is worth nothing once there is an administrator, and after a week', async () => {
    await using fresh = await startSite()
    const old = await findSetUpLink(fresh.service, fresh.origin)
    await fresh.service.database.pool.query('update set_up set expires_at = now()')
    const set = (link: string) => fresh.browser().post('/account/set-up', { token: link.split('#')[1], email: 'b@example.com' })
    expect((await set(old!)).json.error.code).toBe('ERROR_LINK_EXPIRED')
    const link = await findSetUpLink(fresh.service, fresh.origin)
    expect(link).not.toBe(old)
    const first = await fresh.signedIn('first@example.com')
    expect((await first.get('/account/me')).json.value.isAdmin).toBe(false)
    await promoteUser(fresh.service, 'first@example.com')
    expect((await set(link!)).json.error.code).toBe('ERROR_LINK_USED')
  })
})

describe('the administration', () => {
  const calls: [string, string][] = [
    ['GET', '/account/admin/users'],
    ['POST', '/account/admin/users'],
    ['GET', '/account/admin/users/1'],
    ['PATCH', '/account/admin/users/1'],
    ['DELETE', '/account/admin/users/1/sessions'],
    ['PUT', '/account/admin/keys/1/block'],
    ['DELETE', '/account/admin/keys/1/block'],
    ['GET', '/account/admin/jobs/failed'],
    ['POST', '/account/admin/jobs/failed/retry'],
    ['POST', '/account/admin/jobs/failed/1/retry'],
    ['GET', '/account/admin/health'],
    ['GET', '/account/admin/invitations'],
    ['POST', '/account/admin/invitations'],
    ['DELETE', '/account/admin/invitations/1'],
  ]
  it.each(calls)('%s %s is for administrators only', async (method, path) => {
    const user = await site.signedIn('user@example.com')
    const body = method === 'GET' ? undefined : {}
    const byUser = await user.call(method, path, { body })
    expect([byUser.status, byUser.json.error.code]).toEqual([403, 'ERROR_ADMIN_ONLY'])
    expect((await site.browser().call(method, path, { body })).json.error.code).toBe('ERROR_NOT_SIGNED_IN')
    const { key } = await site.createUser(`${crypto.randomUUID()}@example.com`)
    const byKey = await site.browser().call(method, path, { body, headers: { authorization: `Bearer ${key}` } })
    expect(byKey.json.error.code).toBe('ERROR_NOT_SIGNED_IN')
  })

  it('ends at once for whoever is no longer one', async () => {
    const second = await site.signedIn('second@example.com')
    const id = await idOf(second)
    expect((await change(id, { isAdmin: true })).json.value.user.isAdmin).toBe(true)
    expect((await second.get('/account/admin/users')).status).toBe(200)
    expect((await change(id, { isAdmin: false })).status).toBe(200)
    expect((await second.get('/account/admin/users')).status).toBe(403)
  })

  it('keeps its last administrator, also when two resign at the same moment', async () => {
    const me = await idOf(admin)
    expect((await change(me, { isAdmin: false })).json.error.code).toBe('ERROR_LAST_ADMIN')
    const deleted = await admin.call('DELETE', '/account/me', { body: { confirm: 'admin@example.com' } })
    expect(deleted.json.error.code).toBe('ERROR_LAST_ADMIN')
    const other = await idOf(await site.signedIn('other-admin@example.com'))
    await change(other, { isAdmin: true })
    const answers = await Promise.all([change(me, { isAdmin: false }), change(other, { isAdmin: false })])
    const [{ count }] = await rows('select count(*)::int from "user" where is_admin')
    expect([count, answers.filter(({ status }) => status === 200).length]).toEqual([1, 1])
    await rows(`update "user" set is_admin = (email = 'admin@example.com')`)
  })

  it('finds users by what their address or name contains, page by page, newest first', async () => {
    await Promise.all(Array.from({ length: 7 }, (_, i) => site.createUser(`paged_${i}%@example.com`)))
    const seen: string[] = []
    for (let after: number | null = null; ; ) {
      const page: Answer = await admin.get(`/account/admin/users?search=PAGED_&limit=3${after ? `&after=${after}` : ''}`)
      const { value } = page.json
      expect(value.count).toBe(7)
      seen.push(...value.users.map(({ email }: { email: string }) => email))
      after = value.next
      if (after === null) break
    }
    expect(seen.sort()).toEqual(Array.from({ length: 7 }, (_, i) => `paged_${i}%@example.com`))
    for (const odd of ['%25', '_0%25%25', '%5C', "'", '%00'])
      expect([odd, (await admin.get(`/account/admin/users?search=${odd}`)).status]).toEqual([odd, 200])
    expect((await admin.get('/account/admin/users?search=_0%25')).json.value.count).toBe(1)
    for (const wrong of ['limit=0', 'limit=201', 'limit=x', 'after=x', `search=${'x'.repeat(255)}`])
      expect((await admin.get(`/account/admin/users?${wrong}`)).status).toBe(400)
  })

  it('restricts uploads and deletes, for keys and sessions alike', async () => {
    const user = await site.signedIn('restricted@example.com')
    const id = await idOf(user)
    const { cid } = (await upload(user, 'kept')).json.value
    await change(id, { uploadsRestricted: true, deletesRestricted: true })
    expect((await upload(user, 'refused')).json.error.code).toBe('ERROR_ACCOUNT_RESTRICTED')
    expect((await user.call('DELETE', `/api/${cid}`)).json.error.code).toBe('ERROR_DELETE_RESTRICTED')
    expect((await user.call('DELETE', '/account/me', { body: { confirm: 'restricted@example.com' } })).json.error.code).toBe(
      'ERROR_DELETE_RESTRICTED',
    )
    await change(id, { uploadsRestricted: false, deletesRestricted: false })
    expect((await upload(user, 'again')).status).toBe(200)
  })

  it('refuses changes that are none', async () => {
    const id = await idOf(admin)
    for (const body of [
      {},
      { storageLimitBytes: -1 },
      { storageLimitBytes: 1.5 },
      { storageLimitBytes: 2 ** 60 },
      { storageLimitBytes: 'lots' },
    ])
      expect([JSON.stringify(body), (await change(id, body)).status]).toEqual([JSON.stringify(body), 400])
    for (const [wrong, status] of [
      [0, 400],
      [-1, 400],
      [999_999, 404],
    ] as const)
      expect((await change(wrong, { uploadsRestricted: true })).status).toBe(status)
    expect((await admin.get('/account/admin/users/x')).status).toBe(400)
    expect((await admin.get('/account/admin/users/99999999999999999999')).status).toBe(400)
  })

  it('blocks a key with a reason that its user reads, and shows no secret', async () => {
    const { key, user } = await site.createUser('blocked@example.com')
    const details = (await admin.get(`/account/admin/users/${user.userId}`)).json.value
    expect(JSON.stringify(details)).not.toContain(key)
    const [{ id }] = details.keys
    const use = () => site.call('/', { headers: { authorization: `Bearer ${key}` } })
    expect((await use()).status).toBe(200)
    expect(
      (await admin.call('PUT', `/account/admin/keys/${id}/block`, { body: { reason: 'It was found on a public page.' } })).status,
    ).toBe(200)
    expect((await use()).json.error).toEqual({
      code: 'ERROR_TOKEN_BLOCKED',
      message: 'API Key is blocked: It was found on a public page.',
    })
    expect((await admin.call('PUT', `/account/admin/keys/${id}/block`, { body: { reason: '' } })).status).toBe(400)
    expect((await admin.call('DELETE', `/account/admin/keys/${id}/block`)).status).toBe(200)
    expect((await use()).status).toBe(200)
    expect((await admin.call('PUT', '/account/admin/keys/999999/block', { body: { reason: 'x' } })).status).toBe(404)
  })

  it('signs a user out everywhere', async () => {
    const user = await site.signedIn('thrown-out@example.com')
    expect((await admin.call('DELETE', `/account/admin/users/${await idOf(user)}/sessions`)).status).toBe(200)
    expect((await user.get('/account/me')).status).toBe(401)
  })

  it('creates accounts and invites people, each once', async () => {
    const created = await admin.post('/account/admin/users', { email: 'made@example.com', name: 'Made' })
    expect(created.json.value.user).toMatchObject({ email: 'made@example.com', name: 'Made', isAdmin: false })
    expect((await admin.post('/account/admin/users', { email: 'MADE@example.com' })).json.error.code).toBe('CONFLICT')
    const invited = await admin.post('/account/admin/invitations', { email: 'guest@example.com' })
    expect(invited.status).toBe(200)
    expect((await admin.post('/account/admin/invitations', { email: 'Guest@example.com' })).status).toBe(409)
    expect((await admin.post('/account/admin/invitations', { email: 'made@example.com' })).status).toBe(409)
    expect((await admin.get('/account/admin/invitations')).json.value).toMatchObject([
      { email: 'guest@example.com', invitedBy: 'admin@example.com' },
    ])
    await admin.call('DELETE', `/account/admin/invitations/${invited.json.value.id}`)
    expect((await admin.get('/account/admin/invitations')).json.value).toEqual([])
  })
})

describe('jobs that gave up', () => {
  it('are shown with what they were about and why, and are tried again', async () => {
    const add = async (n: number) =>
      (
        await rows(
          `select (graphile_worker.add_job('complete-dag', json_build_object('contentId', 'nonsense ' || $1::text), max_attempts => 1)).id`,
          n,
        )
      )[0].id
    const [first, second] = [await add(1), await add(2)]
    await expect.poll(async () => (await admin.get('/account/admin/jobs/failed')).json.value.count, { timeout: 10_000 }).toBe(2)
    const { jobs } = (await admin.get('/account/admin/jobs/failed')).json.value
    expect(jobs).toMatchObject([
      {
        id: String(second),
        name: 'complete-dag',
        payload: { contentId: 'nonsense 2' },
        attempts: 1,
        reason: expect.stringContaining('nonsense'),
      },
      { id: String(first) },
    ])
    const page = (await admin.get('/account/admin/jobs/failed?limit=1')).json.value
    expect((await admin.get(`/account/admin/jobs/failed?after=${page.next}`)).json.value.jobs[0].id).toBe(String(first))
    expect((await admin.get('/account/admin/health')).json.value.jobs).toMatchObject({ failed: 2, retrying: 0 })
    // Mended, it succeeds at the next try.
    await rows(`update graphile_worker._private_jobs set payload = '{"contentId": 999999}' where id = $1`, first)
    expect((await admin.post(`/account/admin/jobs/failed/${first}/retry`)).json.value).toEqual({ retried: 1 })
    await expect.poll(async () => (await admin.get('/account/admin/jobs/failed')).json.value.count, { timeout: 10_000 }).toBe(1)
    expect((await admin.post(`/account/admin/jobs/failed/${first}/retry`)).status).toBe(404)
    expect((await admin.post('/account/admin/jobs/failed/retry')).json.value).toEqual({ retried: 1 })
    for (const wrong of ['x', '-1', '9'.repeat(19)])
      expect((await admin.post(`/account/admin/jobs/failed/${wrong}/retry`)).status).toBe(400)
  })
})

describe('jobs that only the peer can do', () => {
  it('are told of as such while none runs, and are no queue that stands still', async () => {
    const { facts, database } = site.service
    const counts = async () => (await admin.get('/account/admin/health')).json.value.jobs
    await facts.sweepAt(database, 'announce-roots', new Date())
    await expect.poll(counts, { timeout: 10_000 }).toMatchObject({ waitingForPeer: 1, waiting: 0, oldestWaitingSeconds: null })
    await enterPeer(database, { peerId: 'here', addresses: [], controlUrl: '', startedAt: new Date(), stats: {} })
    await expect.poll(counts, { timeout: 10_000 }).toMatchObject({ waitingForPeer: 0, waiting: 1 })
    await removePeer(database, 'here')
  })
})

describe('health', () => {
  it('tries every component, the mail server too', async () => {
    const { value } = (await admin.get('/account/admin/health')).json
    expect(value).toMatchObject({ ok: true, checks: { database: { ok: true }, blobs: { ok: true } } })
    await using lost = await startSite({ SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'k@example.org' })
    const token = (await findSetUpLink(lost.service, lost.origin))!.split('#')[1]
    const operator = lost.browser()
    await operator.post('/account/set-up', { token, email: 'o@example.com' })
    const report = (await operator.get('/account/admin/health')).json.value
    expect(report).toMatchObject({
      ok: false,
      checks: { database: { ok: true }, mail: { ok: false, message: expect.stringContaining('ECONNREFUSED') } },
    })
    // It takes uploads all the same.
    expect((await operator.get('/health')).status).toBe(200)
  })
})
