import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Site } from './site.ts'
import { startSite } from './site.ts'

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterAll(() => site[Symbol.asyncDispose]())
const rows = async (sql: string, ...values: unknown[]) => (await site.service.database.pool.query(sql, values)).rows
beforeEach(() => rows('delete from attempt'))

describe('deleting an account', () => {
  it('asks for its label', async () => {
    const browser = await site.signedIn('careful@example.com')
    for (const confirm of ['', 'yes', 'somebody@example.com']) {
      const answer = await browser.call('DELETE', '/account/me', { body: { confirm } })
      expect([answer.status, answer.json.error.message]).toEqual([400, expect.stringContaining('"careful@example.com"')])
    }
    expect((await browser.get('/account/me')).status).toBe(200)
  })

  it('ends its sessions and keys, deletes its uploads, and leaves nothing personal', async () => {
    const browser = await site.signedIn('leaver@example.com')
    const elsewhere = await site.signedIn('leaver@example.com')
    const { id } = (await browser.get('/account/me')).json.value
    const { secret } = (await browser.post('/api/internal/tokens', { name: 'my secret project' })).json.value
    const stored = await browser.call('POST', '/api/upload', { raw: 'mine', headers: { 'content-type': 'text/plain' } })
    const other = await site.signedIn('other@example.com')
    await other.call('POST', '/api/upload', { raw: 'mine', headers: { 'content-type': 'text/plain' } })
    expect((await browser.call('DELETE', '/account/me', { body: { confirm: ' Leaver@example.com ' } })).json).toEqual({
      ok: true,
    })
    expect(browser.cookies.has('keepsake-session')).toBe(false)
    expect((await elsewhere.get('/account/me')).json.error.code).toBe('ERROR_NOT_SIGNED_IN')
    const byKey = await site.call('/', { headers: { authorization: `Bearer ${secret}` } })
    expect(byKey.json.error.code).toBe('ERROR_USER_NOT_FOUND')
    await expect
      .poll(async () => await rows('select from upload where user_id = $1 and deleted_at is null', id), { timeout: 10_000 })
      .toHaveLength(0)
    expect((await other.get(`/api/${stored.json.value.cid}`)).status).toBe(200)
    const everything = await rows(
      `select row_to_json(u)::text as t from "user" u where id = $1 union all select row_to_json(k)::text from api_key k where user_id = $1`,
      id,
    )
    expect(JSON.stringify(everything)).not.toMatch(/leaver|my secret project/)
    for (const table of ['session', 'passkey', 'linked_identity', 'sign_in_link', 'challenge'])
      expect(await rows(`select from ${table} where user_id = $1`, id)).toHaveLength(0)
    // The address is free again, for a new account.
    const again = await site.signedIn('leaver@example.com')
    const me = (await again.get('/account/me')).json.value
    expect(me.id).not.toBe(id)
    expect((await again.get('/api/')).json.value).toEqual([])
  })
})

describe('the account API', () => {
  it('says which ways lead in', async () => {
    const options = (await site.browser().get('/account/sign-in')).json.value
    expect(options).toEqual({
      signUp: 'open',
      email: { sends: false },
      passkeys: true,
      wallet: true,
      github: false,
      magic: false,
    })
  })

  it('answers JSON to whatever is sent', async () => {
    const browser = site.browser()
    const post = (raw: string, headers: Record<string, string> = {}) =>
      browser.call('POST', '/account/sign-in/email', { raw, headers: { 'content-type': 'application/json', ...headers } })
    for (const raw of [
      '',
      '{',
      '[]',
      'null',
      '7',
      '{"email":{}}',
      '{"email":["a@example.com","b@example.com"]}',
      '{"__proto__":{"email":"a@example.com"}}',
    ]) {
      const answer = await post(raw)
      expect([raw, answer.status, answer.json.ok]).toEqual([raw, 400, false])
    }
    expect((await post(JSON.stringify({ email: 'x'.repeat(70_000) }))).status).toBe(413)
    expect((await post('email=a@example.com', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(400)
    expect((await browser.get('/account/nothing-here')).json).toEqual({
      ok: false,
      error: { code: 'HTTP_ERROR', message: 'There is nothing here.' },
    })
    expect((await browser.call('PUT', '/account/me')).status).toBe(404)
  })

  it('is closed in maintenance, but for reading', async () => {
    await using quiet = await startSite({ MAINTENANCE: 'r--' })
    expect((await quiet.browser().post('/account/sign-in/email', { email: 'a@example.com' })).json.error.code).toBe(
      'ERROR_MAINTENANCE',
    )
    expect((await quiet.browser().get('/account/sign-in')).status).toBe(200)
  })

  it('is in the OpenAPI document, with who may call', async () => {
    const document = (await site.call('/openapi.json')).json
    expect(document.paths['/account/me'].get.security).toEqual([{ session: [] }])
    expect(document.paths['/account/admin/users'].get.description).toContain('Needs the session of an administrator.')
    expect(document.paths['/account/sign-in/email'].post.responses['429'].headers['Retry-After']).toBeDefined()
    expect(document.paths['/api/upload'].post.security).toContainEqual({ session: [] })
  })

  it('forgets what is over by the clock', async () => {
    const browser = await site.signedIn('forgotten@example.com')
    await browser.post('/account/sign-in/wallet/message', { address: `0x${'00'.repeat(20)}` })
    await rows(`update session set expires_at = now() - interval '1 second'`)
    await rows('update challenge set expires_at = now()')
    await rows(`update sign_in_link set expires_at = now() - interval '2 days'`)
    await rows('update attempt set ends_at = now()')
    await rows(`select graphile_worker.add_job('forget-sign-ins')`)
    const left = () =>
      rows('select from session union all select from challenge union all select from sign_in_link union all select from attempt')
    await expect.poll(left, { timeout: 10_000 }).toHaveLength(0)
  })
})
