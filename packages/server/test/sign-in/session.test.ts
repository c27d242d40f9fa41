import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser, Site } from './site.ts'
import { openBrowser, startSite } from './site.ts'

let site: Site
let browser: Browser
beforeAll(async () => {
  site = await startSite()
  browser = await site.signedIn('ada@example.com')
})
afterAll(() => site[Symbol.asyncDispose]())

const sessionOf = (one: Browser) => one.cookies.get('keepsake-session')!
const rows = async (sql: string, ...values: unknown[]) => (await site.service.database.pool.query(sql, values)).rows

describe('the cookie of a session', () => {
  it('cannot be read by scripts, is not sent along from other sites, and is kept as a hash only', async () => {
    const other = site.browser()
    const asked = await other.post('/account/sign-in/email', { email: 'cookie@example.com' })
    const token = asked.json.value.link.split('#')[1]
    const opened = await other.post('/account/sign-in/email/open', { token })
    const cookie = opened.headers.getSetCookie().find((line) => line.startsWith('keepsake-session='))!
    expect(cookie).toMatch(/; Path=\/; Max-Age=7776000; HttpOnly; SameSite=Lax$/)
    expect(Buffer.from(sessionOf(other), 'base64url')).toHaveLength(32)
    const stored = JSON.stringify(await rows('select session.*, encode(token_digest, $1) as digest from session', 'base64'))
    expect(stored).not.toContain(sessionOf(other))
  })

  it('is bound to the very host over https', async () => {
    await using secure = await startSite({ PUBLIC_URL: 'https://keepsake.example', SIGN_UP: 'open' })
    const one = openBrowser(secure.origin)
    const headers = { host: 'keepsake.example', origin: 'https://keepsake.example' }
    const asked = await one.post('/account/sign-in/email', { email: 'a@example.com' }, { headers })
    expect(asked.json.value).toEqual({ expiresInSeconds: 900 })
    expect(asked.headers.getSetCookie()[0]).toMatch(
      /^__Host-keepsake-browser=[\w-]{43}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure$/,
    )
  })

  it('is nobody when it is altered, made up, too long, or there are two', async () => {
    const token = sessionOf(browser)
    const flipped = `${token.slice(0, -2)}${token.at(-2) === 'A' ? 'B' : 'A'}${token.at(-1)}`
    for (const value of [flipped, token.slice(1), `${token}A`, 'x', 'A'.repeat(5000), '"', '%00']) {
      const answer = await site.browser().get('/account/me', { headers: { cookie: `keepsake-session=${value}` } })
      expect([value.slice(0, 50), answer.status, answer.json.error.code]).toEqual([
        value.slice(0, 50),
        401,
        'ERROR_NOT_SIGNED_IN',
      ])
    }
    for (const cookie of [`keepsake-session=x; keepsake-session=${token}`, `keepsake-session=${token}; keepsake-session=x`])
      expect((await site.browser().get('/account/me', { headers: { cookie } })).status).toBe(401)
    expect((await browser.get('/account/me')).status).toBe(200)
  })

  it('is replaced at every sign-in, so that one put there before is worth nothing', async () => {
    const one = await site.signedIn('fixed@example.com')
    const before = sessionOf(one)
    const asked = await one.post('/account/sign-in/email', { email: 'fixed@example.com' })
    await one.post('/account/sign-in/email/open', { token: asked.json.value.link.split('#')[1] })
    expect(sessionOf(one)).not.toBe(before)
    expect((await site.browser().get('/account/me', { headers: { cookie: `keepsake-session=${before}` } })).status).toBe(401)
  })
})

