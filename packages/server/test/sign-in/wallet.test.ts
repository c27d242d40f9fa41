import { privateKeyToAccount } from 'viem/accounts'
import { createSiweMessage } from 'viem/siwe'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Browser, Site } from './site.ts'
import { startSite } from './site.ts'

// Keys and messages are made by viem, another implementation of EIP-191 and ERC-4361.
const wallet = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const other = privateKeyToAccount(`0x${'22'.repeat(32)}`)

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterAll(() => site[Symbol.asyncDispose]())
beforeEach(() => site.service.database.pool.query('delete from attempt'))

interface Asked {
  message: string
  nonce: string
  expires: string
}

async function ask(browser: Browser, address: string = wallet.address, way = 'sign-in', chainId?: number): Promise<Asked> {
  const answer = await browser.post(`/account/${way}/wallet/message`, { address, chainId })
  expect(answer.status).toBe(200)
  return answer.json.value
}

async function signIn(browser: Browser, message: string, signer = wallet) {
  return await browser.post('/account/sign-in/wallet', {
    message,
    signature: await signer.signMessage({ message }),
    next: '/files',
  })
}

describe('a wallet', () => {
  it('signs in with the text it is given, and makes an account of its own', async () => {
    const browser = site.browser()
    const { message } = await ask(browser, wallet.address.toLowerCase(), 'sign-in', 137)
    expect(message).toContain(
      `localhost:${site.port} wants you to sign in with your Ethereum account:\n${wallet.address}\n\nSign in to Keepsake.\n\nURI: ${site.origin}\nVersion: 1\nChain ID: 137\nNonce: `,
    )
    expect((await signIn(browser, message)).json).toEqual({ ok: true, value: { isNew: true, next: '/files' } })
    const me = (await browser.get('/account/me')).json.value
    expect(me).toMatchObject({ email: null, label: wallet.address, waysIn: [{ kind: 'wallet', label: wallet.address }] })
    const again = site.browser()
    expect((await signIn(again, (await ask(again)).message)).json.value.isNew).toBe(false)
    expect((await again.get('/account/me')).json.value.id).toBe(me.id)
  })

  it('signs in with a text that another library wrote around the nonce', async () => {
    const browser = site.browser()
    const { nonce } = await ask(browser)
    const base = {
      address: wallet.address,
      chainId: 1,
      domain: `localhost:${site.port}`,
      nonce,
      uri: `${site.origin}/sign-in`,
      version: '1' as const,
    }
    const message = createSiweMessage({
      ...base,
      expirationTime: new Date(Date.now() + 60_000),
      requestId: 'r1',
      resources: ['https://example.com/a'],
      scheme: 'http',
    })
    expect((await signIn(browser, message)).status).toBe(200)
  })

  const asked = (nonce: string) => ({
    address: wallet.address,
    chainId: 1,
    domain: `localhost:${site.port}`,
    nonce,
    uri: site.origin,
    version: '1' as const,
  })
  const wrong: [string, (nonce: string) => string][] = [
    ['another domain', (nonce) => createSiweMessage({ ...asked(nonce), domain: 'evil.example' })],
    ['another URI', (nonce) => createSiweMessage({ ...asked(nonce), uri: 'https://evil.example/' })],
    ['another chain', (nonce) => createSiweMessage({ ...asked(nonce), chainId: 5 })],
    ['another address', (nonce) => createSiweMessage({ ...asked(nonce), address: other.address })],
    ['an end that is over', (nonce) => createSiweMessage({ ...asked(nonce), expirationTime: new Date(Date.now() - 1000) })],
    [
      'a beginning that is not there yet',
      (nonce) => createSiweMessage({ ...asked(nonce), notBefore: new Date(Date.now() + 120_000) }),
    ],
    [
      'a date of issue in the future',
      (nonce) => createSiweMessage({ ...asked(nonce), issuedAt: new Date(Date.now() + 120_000) }),
    ],
    ['version 2', (nonce) => createSiweMessage(asked(nonce)).replace('Version: 1', 'Version: 2')],
    ['a line more', (nonce) => `${createSiweMessage(asked(nonce))}\nI also give you everything I have.`],
    ['its lines in another order', (nonce) => createSiweMessage(asked(nonce)).replace(/(URI: .*)\n(Version: 1)/, '$2\n$1')],
    ['a date that is none', (nonce) => createSiweMessage(asked(nonce)).replace(/Issued At: .*/, 'Issued At: yesterday')],
  ]
  it.each(wrong)('is refused when the text has %s, though it is signed well', async (_name, write) => {
    const browser = site.browser()
    const { nonce } = await ask(browser)
    const answer = await signIn(browser, write(nonce))
    expect([answer.status, answer.json.error.code]).toEqual([401, 'ERROR_INVALID_SIGNATURE'])
    expect(browser.cookies.has('keepsake-session')).toBe(false)
  })

  it('is refused when the text is used a second time, also at the same moment', async () => {
    const browser = site.browser()
    const { message } = await ask(browser)
    const answers = await Promise.all(Array.from({ length: 6 }, () => signIn(browser, message)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410, 410, 410])
    expect((await signIn(browser, message)).json.error.code).toBe('ERROR_CHALLENGE')
  })

  it('is refused with a nonce of its own, of another browser, or that is too old', async () => {
    const browser = site.browser()
    await ask(browser)
    expect((await signIn(browser, createSiweMessage(asked('0'.repeat(64))))).json.error.code).toBe('ERROR_CHALLENGE')
    const { message } = await ask(site.browser())
    expect((await signIn(browser, message)).json.error.code).toBe('ERROR_CHALLENGE')
    const late = await ask(browser)
    await site.service.database.pool.query('update challenge set expires_at = now()')
    expect((await signIn(browser, late.message)).json.error.code).toBe('ERROR_CHALLENGE')
  })

  it('is refused with the signature of somebody else, of another text, or none', async () => {
    const signature = await wallet.signMessage({ message: 'something else' })
    const zero = `0x${'00'.repeat(65)}`
    const forged = [signature, zero, `${signature.slice(0, -2)}1d`, '0x', '', 'no', `0x${'ff'.repeat(65)}`]
    for (const one of forged) {
      const browser = site.browser()
      const { message } = await ask(browser)
      const answer = await browser.post('/account/sign-in/wallet', { message, signature: one })
      expect([one, answer.json.error?.code]).toEqual([one, 'ERROR_INVALID_SIGNATURE'])
    }
    const browser = site.browser()
    const answer = await signIn(browser, (await ask(browser)).message, other)
    expect(answer.json.error).toEqual({ code: 'ERROR_INVALID_SIGNATURE', message: expect.stringContaining('EIP-1271') })
  })

  it('that is a contract is told that it cannot be checked here', async () => {
    const browser = site.browser()
    const { message } = await ask(browser)
    const answer = await browser.post('/account/sign-in/wallet', { message, signature: `0x${'ab'.repeat(200)}` })
    expect(answer.json.error.message).toContain('contracts (EIP-1271)')
  })
})

