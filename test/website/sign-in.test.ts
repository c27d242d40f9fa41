import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMailbox } from '../../packages/server/test/sign-in/mailbox.ts'
import { hasBrowser } from '../setup/browser.ts'
import { startsServers } from '../setup/shared.ts'
import { seriousViolations } from '../setup/signed-in-page.ts'
import { openSite, type Site, signIn, whoAmI } from './site.ts'

describe.skipIf(!startsServers || !hasBrowser())('signing in on the website', () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite({ env: { LOG_LEVEL: 'warn' } })
  })
  afterAll(async () => await site?.[Symbol.asyncDispose]())

  it('leads whoever wants a page of their own through the link and back to it', async () => {
    const { page, problems } = await site.visitor()
    await page.goto('/settings')
    await page.waitForURL('**/sign-in?next=%2Fsettings')
    await signIn(page, 'ada@example.com', page.url())
    expect(new URL(page.url()).pathname).toBe('/settings')
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    expect(await whoAmI(page)).toBe('ada@example.com')
    expect(problems).toEqual([])
  })

  it('does not lead away from the website, whatever the address says', async () => {
    const { page } = await site.visitor()
    await signIn(page, 'eve@example.com', '/sign-in?next=https://example.com/')
    expect(new URL(page.url()).origin).toBe(site.origin)
    expect(await whoAmI(page)).toBe('eve@example.com')
  })

  it('says why a link that was used, is broken or is another one does not work', async () => {
    const { page } = await site.visitor()
    await page.goto('/sign-in')
    await page.getByLabel('E-mail address').fill('grace@example.com')
    await page.getByRole('button', { name: 'Make a link' }).click()
    const link = (await page.getByRole('link', { name: 'Open the link' }).getAttribute('href')) as string
    await page.goto(link)
    await page.waitForURL('**/files')
    const second = await site.visitor()
    for (const [address, words] of [
      [link, /used already/],
      [link.slice(0, -4), /not one of ours/],
      ['/sign-in/link', /part of this link is missing/],
    ] as const) {
      await second.page.goto('about:blank')
      await second.page.goto(address)
      expect(await second.page.getByRole('alert').textContent()).toMatch(words)
      expect(await whoAmI(second.page)).toBeNull()
    }
  })

  it('asks before it signs in a browser that did not ask for the link', async () => {
    const asking = await site.visitor()
    await asking.page.goto('/sign-in')
    await asking.page.getByLabel('E-mail address').fill('joan@example.com')
    await asking.page.getByRole('button', { name: 'Make a link' }).click()
    const link = (await asking.page.getByRole('link', { name: 'Open the link' }).getAttribute('href')) as string
    const { page } = await site.visitor()
    await page.goto(link)
    const agree = page.getByRole('button', { name: 'Sign in as joan@example.com' })
    await agree.waitFor()
    expect(await whoAmI(page)).toBeNull()
    await agree.click()
    await page.waitForURL('**/files')
    expect(await whoAmI(page)).toBe('joan@example.com')
  })

  it('takes a passkey that was added, and signs in with it alone', async () => {
    const { page, context, problems } = await site.visitor()
    const devtools = await context.newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    await signIn(page, 'mary@example.com')
    await page.goto('/settings')
    await page.getByRole('button', { name: 'Add a passkey' }).click()
    await page.getByRole('listitem').filter({ hasText: 'Passkey' }).waitFor()
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.getByRole('link', { name: 'Sign in', exact: true }).click()
    await page.getByRole('button', { name: 'Use a passkey' }).click()
    await page.waitForURL('**/files')
    expect(await whoAmI(page)).toBe('mary@example.com')
    expect(problems).toEqual([])
  })

  it('takes a wallet, makes its account, and knows it again', async () => {
    const wallet = privateKeyToAccount(generatePrivateKey())
    const { page, problems } = await site.visitor()
    await page.exposeFunction('signWithWallet', (message: `0x${string}`) => wallet.signMessage({ message: { raw: message } }))
    await page.addInitScript((address) => {
      const sign = (message: string) =>
        (window as unknown as { signWithWallet: (message: string) => Promise<string> }).signWithWallet(message)
      const answers: Record<string, (params: string[]) => unknown> = {
        eth_requestAccounts: () => [address],
        eth_chainId: () => '0x1',
        personal_sign: ([message]) => sign(message as string),
      }
      const request = async ({ method, params }: { method: string; params?: string[] }) => answers[method]?.(params ?? [])
      Object.assign(window, { ethereum: { request } })
    }, wallet.address)
    for (const _ of ['made', 'known']) {
      await page.goto('/sign-in')
      await page.getByRole('button', { name: 'Use your wallet' }).click()
      await page.waitForURL('**/files')
      await page.goto('/settings')
      const ways = page.getByRole('region', { name: 'Ways in' }).getByRole('listitem')
      await ways.first().waitFor()
      expect(await ways.count()).toBe(1)
      expect(await ways.textContent()).toContain(wallet.address)
      await page.getByRole('button', { name: 'Sign out', exact: true }).click()
      await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor()
    }
    expect(problems).toEqual([])
  })

  it('says so when a wallet is asked and its owner says no', async () => {
    const { page } = await site.visitor()
    await page.addInitScript(() => {
      const request = async () => {
        throw Object.assign(new Error('User rejected the request.'), { code: 4001 })
      }
      Object.assign(window, { ethereum: { request } })
    })
    await page.goto('/sign-in')
    await page.getByRole('button', { name: 'Use your wallet' }).click()
    expect(await page.getByRole('alert').textContent()).toContain('You said no in the wallet.')
  })

  it('signs out everywhere, at other browsers too', async () => {
    const one = await site.visitor()
    const other = await site.visitor()
    await signIn(one.page, 'both@example.com')
    await signIn(other.page, 'both@example.com')
    await one.page.goto('/settings')
    const sessions = one.page.getByRole('region', { name: 'Where you are signed in' })
    await sessions.getByRole('listitem').first().waitFor()
    expect(await sessions.getByRole('listitem').count()).toBe(2)
    await sessions.getByRole('button', { name: 'Sign out everywhere' }).click()
    await one.page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click()
    await one.page.waitForURL('**/sign-in?**')
    expect(await whoAmI(one.page)).toBeNull()
    expect(await whoAmI(other.page)).toBeNull()
  })

  it('deletes an account only for who typed its name', async () => {
    const { page } = await site.visitor()
    await signIn(page, 'gone@example.com')
    await page.goto('/settings')
    await page.getByRole('button', { name: 'Delete my account' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Delete it for good' }).click()
    await dialog.getByRole('alert').waitFor()
    expect(await whoAmI(page)).toBe('gone@example.com')
    await dialog.getByLabel(/Type/).fill('gone@example.com')
    await dialog.getByRole('button', { name: 'Delete it for good' }).click()
    await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor()
    expect(await whoAmI(page)).toBeNull()
  })

  it('makes the administrator with the link from the log, once', async () => {
    const token = /\/set-up#([\w-]+)/.exec(site.server.output())?.[1]
    const { page } = await site.visitor()
    await page.goto(`/set-up#${token}`)
    await page.getByLabel(/E-mail address/).fill('root@example.com')
    await page.getByRole('button', { name: 'Become the administrator' }).click()
    await page.getByRole('link', { name: 'Admin' }).click()
    await page.getByRole('heading', { name: 'Administration' }).waitFor()
    const late = await site.visitor()
    await late.page.goto(`/set-up#${token}`)
    await late.page.getByLabel(/E-mail address/).fill('late@example.com')
    await late.page.getByRole('button', { name: 'Become the administrator' }).click()
    expect(await late.page.getByRole('alert').textContent()).toContain('has an administrator already')
    await late.page.goto('/admin')
    await late.page.waitForURL('**/sign-in?**')
  })
})