describe('a session', () => {
  it('stands in for a key, with uploads labelled "session"', async () => {
    const stored = await browser.call('POST', '/api/upload', {
      raw: 'from the website',
      headers: { 'content-type': 'text/plain' },
    })
    expect([stored.status, stored.json.value?.scope]).toEqual([200, 'session'])
    const { cid } = stored.json.value
    expect((await browser.get(`/api/${cid}`)).json.value.cid).toBe(cid)
    const made = await browser.post('/api/internal/tokens', { name: 'mine' })
    expect(made.json.value.secret).toMatch(/^eyJ/)
    expect((await browser.call('DELETE', `/api/${cid}`)).status).toBe(202)
  })

  it('loses against an Authorization header, also a wrong one', async () => {
    const { key } = await site.createUser('key@example.com', 'read')
    const byKey = await browser.post('/api/internal/tokens', { name: 'no' }, { headers: { authorization: `Bearer ${key}` } })
    expect(byKey.json.error.code).toBe('ERROR_TOKEN_SCOPE')
    const wrong = await browser.get('/api/', { headers: { authorization: 'Bearer nothing' } })
    expect(wrong.json.error.code).toBe('ERROR_MALFORMED_TOKEN')
  })

  it('ends at its latest moment, and when nobody used it for two weeks', async () => {
    for (const change of ['expires_at = now()', `last_used_at = now() - interval '14 days 1 minute'`]) {
      const one = await site.signedIn('ending@example.com')
      const [{ id }] = (await one.get('/account/sessions')).json.value
      await rows(`update session set ${change} where id = $1`, id)
      expect((await one.get('/account/me')).json.error.code).toBe('ERROR_NOT_SIGNED_IN')
      expect((await one.get('/api/')).json.error.code).toBe('ERROR_NOT_SIGNED_IN')
      // Whose session is over can still sign in.
      expect((await one.post('/account/sign-in/email', { email: 'ending@example.com' })).status).toBe(200)
    }
  })

  it('is listed with where it is, and ended alone or with all others', async () => {
    const phone = await site.signedIn('many@example.com')
    const laptop = await site.signedIn('many@example.com')
    const tablet = await site.signedIn('many@example.com')
    const listed = (await laptop.get('/account/sessions')).json.value
    expect(listed.map(({ isCurrent }: { isCurrent: boolean }) => isCurrent).sort()).toEqual([false, false, true])
    const phoneId = (await phone.get('/account/sessions')).json.value.find((s: { isCurrent: boolean }) => s.isCurrent).id
    expect((await browser.call('DELETE', `/account/sessions/${phoneId}`)).status).toBe(404)
    expect((await laptop.call('DELETE', `/account/sessions/${phoneId}`)).status).toBe(200)
    expect((await phone.get('/account/me')).status).toBe(401)
    expect((await tablet.get('/account/me')).status).toBe(200)
    expect((await laptop.call('DELETE', '/account/sessions')).status).toBe(200)
    expect(laptop.cookies.has('keepsake-session')).toBe(false)
    expect((await tablet.get('/account/me')).status).toBe(401)
  })

  it('ends by signing out, which works without one too', async () => {
    const one = await site.signedIn('leaving@example.com')
    const token = sessionOf(one)
    expect((await one.post('/account/sign-out')).status).toBe(200)
    expect(one.cookies.has('keepsake-session')).toBe(false)
    expect((await site.browser().get('/account/me', { headers: { cookie: `keepsake-session=${token}` } })).status).toBe(401)
    expect((await one.post('/account/sign-out')).status).toBe(200)
  })

  it('does not open the account API to a key', async () => {
    const { key } = await site.createUser('only-key@example.com')
    const answer = await site.browser().get('/account/me', { headers: { authorization: `Bearer ${key}` } })
    expect(answer.json.error.code).toBe('ERROR_NOT_SIGNED_IN')
  })
})

