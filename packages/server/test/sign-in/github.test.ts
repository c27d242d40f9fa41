import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { GithubServer } from './github-server.ts'
import { startGithub } from './github-server.ts'
import type { Browser, Site } from './site.ts'
import { startSite } from './site.ts'

const app = { id: 'Iv1.keepsake', secret: 'a secret of GitHub' }
let github: GithubServer
let site: Site
beforeAll(async () => {
  github = await startGithub(app)
  site = await startSite({
    GITHUB_CLIENT_ID: app.id,
    GITHUB_CLIENT_SECRET: app.secret,
    GITHUB_URL: github.url,
    GITHUB_API_URL: github.url,
  })
})
afterAll(async () => {
  await site[Symbol.asyncDispose]()
  await github[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await site.service.database.pool.query('delete from attempt')
  for (const name of ['user', 'token', 'status'] as const) delete github.mischief[name]
})

const octocat = { id: 583231, login: 'octocat' }

async function start(browser: Browser, way = 'sign-in', next = '/files'): Promise<string> {
  const answer = await browser.post(`/account/${way}/github`, { next })
  expect(answer.status).toBe(200)
  return answer.json.value.url
}

/** The browser comes from another site: GitHub sent it. */
const arrive = (browser: Browser, url: string) =>
  browser.get(url.slice(site.origin.length), { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } })

const errorOf = (location: string | null) => new URL(location!, site.origin).searchParams.get('error')

describe('GitHub', () => {
  it('signs in, and brings the browser where it wanted to go', async () => {
    const browser = site.browser()
    const arrived = await arrive(browser, await github.confirm(await start(browser), octocat))
    expect([arrived.status, arrived.headers.get('location')]).toEqual([303, '/files'])
    expect((await browser.get('/account/me')).json.value).toMatchObject({
      label: 'octocat',
      waysIn: [{ kind: 'github', label: 'octocat' }],
    })
  })

  it('knows somebody again who changed his name there, and not whoever took the name', async () => {
    const meOf = async (user: { id: number; login: string }) => {
      const browser = site.browser()
      await arrive(browser, await github.confirm(await start(browser), user))
      return (await browser.get('/account/me')).json.value
    }
    const before = await meOf({ id: 77, login: 'before' })
    expect(await meOf({ id: 77, login: 'after' })).toMatchObject({ id: before.id, label: 'after' })
    expect((await meOf({ id: 78, login: 'before' })).id).not.toBe(before.id)
  })

  it('asks for nothing but who it is, and keeps neither token nor verifier', async () => {
    const browser = site.browser()
    const url = new URL(await start(browser))
    expect(url.searchParams.get('scope')).toBeNull()
    const { rows } = await site.service.database.pool.query('select * from challenge')
    expect(JSON.stringify(rows)).not.toContain(url.searchParams.get('state'))
    await arrive(browser, await github.confirm(url.href, octocat))
    const tables = await site.service.database.pool.query('select row_to_json(t)::text as t from linked_identity t')
    expect(JSON.stringify(tables.rows)).not.toContain('gho_')
  })

  it('does nothing for a browser that did not begin there', async () => {
    const url = await github.confirm(await start(site.browser()), octocat)
    const victim = site.browser()
    await victim.post('/account/sign-in/wallet/message', { address: `0x${'00'.repeat(20)}` })
    const arrived = await arrive(victim, url)
    expect(errorOf(arrived.headers.get('location'))).toBe('ERROR_CHALLENGE')
    expect(victim.cookies.has('keepsake-session')).toBe(false)
  })

  it('answers each state once', async () => {
    const browser = site.browser()
    const url = await github.confirm(await start(browser), octocat)
    expect((await arrive(browser, url)).headers.get('location')).toBe('/files')
    expect(errorOf((await arrive(browser, url)).headers.get('location'))).toBe('ERROR_CHALLENGE')
  })

  it('signs nobody in with a code that was got for another state', async () => {
    const browser = site.browser()
    const mine = new URL(await github.confirm(await start(browser), octocat))
    const injected = new URL(await github.confirm(await start(site.browser()), { id: 666, login: 'attacker' }))
    mine.searchParams.set('code', injected.searchParams.get('code')!)
    const arrived = await arrive(browser, mine.href)
    expect(errorOf(arrived.headers.get('location'))).toBe('ERROR_GITHUB')
    expect(browser.cookies.has('keepsake-session')).toBe(false)
  })

  it.each([
    ['refuses', { token: '{"error":"bad_verification_code"}' }],
    ['fails', { status: 500 }],
    ['is not GitHub at all', { token: '<html>' }],
    ['does not say who it is', { user: '{"login":"x"}' }],
    ['says it in another shape', { user: '{"id":"583231","login":"octocat"}' }],
  ])('leads back to the sign-in page when it %s', async (_name, mischief) => {
    const browser = site.browser()
    const url = await github.confirm(await start(browser), octocat)
    Object.assign(github.mischief, mischief)
    const arrived = await arrive(browser, url)
    expect(arrived.headers.get('location')).toMatch(/^\/sign-in\?error=ERROR_GITHUB&message=/)
    expect(browser.cookies.has('keepsake-session')).toBe(false)
  })

  it('leads back when its owner says no, or the address is nonsense', async () => {
    for (const query of [
      'error=access_denied&state=x',
      '',
      'code=a',
      'state=b',
      'code=a&state=%00',
      `code=a&state=${'x'.repeat(200)}`,
    ]) {
      const arrived = await arrive(site.browser(), `${site.origin}/account/sign-in/github/callback?${query}`)
      expect(arrived.status).toBe(303)
      expect(errorOf(arrived.headers.get('location'))).toMatch(/^ERROR_(GITHUB|CHALLENGE)$/)
    }
  })

  it('becomes another way into the account that is signed in, and of no other', async () => {
    const browser = await site.signedIn('hub@example.com')
    const user = { id: 4242, login: 'hub' }
    const url = await start(browser, 'ways-in', '/account')
    expect((await arrive(browser, await github.confirm(url, user))).headers.get('location')).toBe('/account')
    expect((await browser.get('/account/ways-in')).json.value).toMatchObject([
      { kind: 'email' },
      { kind: 'github', label: 'hub' },
    ])
    const other = await site.signedIn('hub2@example.com')
    const taken = await arrive(other, await github.confirm(await start(other, 'ways-in'), user))
    expect(errorOf(taken.headers.get('location'))).toBe('ERROR_LINKED_ELSEWHERE')
    // Begun to be linked, and signed out meanwhile: then it is nothing.
    const left = await site.signedIn('hub3@example.com')
    const pending = await github.confirm(await start(left, 'ways-in'), { id: 4243, login: 'hub3' })
    await left.post('/account/sign-out')
    expect(errorOf((await arrive(left, pending)).headers.get('location'))).toBe('ERROR_CHALLENGE')
  })

  it('is refused where it is not set up', async () => {
    await using plain = await startSite()
    expect((await plain.browser().get('/account/sign-in')).json.value.github).toBe(false)
    expect((await plain.browser().post('/account/sign-in/github', {})).json.error.code).toBe('ERROR_WAY_OFF')
  })
})
