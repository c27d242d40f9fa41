import type { Browser, BrowserContext, Page } from 'playwright-core'
import { openBrowser } from '../setup/browser.ts'
import { type Server, type ServerOptions, startServer } from '../setup/server.ts'

/** A server of one's own and a browser to look at it with. */
export interface Site extends AsyncDisposable {
  server: Server
  /** `http://localhost:PORT`: the name by which browsers give content origins of its own. */
  origin: string
  browser: Browser
  /** A browser nobody used before. */
  visitor(options?: Parameters<Browser['newContext']>[0]): Promise<Visitor>
}

interface Visitor {
  context: BrowserContext
  page: Page
  /** What went wrong in its pages: errors, and what the policy refused. */
  problems: string[]
}

export async function openSite(options?: ServerOptions): Promise<Site> {
  await using opening = new AsyncDisposableStack()
  const server = opening.use(await startServer(options))
  const browser = opening.adopt(await openBrowser(), (one) => one.close())
  const origin = `http://localhost:${server.port}`
  const opened = opening.move()
  return {
    server,
    origin,
    browser,
    async visitor(contextOptions) {
      const context = await browser.newContext({ baseURL: origin, ...contextOptions })
      const page = await context.newPage()
      return { context, page, problems: watch(page) }
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function watch(page: Page): string[] {
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4[0-9][0-9]/.test(message.text())) problems.push(message.text())
  })
  return problems
}

/** Signs in with the link that a server without mail shows on the page. */
export async function signIn(page: Page, email: string, path = '/sign-in'): Promise<void> {
  await page.goto(path)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByRole('button', { name: 'Make a link' }).click()
  await page.getByRole('link', { name: 'Open the link' }).click()
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
}

/** Who the server takes this browser for. */
export async function whoAmI(page: Page): Promise<string | null> {
  return await page.evaluate(async () => {
    const response = await fetch('/account/me')
    return response.ok ? ((await response.json()) as { value: { label: string } }).value.label : null
  })
}