describe('a call that another site makes', () => {
  const upload = { raw: 'x', headers: { 'content-type': 'text/plain' } }
  const crossSite = [
    ['another origin', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['another origin, from a browser that says no more', { origin: 'https://evil.example', 'sec-fetch-site': undefined }],
    ['an origin that begins the same', { origin: 'http://localhost.evil.example', 'sec-fetch-site': undefined }],
    ['no origin at all', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['the same site, as content below the gateway is', { 'sec-fetch-site': 'same-site' }],
    ['another port of this machine', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
    ['https instead of http', { origin: 'https://localhost', 'sec-fetch-site': undefined }],
    ['nothing about itself', { origin: undefined, 'sec-fetch-site': undefined }],
    ['the right origin without the header', { 'x-keepsake-csrf': undefined }],
  ] as const

  it.each(crossSite)('is refused when it says %s', async (_name, headers) => {
    const before = await rows('select count(*) from upload')
    const answers = await Promise.all([
      browser.call('POST', '/api/upload', { ...upload, headers: { ...upload.headers, ...headers } }),
      browser.post('/api/internal/tokens', { name: 'stolen' }, { headers }),
      browser.call('DELETE', '/account/sessions', { headers }),
      browser.post('/account/sign-out', {}, { headers }),
      browser.post('/account/sign-in/email', { email: 'evil@example.com' }, { headers }),
      browser.call('DELETE', '/account/me', { body: { confirm: 'ada@example.com' }, headers }),
    ])
    expect(answers.map(({ status, json }) => [status, json.error?.code])).toEqual(answers.map(() => [403, 'ERROR_CROSS_SITE']))
    expect(await rows('select count(*) from upload')).toEqual(before)
    expect((await browser.get('/account/me')).status).toBe(200)
  })

  it('cannot read anything either', async () => {
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
    ]) {
      expect((await browser.get('/account/me', { headers })).json.error.code).toBe('ERROR_CROSS_SITE')
      expect((await browser.get('/api/', { headers })).json.error.code).toBe('ERROR_CROSS_SITE')
    }
  })

  it('is never allowed to bring credentials along', async () => {
    const origin = `http://bafkqaaa.ipfs.localhost:${site.port}`
    const ask = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-keepsake-csrf' }
    for (const path of ['/api/upload', '/account/me', '/account/sessions']) {
      const preflight = await browser.call('OPTIONS', path, { headers: ask })
      expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
      if (path.startsWith('/account')) expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
    }
    const answer = await browser.get('/account/sign-in')
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  it('may be a link to the website itself', async () => {
    expect((await browser.get('/account/me', { headers: { 'sec-fetch-site': 'none' } })).status).toBe(200)
  })
})

describe('a cookie on another host', () => {
  it('is not looked at below the gateway, on api.*, or on a name that somebody pointed here', async () => {
    const cookie = `keepsake-session=${sessionOf(browser)}`
    const cid = 'bafkqaaa'
    const hosts = [
      `${cid}.ipfs.localhost:${site.port}`,
      `${cid}.ipfs.keepsake.example`,
      'api.keepsake.example',
      'rebound.evil.example',
      '10.0.0.8',
    ]
    for (const host of hosts) {
      const headers = { cookie, host, origin: `http://${host}` }
      const upload = await site.browser().call('POST', '/api/upload', { raw: 'x', headers })
      expect([host, upload.status === 200]).toEqual([host, false])
      const list = await site.browser().get('/api/', { headers })
      expect([host, list.json?.value]).toEqual([host, undefined])
      const me = await site.browser().get('/account/me', { headers })
      expect([host, me.json?.value, me.status >= 400]).toEqual([host, undefined, true])
      const ask = await site.browser().post('/account/sign-in/email', { email: 'ada@example.com' }, { headers })
      expect([host, ask.json?.value, ask.headers.getSetCookie()]).toEqual([host, undefined, []])
    }
  })

  it('is not looked at by the gateway of the same host', async () => {
    const answer = await browser.get('/ipfs/bafkqaaa', { headers: { 'sec-fetch-site': 'none' } })
    expect(answer.headers.getSetCookie()).toEqual([])
    expect(answer.status).not.toBe(401)
  })
})

describe('the link in the answer', () => {
  it('is there only for this machine itself', async () => {
    const ask = (headers: Record<string, string>) =>
      site.browser().post('/account/sign-in/email', { email: 'local@example.com' }, { headers })
    expect((await ask({})).json.value.link).toMatch(/^http:\/\/localhost:\d+\/sign-in\/link#/)
    await rowsReset()
    for (const headers of [{ 'x-forwarded-for': '203.0.113.9' }, { via: '1.1 proxy' }, { forwarded: 'for=203.0.113.9' }])
      expect((await ask(headers)).json.value).toEqual({ expiresInSeconds: 900 })
  })

  it('is not there behind a public address or a trusted proxy', async () => {
    for (const env of [{ PUBLIC_URL: 'https://keepsake.example' }, { HOST: '0.0.0.0' }, { TRUST_PROXY: 'yes' }] as const) {
      await using other = await startSite({ ...env })
      const publicUrl = 'PUBLIC_URL' in env ? { host: 'keepsake.example', origin: 'https://keepsake.example' } : {}
      const answer = await other.browser().post('/account/sign-in/email', { email: 'a@example.com' }, { headers: publicUrl })
      expect(answer.json).toEqual({ ok: true, value: { expiresInSeconds: 900 } })
      expect((await other.browser().get('/account/sign-in', { headers: publicUrl })).json.value.signUp).toBe('invited')
    }
  })

  const rowsReset = () => rows('delete from attempt')
})
