import { readFile } from 'node:fs/promises'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Server } from './server.ts'

/** A browser window of somebody who signed in with a link, and what went wrong in it. */
export interface SignedIn extends AsyncDisposable {
  context: BrowserContext
  page: Page
  /** The website as it is reached: content then has an origin of its own. */
  origin: string
  /** Errors of scripts, refusals of the Content Security Policy, requests to other hosts. To be empty at the end. */
  complaints: string[]
}

/** Signs in by the link that a server without mail shows to browsers on the same machine. */
export async function openSignedIn(browser: Browser, server: Server, email: string): Promise<SignedIn> {
  const origin = `http://localhost:${server.port}`
  const context = await browser.newContext({ baseURL: origin })
  const page = await context.newPage()
  const complaints = watch(page)
  await page.goto('/sign-in')
  await page.getByLabel('E-mail address').fill(email)
  await page.getByRole('button', { name: /link/ }).click()
  await page.getByRole('link', { name: 'Open the link' }).click()
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
  return { context, page, origin, complaints, [Symbol.asyncDispose]: () => context.close() }
}

function watch(page: Page): string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Refused/.test(message.text())) complaints.push(message.text())
  })
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url())
    if (/^https?:$/.test(protocol) && !/(^|\.)localhost$/.test(hostname)) complaints.push(`a request to ${request.url()}`)
  })
  return complaints
}

/** Violations of accessibility rules that axe-core calls serious or worse. */
export async function seriousViolations(page: Page): Promise<string[]> {
  const source = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
  // Over the debugger, which the policy of the page does not bind.
  await page.evaluate(source)
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
  })
}
