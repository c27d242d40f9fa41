import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Authenticator } from './authenticator.ts'
import { authenticator } from './authenticator.ts'
import type { Browser, Site } from './site.ts'
import { startSite } from './site.ts'

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterAll(() => site[Symbol.asyncDispose]())
beforeEach(() => site.service.database.pool.query('delete from attempt'))

type Options = Parameters<Authenticator['create']>[0] & { challenge: string; rpId?: string }

async function askNew(browser: Browser): Promise<Options> {
  return (await browser.post('/account/ways-in/passkey/options')).json.value
}

async function ask(browser: Browser): Promise<Options> {
  return (await browser.post('/account/sign-in/passkey/options')).json.value
}

async function withPasskey(email: string, countsUses = true): Promise<{ browser: Browser; key: Authenticator; wayIn: string }> {
  const browser = await site.signedIn(email)
  const key = authenticator({ origin: site.origin, countsUses })
  const added = await browser.post('/account/ways-in/passkey', {
    credential: key.create(await askNew(browser)),
    name: 'My laptop',
  })
  expect(added.status).toBe(200)
  return { browser, key, wayIn: added.json.value.id }
}

const signIn = (browser: Browser, credential: object) => browser.post('/account/sign-in/passkey', { credential, next: '/files' })

describe('a passkey', () => {
  it('is made while signed in, and signs in without a name or an address', async () => {
    const { key } = await withPasskey('ada@example.com')
    const browser = site.browser()
    const options = await ask(browser)
    expect(options).toMatchObject({ rpId: 'localhost', userVerification: 'required' })
    expect((options as { allowCredentials?: unknown[] }).allowCredentials ?? []).toEqual([])
    expect((await signIn(browser, key.get(options))).json.value).toEqual({ isNew: false, next: '/files' })
    const me = (await browser.get('/account/me')).json.value
    expect(me.email).toBe('ada@example.com')
    expect(me.waysIn).toMatchObject([{ kind: 'email' }, { kind: 'passkey', label: 'My laptop', lastUsed: expect.any(String) }])
  })

  it('without a counter works as often as one likes', async () => {
    const { key } = await withPasskey('synced@example.com', false)
    for (let i = 0; i < 3; i++) {
      const browser = site.browser()
      expect((await signIn(browser, key.get(await ask(browser)))).status).toBe(200)
    }
  })

  it('is offered not to be made twice, and is registered once only', async () => {
    const { browser, key } = await withPasskey('double@example.com')
    const options = await askNew(browser)
    expect((options as unknown as { excludeCredentials: { id: string }[] }).excludeCredentials).toMatchObject([{ id: key.id }])
    const stranger = await site.signedIn('double2@example.com')
    const again = await stranger.post('/account/ways-in/passkey', { credential: key.create(await askNew(stranger)) })
    expect([again.status, again.json.error.code]).toEqual([409, 'ERROR_LINKED_ELSEWHERE'])
  })

  it('is renamed and removed by its owner only, and signs in no more', async () => {
    const { browser, key, wayIn } = await withPasskey('gone@example.com')
    const stranger = await site.signedIn('gone2@example.com')
    expect((await stranger.call('PATCH', `/account/ways-in/${wayIn}`, { body: { name: 'Mine' } })).status).toBe(404)
    expect((await stranger.call('DELETE', `/account/ways-in/${wayIn}`)).status).toBe(404)
    expect((await browser.call('PATCH', `/account/ways-in/${wayIn}`, { body: { name: 'Old <b>phone</b> 📱' } })).status).toBe(200)
    expect((await browser.get('/account/ways-in')).json.value[1].label).toBe('Old <b>phone</b> 📱')
    for (const name of ['', 'x'.repeat(101), 'a\0b', 'a\nb'])
      expect((await browser.call('PATCH', `/account/ways-in/${wayIn}`, { body: { name } })).status).toBe(400)
    expect((await browser.call('DELETE', `/account/ways-in/${wayIn}`)).status).toBe(200)
    const fresh = site.browser()
    expect((await signIn(fresh, key.get(await ask(fresh)))).json.error.code).toBe('ERROR_INVALID_PASSKEY')
  })
})

