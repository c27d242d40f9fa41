import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasBrowser } from '../setup/browser.ts'
import { rawCall } from '../setup/raw-request.ts'
import { startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'
import { openSite, type Site, signIn } from './site.ts'

const maxScriptBytes = 150_000

interface Violation {
  id: string
  impact: string | null
  nodes: { html: string; failureSummary?: string }[]
}

const missingPage = '/nowhere'
const publicPages = ['/', '/sign-in', '/sign-in/link', '/set-up', '/docs', '/stats', '/terms', '/providers', missingPage]
const ownPages = [
  '/',
  '/files',
  '/upload',
  '/upload/nft',
  '/pins',
  '/keys',
  '/settings',
  '/admin',
  '/admin/users/1',
  '/admin/aggregates',
  '/admin/deals',
  '/admin/providers',
]
/** A telephone; and one held the other way, where the header is about to fit into one line. */
const narrowWidths = [360, 768]
const documents = ['faq', 'journey-of-a-file', 'limits', 'operating', 'proofs', 'signing-in', 'performance', 'configuration']

describe.skipIf(!startsServers || !hasBrowser())('the pages of the website', () => {
  let site: Site
  let axe: string
  beforeAll(async () => {
    site = await openSite({ env: { LOG_LEVEL: 'warn' } })
    axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  })
  afterAll(async () => await site?.[Symbol.asyncDispose]())

  /** Nothing is grey any more. Pages that follow events are never without a request. */
  async function isDrawn(page: Page): Promise<void> {
    await page.waitForFunction(() => document.querySelector('main h1') !== null && document.querySelector('.skeleton') === null)
  }

  async function findViolations(page: Page, path: string): Promise<string[]> {
    const answer = await page.goto(path)
    expect(answer?.status(), path).toBe(path === missingPage ? 404 : 200)
    await isDrawn(page)
    await page.evaluate(axe)
    const wide = await findOverflow(page, path)
    const violations = (await page.evaluate('axe.run(document).then((result) => result.violations)')) as Violation[]
    const serious = violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) => `${path}: ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
      )
    return [...wide, ...serious]
  }

  /** What makes a page wider than a small screen: it would have to be scrolled to the side to be read. */
  async function findOverflow(page: Page, path: string): Promise<string[]> {
    const usual = page.viewportSize()
    const found: string[] = []
    for (const width of narrowWidths) {
      await page.setViewportSize({ width, height: 780 })
      const wide = await page.evaluate(() => {
        const tooWide = ['html', '.site-header'].filter((what) => {
          const { scrollWidth, clientWidth } = document.querySelector(what) as Element
          return scrollWidth > clientWidth
        })
        const scrolls = (one: Element | null): boolean =>
          one !== null && (getComputedStyle(one).overflowX !== 'visible' || scrolls(one.parentElement))
        const isOut = (one: Element) => one.getBoundingClientRect().right > innerWidth && !scrolls(one.parentElement)
        return tooWide.length === 0
          ? []
          : [...tooWide, ...[...document.querySelectorAll('body *')].filter(isOut).map((one) => one.outerHTML)]
      })
      if (wide.length > 0) found.push(`${path}: wider than ${width} px: ${wide.join(' ').slice(0, 2000)}`)
    }
    if (usual) await page.setViewportSize(usual)
    return found
  }

  it.each(['light', 'dark'] as const)(
    'have nothing that axe calls serious, and fit a small screen, in %s',
    async (colorScheme) => {
      const { page, problems } = await site.visitor({ colorScheme, reducedMotion: 'reduce' })
      const found: string[] = []
      for (const path of [...publicPages, ...documents.map((name) => `/docs/${name}`)])
        found.push(...(await findViolations(page, path)))
      await becomeAdmin(page)
      for (const path of ownPages) found.push(...(await findViolations(page, path)))
      await page.goto('/keys')
      await page.getByRole('button', { name: 'New key' }).first().click()
      await page.evaluate(axe)
      found.push(...((await page.evaluate('axe.run(document).then((r) => r.violations.map(({ id }) => id))')) as string[]))
      expect(found).toEqual([])
      expect(problems).toEqual([])
    },
  )

  /** The first time with the link from the log, later with one for the same address. */
  async function becomeAdmin(page: Page): Promise<void> {
    const token = /\/set-up#([\w-]+)/.exec(site.server.output())?.[1]
    await page.goto(`/set-up#${token}`)
    await page.getByLabel(/E-mail address/).fill('root@example.com')
    await page.getByRole('button', { name: 'Become the administrator' }).click()
    const outcome = page.getByRole('alert').or(page.getByRole('link', { name: 'Admin' }))
    await outcome.first().waitFor()
    if (await page.getByRole('alert').count()) await signIn(page, 'root@example.com')
  }

  it('show every document that the documentation lists', async () => {
    const { page } = await site.visitor()
    await page.goto('/docs')
    const links = page.locator('main a[href^="/docs/"]')
    await links.first().waitFor()
    const listed = new Set(await links.evaluateAll((all) => all.map((link) => link.getAttribute('href') as string)))
    expect(listed.size).toBeGreaterThan(documents.length)
    for (const path of listed) {
      await page.goto(path)
      // A document has more than its title; one that could not be loaded says so.
      const shown = page.locator('article h2').or(page.getByRole('alert')).first()
      await shown.waitFor()
      expect(await page.getByRole('alert').allInnerTexts(), path).toEqual([])
    }
  })

  it('load less than 150 kB of compressed script for the first one, and nothing from other hosts', async () => {
    const { page } = await site.visitor()
    const hosts = new Set<string>()
    const sizes: Promise<number>[] = []
    page.on('requestfinished', (request) => {
      hosts.add(new URL(request.url()).host)
      if (request.resourceType() === 'script') sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize))
    })
    await page.goto('/', { waitUntil: 'networkidle' })
    const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
    process.stdout.write(`the first page loads ${Math.round(total / 1000)} kB of compressed script\n`)
    expect(total).toBeGreaterThan(10_000)
    expect(total).toBeLessThan(maxScriptBytes)
    expect([...hosts]).toEqual([`localhost:${site.server.port}`])
  })

  it('come with a policy that lets no other script in, and are kept by browsers only where that is safe', async () => {
    const html = await fetch(`${site.origin}/`)
    const policy = html.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("script-src 'self';")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(html.headers.get('cache-control')).toBe('no-cache')
    expect(html.headers.get('x-content-type-options')).toBe('nosniff')
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(await html.text())?.[1]
    const asset = await fetch(`${site.origin}${script}`, { headers: { 'accept-encoding': 'br' } })
    expect(asset.headers.get('cache-control')).toContain('immutable')
    expect(asset.headers.get('content-encoding')).toBe('br')
    const again = await fetch(`${site.origin}/`, { headers: { 'if-none-match': html.headers.get('etag') as string } })
    expect(again.status).toBe(304)
  })

  it('answer what is not there with status 404: a page for people, a line for programs', async () => {
    const { page } = await site.visitor()
    for (const path of ['/nowhere', '/docs/nothing', '/assets/none.js']) {
      expect((await page.goto(path))?.status(), path).toBe(404)
      await page.getByRole('heading', { name: 'Nothing is kept here' }).waitFor()
    }
    const answer = await fetch(`${site.origin}/nowhere`)
    expect([answer.status, await answer.text()]).toEqual([404, '404 not found'])
  })

  it('are not on the host of the gateway, where content is', async () => {
    await using own = await startServer({
      env: { LOG_LEVEL: 'warn', GATEWAY_HOST: 'gateway.example.net', PUBLIC_URL: 'http://keepsake.example.org:0' },
    })
    const at = (host: string) => rawCall(own.url, { method: 'GET', path: '/', headers: { host, accept: 'text/html' } })
    const gateway = await at('gateway.example.net')
    expect([gateway.status, gateway.headers.get('location')]).toEqual([302, 'http://keepsake.example.org:0'])
    const site = await at('keepsake.example.org:0')
    expect(site.status).toBe(200)
    expect(site.text).toContain('name="keepsake-gateway" content="gateway.example.net"')
    expect(site.headers.get('content-security-policy')).toContain('http://*.ipfs.gateway.example.net:*')
  })

  it('are reached by keyboard: past the navigation, through the tabs, out of a dialog', async () => {
    const { page } = await site.visitor()
    await page.goto('/')
    // A key that comes before the page is drawn finds nothing to go to.
    await page.getByRole('tab', { name: 'curl' }).waitFor()
    await page.keyboard.press('Tab')
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('main')
    await page.getByRole('tab', { name: 'curl' }).focus()
    await page.keyboard.press('ArrowRight')
    expect(await page.getByRole('tabpanel').textContent()).toContain('new NFTStorage')
    await signIn(page, 'keyboard@example.com', '/sign-in?next=/keys')
    const opener = page.getByRole('button', { name: 'New key' })
    await opener.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await expect.poll(() => opener.evaluate((element) => element === document.activeElement)).toBe(true)
  })

  it('show the address that a text really gets', async () => {
    const { page } = await site.visitor()
    await page.goto('/')
    const text = `typed at ${Date.now()}`
    const before = await page.locator('output').textContent()
    await page.getByLabel('Type anything').fill(text)
    await page.waitForFunction((old) => document.querySelector('output')?.textContent !== old, before)
    const key = await site.server.createKey()
    const answer = await fetch(`${site.server.apiUrl}/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'text/plain' },
      body: text,
    })
    const { value } = (await answer.json()) as { value: { cid: string } }
    expect(await page.locator('output').textContent()).toBe(value.cid)
  })

  it('count what was stored, by day, as a table too', async () => {
    const { page } = await site.visitor()
    await page.goto('/stats')
    await page.getByText('The numbers as a table').click()
    const days = page.getByRole('region', { name: 'Numbers by day' }).getByRole('row')
    expect(await days.count()).toBe(15)
    expect(await days.nth(1).textContent()).toContain(new Date().toISOString().slice(0, 10))
    expect(await page.locator('canvas').count()).toBe(5)
    const pins = page.getByRole('region', { name: 'Pins today, by who keeps them', exact: true })
    const ours = pins.getByRole('row', { name: /^This server/ })
    // Numbers are kept for a while: those shown first may be from before anything was stored.
    const isThere = async () => {
      await page.reload()
      await page.getByText('The numbers as a table').click()
      return await ours.count()
    }
    await expect.poll(isThere, { timeout: 90_000, interval: 3_000 }).toBe(1)
    expect(await ours.textContent()).toMatch(/This server0\d+\d+0$/)
  })

  it('say what to do when the server cannot be reached, and go on when it can again', async () => {
    const { page, context } = await site.visitor()
    await signIn(page, 'offline@example.com', '/sign-in?next=/keys')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    await context.setOffline(true)
    await page.getByRole('button', { name: 'New key' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('later')
    await dialog.getByRole('button', { name: 'Make the key' }).click()
    expect(await dialog.getByRole('alert').textContent()).toContain('could not be reached')
    await context.setOffline(false)
    await dialog.getByRole('button', { name: 'Make the key' }).click()
    await page.getByRole('heading', { name: 'later' }).waitFor()
  })

  it('offer to sign in again when the session ended meanwhile', async () => {
    const { page, context } = await site.visitor()
    await signIn(page, 'ended@example.com', '/sign-in?next=/keys')
    await page.getByRole('button', { name: 'New key' }).click()
    await context.clearCookies()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('too late')
    await dialog.getByRole('button', { name: 'Make the key' }).click()
    expect(await dialog.getByRole('alert').textContent()).toContain('You are not signed in any more.')
    await dialog.getByRole('link', { name: 'Sign in again' }).click()
    await page.waitForURL('**/sign-in?next=%2Fkeys')
  })

  it('let an administrator restrict an account, and that holds', async () => {
    const admin = await site.visitor()
    await becomeAdmin(admin.page)
    const other = await site.visitor()
    await signIn(other.page, 'restricted@example.com')
    const upload = () =>
      other.page.evaluate(
        async () => (await fetch('/api/upload', { method: 'POST', headers: { 'x-keepsake-csrf': '1' }, body: 'x' })).status,
      )
    expect(await upload()).toBe(200)
    await admin.page.goto('/admin')
    await admin.page.getByLabel('Address or name contains').fill('RESTRICTED@')
    await admin.page.getByRole('button', { name: 'Search' }).click()
    await admin.page.getByRole('link', { name: 'restricted@example.com' }).click()
    await admin.page.getByText('1 upload, 1 byte').waitFor()
    await admin.page.getByLabel('May store').uncheck()
    await expect.poll(upload).toBe(403)
    await other.page.goto('/admin')
    await other.page.getByRole('heading', { name: 'Nothing is kept here' }).waitFor()
  })
})