describe('a wallet as another way in', () => {
  it('is added by whoever is signed in, and cannot be anybody else’s then', async () => {
    const mine = privateKeyToAccount(`0x${'33'.repeat(32)}`)
    const browser = await site.signedIn('linker@example.com')
    const { message } = await ask(browser, mine.address, 'ways-in')
    expect(message).toContain('Use this wallet to sign in to your Keepsake account.')
    const signature = await mine.signMessage({ message })
    // What was signed to be linked does not sign in.
    expect((await browser.post('/account/sign-in/wallet', { message, signature })).json.error.code).toBe('ERROR_CHALLENGE')
    expect((await browser.post('/account/ways-in/wallet', { message, signature })).json).toEqual({ ok: true })
    const fresh = site.browser()
    await signIn(fresh, (await ask(fresh, mine.address)).message, mine)
    expect((await fresh.get('/account/me')).json.value.email).toBe('linker@example.com')

    const stranger = await site.signedIn('stranger@example.com')
    const theirs = (await ask(stranger, mine.address, 'ways-in')).message
    const taken = await stranger.post('/account/ways-in/wallet', {
      message: theirs,
      signature: await mine.signMessage({ message: theirs }),
    })
    expect([taken.status, taken.json.error.code]).toEqual([409, 'ERROR_LINKED_ELSEWHERE'])
    const nobody = await site.browser().post('/account/ways-in/wallet', { message, signature })
    expect(nobody.json.error.code).toBe('ERROR_NOT_SIGNED_IN')
  })

  it('may be removed, but not when it is the last one', async () => {
    const mine = privateKeyToAccount(`0x${'44'.repeat(32)}`)
    const browser = await site.signedIn('remover@example.com')
    const { message } = await ask(browser, mine.address, 'ways-in')
    await browser.post('/account/ways-in/wallet', { message, signature: await mine.signMessage({ message }) })
    const ways = (await browser.get('/account/ways-in')).json.value as { id: string; kind: string }[]
    expect(ways.map(({ kind }) => kind)).toEqual(['email', 'wallet'])
    // Both at once: one of them stays.
    const answers = await Promise.all(ways.map(({ id }) => browser.call('DELETE', `/account/ways-in/${id}`)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    expect(answers.find(({ status }) => status === 409)!.json.error.code).toBe('ERROR_LAST_WAY_IN')
    expect((await browser.get('/account/ways-in')).json.value).toHaveLength(1)
    expect((await browser.call('DELETE', '/account/ways-in/wallet-999999')).status).toBe(404)
  })
})

describe('where nobody may sign up', () => {
  it('refuses a wallet that has no account, and makes none', async () => {
    await using closed = await startSite({ SIGN_UP: 'invited' })
    const browser = closed.browser()
    const message = (await browser.post('/account/sign-in/wallet/message', { address: wallet.address })).json.value.message
    const answer = await browser.post('/account/sign-in/wallet', { message, signature: await wallet.signMessage({ message }) })
    expect([answer.status, answer.json.error.code]).toEqual([403, 'ERROR_SIGN_UP_CLOSED'])
    expect((await closed.service.database.pool.query('select from "user"')).rowCount).toBe(0)
  })
})