describe('the answer of a passkey', () => {
  it('counts once, also at the same moment', async () => {
    const { key } = await withPasskey('replay@example.com', false)
    const browser = site.browser()
    const credential = key.get(await ask(browser))
    const answers = await Promise.all(Array.from({ length: 6 }, () => signIn(browser, credential)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410, 410, 410])
    expect((await signIn(browser, credential)).json.error.code).toBe('ERROR_CHALLENGE')
  })

  it('is for the browser that asked', async () => {
    const { key } = await withPasskey('browser@example.com')
    const credential = key.get(await ask(site.browser()))
    const other = site.browser()
    await ask(other)
    expect((await signIn(other, credential)).json.error.code).toBe('ERROR_CHALLENGE')
  })

  const lies: [string, () => Parameters<Authenticator['get']>[1]][] = [
    ['given to another origin', () => ({ origin: 'https://evil.example' })],
    ['given to content below the gateway', () => ({ origin: `http://bafkqaaa.ipfs.localhost:${site.port}` })],
    ['given to another port', () => ({ origin: 'http://localhost:1' })],
    ['for another relying party', () => ({ rpId: 'evil.example' })],
    ['that of making a passkey', () => ({ type: 'webauthn.create' })],
    ['given without a finger, a face or a PIN', () => ({ userVerified: false })],
    ['signed by another key', () => ({ key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey })],
    ['that of a copy whose counter stayed behind', () => ({ counter: 0 })],
    ['of a passkey nobody has', () => ({ id: Buffer.alloc(32).toString('base64url') })],
  ]
  it.each(lies)('is refused when it is %s', async (name, over) => {
    const { key } = await withPasskey(`lie-${lies.findIndex(([n]) => n === name)}@example.com`)
    const first = site.browser()
    expect((await signIn(first, key.get(await ask(first)))).status).toBe(200)
    const browser = site.browser()
    const answer = await signIn(browser, key.get(await ask(browser), over()))
    expect([answer.status, answer.json.error.code]).toEqual([401, 'ERROR_INVALID_PASSKEY'])
    expect(browser.cookies.has('keepsake-session')).toBe(false)
  })

  it('is refused when it answers a challenge nobody posed', async () => {
    const { key } = await withPasskey('own-challenge@example.com')
    const browser = site.browser()
    await ask(browser)
    const answer = await signIn(browser, key.get({ challenge: Buffer.alloc(32).toString('base64url') }))
    expect(answer.json.error.code).toBe('ERROR_CHALLENGE')
  })

  it('is refused when it is nonsense', async () => {
    const browser = site.browser()
    for (const credential of [
      {},
      { id: 'x', response: {} },
      { id: 'x', response: { clientDataJSON: 'e30' } },
      { id: '', response: { clientDataJSON: 7 } },
    ]) {
      const answer = await browser.post('/account/sign-in/passkey', { credential })
      expect([JSON.stringify(credential), answer.status < 500 && answer.status >= 400]).toEqual([
        JSON.stringify(credential),
        true,
      ])
    }
  })
})

describe('making a passkey', () => {
  const lies: [string, Parameters<Authenticator['create']>[1]][] = [
    ['for another origin', { origin: 'https://evil.example' }],
    ['for another relying party', { rpId: 'evil.example' }],
    ['without verifying its owner', { userVerified: false }],
    ['with the answer to signing in', { type: 'webauthn.get' }],
  ]
  it.each(lies)('is refused %s', async (_name, over) => {
    const browser = await site.signedIn('maker@example.com')
    const key = authenticator({ origin: site.origin })
    const answer = await browser.post('/account/ways-in/passkey', { credential: key.create(await askNew(browser), over) })
    expect([answer.status, answer.json.error.code]).toEqual([401, 'ERROR_INVALID_PASSKEY'])
    expect((await browser.get('/account/ways-in')).json.value).toHaveLength(1)
  })

  it('is refused for another account than asked for it, and for nobody', async () => {
    const one = await site.signedIn('one@example.com')
    const options = await askNew(one)
    const key = authenticator({ origin: site.origin })
    const two = await site.signedIn('two@example.com')
    two.cookies.set('keepsake-browser', one.cookies.get('keepsake-browser')!)
    expect((await two.post('/account/ways-in/passkey', { credential: key.create(options) })).json.error.code).toBe(
      'ERROR_CHALLENGE',
    )
    expect((await site.browser().post('/account/ways-in/passkey/options')).json.error.code).toBe('ERROR_NOT_SIGNED_IN')
  })

  it('is refused at an address instead of a name', async () => {
    const headers = { host: `127.0.0.1:${site.port}`, origin: `http://127.0.0.1:${site.port}` }
    const answer = await site.browser().post('/account/sign-in/passkey/options', {}, { headers })
    expect(answer.json.error.code).toBe('ERROR_WAY_OFF')
  })
})
