import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Mailbox } from './mailbox.ts'
import { openMailbox, tokenIn } from './mailbox.ts'
import type { Browser, Site } from './site.ts'
import { startSite } from './site.ts'

let mailbox: Mailbox
let site: Site
beforeAll(async () => {
  mailbox = await openMailbox()
  site = await startSite({ SMTP_URL: mailbox.url, MAIL_FROM: 'Keepsake <keepsake@example.org>', SIGN_UP: 'open' })
})
afterAll(async () => {
  await site[Symbol.asyncDispose]()
  await mailbox[Symbol.asyncDispose]()
})

/** Attempts are counted for all tests of this file together. */
const forgetAttempts = () => site.service.database.pool.query('delete from attempt')

async function asked(browser: Browser, email: string, next?: string): Promise<string> {
  await forgetAttempts()
  const answer = await browser.post('/account/sign-in/email', { email, next })
  expect(answer.status).toBe(200)
  return tokenIn((await mailbox.take(email)).text)
}

describe('a link by mail', () => {
  it('signs in where it was asked for, and makes the account', async () => {
    const browser = site.browser()
    const token = await asked(browser, 'ada@example.com', '/files?sort=name')
    const opened = await browser.post('/account/sign-in/email/open', { token })
    expect(opened.json).toEqual({ ok: true, value: { status: 'signed-in', isNew: true, next: '/files?sort=name' } })
    const me = await browser.get('/account/me')
    expect(me.json.value).toMatchObject({ email: 'ada@example.com', isAdmin: false, storage: { usedBytes: 0, limitBytes: null } })
    expect(me.json.value.waysIn).toMatchObject([{ id: 'email', kind: 'email', label: 'ada@example.com' }])
  })

  it('is a mail in both forms, with nothing in it that is fetched', async () => {
    const browser = site.browser()
    await forgetAttempts()
    await browser.post('/account/sign-in/email', { email: 'grace@example.com' })
    const mail = await mailbox.take('grace@example.com')
    expect(mail.from).toBe('keepsake@example.org')
    expect(mail.raw).toContain('Auto-Submitted: auto-generated')
    expect(tokenIn(mail.html)).toBe(tokenIn(mail.text))
    expect(mail.text).toContain('works once, for 15 minutes')
    expect(mail.html).not.toMatch(/<img|<link|<script|url\(/i)
  })

  it('works once', async () => {
    const browser = site.browser()
    const token = await asked(browser, 'once@example.com')
    expect((await browser.post('/account/sign-in/email/open', { token })).status).toBe(200)
    const again = await browser.post('/account/sign-in/email/open', { token })
    expect([again.status, again.json.error.code]).toEqual([410, 'ERROR_LINK_USED'])
  })

  it('works once also when it is opened many times in the same moment', async () => {
    const browser = site.browser()
    const token = await asked(browser, 'race@example.com')
    const answers = await Promise.all(Array.from({ length: 12 }, () => browser.post('/account/sign-in/email/open', { token })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ json }) => json.error?.code === 'ERROR_LINK_USED')).toHaveLength(11)
  })

  it('uses up the earlier ones for the same address', async () => {
    const browser = site.browser()
    const first = await asked(browser, 'twice@example.com')
    const second = await asked(browser, 'twice@example.com')
    expect((await browser.post('/account/sign-in/email/open', { token: second })).status).toBe(200)
    expect((await browser.post('/account/sign-in/email/open', { token: first })).json.error.code).toBe('ERROR_LINK_USED')
  })

  it('asks before it signs in another browser than the one that asked for it', async () => {
    const token = await asked(site.browser(), 'phone@example.com')
    const other = site.browser()
    const opened = await other.post('/account/sign-in/email/open', { token })
    expect(opened.json.value).toEqual({ status: 'confirm', email: 'phone@example.com' })
    expect(opened.headers.getSetCookie()).toEqual([])
    expect((await other.get('/account/me')).json.error.code).toBe('ERROR_NOT_SIGNED_IN')
    const confirmed = await other.post('/account/sign-in/email/open', { token, confirm: true })
    expect(confirmed.json.value.status).toBe('signed-in')
    expect((await other.get('/account/me')).json.value.email).toBe('phone@example.com')
  })

  it('is not used up by a program that looks at the address in the mail', async () => {
    const browser = site.browser()
    await forgetAttempts()
    await browser.post('/account/sign-in/email', { email: 'scanned@example.com' })
    const { text } = await mailbox.take('scanned@example.com')
    const url = new URL(/http\S+\/sign-in\/link#\S+/.exec(text)![0])
    expect(url.hash.length).toBeGreaterThan(60)
    // What a program sends when it opens the address: everything before the fragment.
    await site.browser().get(url.pathname, { headers: { 'sec-fetch-site': 'none' } })
    expect((await browser.post('/account/sign-in/email/open', { token: url.hash.slice(1) })).status).toBe(200)
  })

  it('is refused after 15 minutes', async () => {
    const browser = site.browser()
    const token = await asked(browser, 'late@example.com')
    await site.service.database.pool.query(`update sign_in_link set expires_at = now() where email = 'late@example.com'`)
    const opened = await browser.post('/account/sign-in/email/open', { token })
    expect([opened.status, opened.json.error.code]).toEqual([410, 'ERROR_LINK_EXPIRED'])
  })

  it('is refused with any bit of it changed, and the one from another server', async () => {
    const browser = site.browser()
    const token = await asked(browser, 'altered@example.com')
    const bytes = Buffer.from(token, 'base64url')
    for (const at of [0, 15, 16, 40, bytes.length - 1]) {
      const altered = Buffer.from(bytes)
      altered[at]! ^= 1
      const answer = await browser.post('/account/sign-in/email/open', { token: altered.toString('base64url') })
      expect([answer.status, answer.json.error.code]).toEqual([400, 'ERROR_LINK_INVALID'])
    }
    for (const odd of ['', `${token}=`, `${token}A`, token.slice(0, -1), 'a'.repeat(200), '\0'])
      expect((await browser.post('/account/sign-in/email/open', { token: odd })).status).toBe(400)
    await using foreign = await startSite()
    const stranger = foreign.browser()
    const foreignAsk = await stranger.post('/account/sign-in/email', { email: 'altered@example.com' })
    const foreignToken = tokenIn(foreignAsk.json.value.link)
    expect((await browser.post('/account/sign-in/email/open', { token: foreignToken })).json.error.code).toBe(
      'ERROR_LINK_INVALID',
    )
    expect((await browser.post('/account/sign-in/email/open', { token })).status).toBe(200)
  })

  it('leads to pages of this website only', async () => {
    for (const next of [
      'https://evil.example',
      '//evil.example',
      '/\\evil.example',
      '/\t/evil.example',
      'files',
      'javascript:alert(1)',
    ]) {
      const browser = site.browser()
      const token = await asked(browser, 'next@example.com', next)
      expect((await browser.post('/account/sign-in/email/open', { token })).json.value.next).toBe('/')
    }
  })

  it('is sent again when the mail server was away for a moment', async () => {
    mailbox.refuse(1)
    const token = await asked(site.browser(), 'greylisted@example.com')
    expect(token).not.toBe('')
  })

  it('is sent nowhere for what is no address, or another one in disguise', async () => {
    // The Kelvin sign is a k in lower case.
    const bad = [
      '',
      'ada',
      '@example.com',
      'a b@example.com',
      'mi\u212Ae@example.com',
      'a@b@c',
      'a\r\nBcc: x@example.com',
      '<a@example.com>',
      'metaplex@service.invalid',
      `${'a'.repeat(300)}@example.com`,
      'a\0@example.com',
    ]
    for (const email of bad) {
      await forgetAttempts()
      const answer = await site.browser().post('/account/sign-in/email', { email })
      expect([email, answer.status]).toEqual([email, 400])
    }
  })

  it('knows an address in any case, and sends to the one its owner gave', async () => {
    const first = site.browser()
    await first.post('/account/sign-in/email/open', { token: await asked(first, 'Case@example.com') })
    const id = (await first.get('/account/me')).json.value.id
    const second = site.browser()
    await forgetAttempts()
    await second.post('/account/sign-in/email', { email: 'cASE@EXAMPLE.com' })
    const token = tokenIn((await mailbox.take('Case@example.com')).text)
    await second.post('/account/sign-in/email/open', { token })
    expect((await second.get('/account/me')).json.value.id).toBe(id)
  })
})