describe.skipIf(!startsServers || !hasBrowser())('signing in on the website of a server with mail', () => {
  it('sends the link, and does not show it', async () => {
    await using mailbox = await openMailbox()
    await using site = await openSite({
      env: { LOG_LEVEL: 'warn', SMTP_URL: mailbox.url, MAIL_FROM: 'Keepsake <keepsake@example.com>' },
    })
    const { page } = await site.visitor()
    await page.goto('/sign-in')
    await page.getByLabel('E-mail address').fill('ada@example.com')
    await page.getByRole('button', { name: 'Send me a link' }).click()
    await page.getByText('a link is on its way').waitFor()
    expect(await page.content()).not.toContain('/sign-in/link#')
    const { text } = await mailbox.take('ada@example.com')
    const token = /\/sign-in\/link#([\w-]+)/.exec(text)?.[1]
    await page.goto(`/sign-in/link#${token}`)
    await page.waitForURL('**/files')
    expect(await whoAmI(page)).toBe('ada@example.com')
  })

  it('takes a token of Magic that another page brought, after a question, and puts it nowhere', async () => {
    await using own = await openSite({ env: { LOG_LEVEL: 'warn', MAGIC_CLIENT_ID: 'an-application' } })
    const { page, problems } = await own.visitor()
    const seconds = Math.floor(Date.now() / 1000)
    const account = privateKeyToAccount(generatePrivateKey())
    const claim = {
      iat: seconds,
      ext: seconds + 900,
      nbf: seconds,
      iss: `did:ethr:${account.address}`,
      sub: 'x',
      aud: 'an-application',
    }
    const text = JSON.stringify(claim)
    const token = Buffer.from(JSON.stringify([await account.signMessage({ message: text }), text])).toString('base64')
    await page.goto(`/sign-in#${new URLSearchParams({ magic: token })}`)
    await page.getByRole('button', { name: 'Sign in with Magic' }).waitFor()
    expect(page.url()).not.toContain('magic=')
    expect(await whoAmI(page)).toBeNull()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByRole('button', { name: 'Sign in with Magic' }).click()
    await page.waitForURL('**/files')
    expect(await whoAmI(page)).toMatch(/^Magic 0x/)

    const second = await own.visitor()
    await second.page.goto('/sign-in')
    await second.page.getByRole('button', { name: 'Use Magic' }).click()
    await second.page.getByLabel('DID token of Magic').fill(token)
    await second.page.getByRole('button', { name: 'Sign in with Magic' }).click()
    expect(await second.page.getByRole('alert').textContent()).toContain('it was used already')
    expect(problems).toEqual([])
  })
})
