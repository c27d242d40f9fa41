// node scripts/run.mjs scripts/screenshots.ts [parts of names]: every page of the website as it looks at three widths, in light and dark,
// in test-results/screenshots. It starts a server of its own with something in it.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { openBrowser } from '../test/setup/browser.ts'
import { checkout, type Server, startServer } from '../test/setup/server.ts'

const folder = join(checkout, 'test-results/screenshots')
const widths = [360, 768, 1440]
const schemes = ['light', 'dark'] as const

interface Shot {
  name: string
  path: string
  /** Whose page it is; nobody's when absent. */
  as?: 'admin'
  /** Brings the page into the state to be shown. */
  prepare?: (page: Page) => Promise<unknown>
}

const shots: Shot[] = [
  { name: 'home', path: '/' },
  { name: 'home-signed-in', path: '/', as: 'admin' },
  { name: 'sign-in', path: '/sign-in' },
  {
    name: 'sign-in-asked',
    path: '/sign-in',
    prepare: async (page) => {
      await page.getByLabel('E-mail address').fill(`ada-${Date.now()}@example.com`)
      await page.getByRole('button', { name: /link/ }).click()
      await page.getByRole('link', { name: 'Open the link' }).waitFor()
    },
  },
  { name: 'link-refused', path: '/sign-in/link#wrong' },
  { name: 'set-up', path: '/set-up#token' },
  { name: 'keys', path: '/keys', as: 'admin' },
  {
    name: 'keys-new',
    path: '/keys',
    as: 'admin',
    prepare: async (page) => await page.getByRole('button', { name: 'New key' }).click(),
  },
  { name: 'files', path: '/files', as: 'admin' },
  { name: 'upload', path: '/upload', as: 'admin' },
  { name: 'upload-nft', path: '/upload/nft', as: 'admin' },
  { name: 'settings', path: '/settings', as: 'admin' },
  { name: 'docs', path: '/docs' },
  { name: 'docs-faq', path: '/docs/faq' },
  { name: 'docs-configuration', path: '/docs/configuration' },
  { name: 'terms', path: '/terms' },
  {
    name: 'stats',
    path: '/stats',
    prepare: async (page) => await page.getByText('The numbers as a table').click(),
  },
  { name: 'admin', path: '/admin', as: 'admin' },
  { name: 'admin-user', path: '/admin/users/1', as: 'admin' },
  { name: 'files', path: '/files', as: 'admin' },
  {
    name: 'file',
    path: '/files',
    as: 'admin',
    prepare: async (page) => {
      await page.locator('.file-name').first().click()
      await page.getByRole('heading', { name: 'Where it stands' }).waitFor()
    },
  },
  { name: 'upload', path: '/upload', as: 'admin' },
  { name: 'token', path: '/upload/nft', as: 'admin' },
  { name: 'not-found', path: '/nowhere' },
]

/** Takes what is in the set-up link of the log, so that there is somebody who sees every page. */
async function signInAsAdmin(browser: Browser, server: Server): Promise<BrowserContext> {
  const token = /\/set-up#([\w-]+)/.exec(server.output())?.[1]
  const context = await browser.newContext({ baseURL: `http://localhost:${server.port}` })
  const page = await context.newPage()
  await page.goto(`/set-up#${token}`)
  await page.getByLabel(/E-mail/).fill('grace@example.com')
  await page.getByRole('button').last().click()
  await page.waitForURL((url) => !url.pathname.startsWith('/set-up'))
  return context
}

async function fill(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const headers = { 'x-keepsake-csrf': '1', 'content-type': 'application/json' }
    for (const [name, scope] of [
      ['Website of the gallery', 'upload'],
      ['Backup script on the machine in the basement that nobody dares to turn off', 'all'],
    ])
      await fetch('/api/internal/tokens', { method: 'POST', headers, body: JSON.stringify({ name, scope }) })
    for (let i = 0; i < 12; i++) {
      const body = `a picture, number ${i}`
      await fetch('/api/upload', { method: 'POST', headers: { 'x-keepsake-csrf': '1', 'content-type': 'image/png' }, body })
    }
  })
}

type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>

async function take(browser: Browser, server: Server, states: { admin: StorageState }, shot: Shot): Promise<void> {
  for (const colorScheme of schemes) {
    for (const width of widths) {
      const context = await browser.newContext({
        baseURL: `http://localhost:${server.port}`,
        colorScheme,
        reducedMotion: 'reduce',
        viewport: { width, height: width < 700 ? 780 : 900 },
        ...(shot.as && { storageState: states[shot.as] }),
      })
      const page = await context.newPage()
      await page.goto(shot.path)
      await page.waitForLoadState('networkidle')
      await shot.prepare?.(page)
      await page.screenshot({ path: join(folder, `${shot.name}-${width}-${colorScheme}.png`), fullPage: true })
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      if (overflow > 0) process.stdout.write(`${shot.name} is ${overflow} px wider than a screen of ${width} px\n`)
      await context.close()
    }
  }
}

await mkdir(folder, { recursive: true })
await using server = await startServer({ env: { LOG_LEVEL: 'warn', SIGN_UP: 'open' } })
const browser = await openBrowser()
try {
  const admin = await signInAsAdmin(browser, server)
  await fill(admin.pages()[0] as Page)
  const state = await admin.storageState()
  const names = process.argv.slice(2)
  const wanted = shots.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)))
  for (const shot of wanted) await take(browser, server, { admin: state }, shot)
  process.stdout.write(`${wanted.length * widths.length * schemes.length} screenshots in ${folder}\n`)
} finally {
  await browser.close()
}