describe('a mail server that wants a login', () => {
  it('is given the one of its address', async () => {
    await using guarded = await openMailbox({ user: 'keepsake@example.org', password: 'a/b:c d' })
    await using other = await startSite({ SMTP_URL: guarded.url, MAIL_FROM: 'keepsake@example.org' })
    await other.browser().post('/account/sign-in/email', { email: 'login@example.com' })
    expect(tokenIn((await guarded.take('login@example.com')).text)).not.toBe('')
  })
})

describe('adding an address', () => {
  it('puts it in the place of the one the account has, in the session that asked', async () => {
    const browser = site.browser()
    await browser.post('/account/sign-in/email/open', { token: await asked(browser, 'old@example.com') })
    await forgetAttempts()
    await browser.post('/account/ways-in/email', { email: 'new@example.com', next: '/account' })
    const token = tokenIn((await mailbox.take('new@example.com')).text)
    const stranger = await site.browser().post('/account/sign-in/email/open', { token, confirm: true })
    expect(stranger.json.error.code).toBe('ERROR_NOT_SIGNED_IN')
    const added = await browser.post('/account/sign-in/email/open', { token })
    expect(added.json.value).toEqual({ status: 'added', email: 'new@example.com', next: '/account' })
    expect((await browser.get('/account/me')).json.value.email).toBe('new@example.com')
  })

  it('does not take it from another account', async () => {
    const owner = site.browser()
    await owner.post('/account/sign-in/email/open', { token: await asked(owner, 'owned@example.com') })
    const other = site.browser()
    await other.post('/account/sign-in/email/open', { token: await asked(other, 'other@example.com') })
    await forgetAttempts()
    await other.post('/account/ways-in/email', { email: 'Owned@example.com' })
    const token = tokenIn((await mailbox.take('Owned@example.com')).text)
    expect((await other.post('/account/sign-in/email/open', { token })).json.error.code).toBe('ERROR_LINKED_ELSEWHERE')
    expect((await owner.get('/account/me')).json.value.email).toBe('owned@example.com')
  })
})
