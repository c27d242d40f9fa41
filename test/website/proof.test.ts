import { readFile } from 'node:fs/promises'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { hasBrowser, openBrowser } from '../setup/browser.ts'
import type { Server } from '../setup/server.ts'
import { startServer } from '../setup/server.ts'
import type { SignedIn } from '../setup/signed-in-page.ts'
import { openSignedIn, seriousViolations } from '../setup/signed-in-page.ts'

let server: Server
let browser: Browser
let me: SignedIn
let cid: string

describe.skipIf(!hasBrowser())("the proof on a file's page", () => {
  beforeAll(async () => {
    // Packed at once, so that nobody has to wait.
    const packing = { AGGREGATE_PROFILE: 'trial', AGGREGATE_SETTLE_SECONDS: '0', AGGREGATE_FORCE_SECONDS: '0' }
    server = await startServer({ env: { SIGN_UP: 'open', LOG_LEVEL: 'warn', ...packing } })
    browser = await openBrowser()
    me = await openSignedIn(browser, server, 'proofs@example.com')
    const answer = await me.context.request.post('/api/upload', {
      headers: { 'x-keepsake-csrf': '1', origin: me.origin, 'sec-fetch-site': 'same-origin' },
      data: Buffer.alloc(600_000, 'a painting'),
    })
    cid = ((await answer.json()) as { value: { cid: string } }).value.cid
    const isPacked = async () => expect((await fetch(`${server.apiUrl}/proof/${cid}`)).status).toBe(200)
    await vi.waitFor(isPacked, { timeout: 60_000, interval: 200 })
  })

  afterAll(async () => {
    await me?.[Symbol.asyncDispose]()
    await browser?.close()
    await server?.[Symbol.asyncDispose]()
  })

  test('is checked in the browser, and says in words what was checked and what it cannot show', async () => {
    const { page } = me
    await page.goto(`/files/${cid}`)
    await page.getByRole('button', { name: 'Check it here' }).click()
    await page.getByText('Verified in this browser').waitFor()
    await page.getByText('All 4 blocks of').waitFor()
    await page.getByText(/Their bytes lie in piece bafkzcib/).waitFor()
    await page.getByText(/Not shown: that a storage provider has the piece/).waitFor()
    expect(await seriousViolations(page)).toEqual([])
    expect(me.complaints).toEqual([])
  })

  test('is found to be false where the gateway delivers other bytes', async () => {
    const { page } = me
    await page.route('**/ipfs/*?format=raw', async (route) => {
      const response = await route.fetch()
      const body = await response.body()
      body[0]! ^= 1
      await route.fulfill({ response, body })
    })
    await page.goto(`/files/${cid}`)
    await page.getByRole('button', { name: 'Check it here' }).click()
    await page.getByText('Not true. Something that the proof claims was found to be false.').waitFor()
    await page.unroute('**/ipfs/*?format=raw')
  })

  test('is downloaded as the document that the API gives', async () => {
    const { page } = me
    await page.goto(`/files/${cid}`)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download the proof' }).click(),
    ])
    expect(download.suggestedFilename()).toBe(`${cid}.proof.json`)
    const saved = await readFile(await download.path(), 'utf8')
    expect(JSON.parse(saved)).toEqual(await (await fetch(`${server.apiUrl}/proof/${cid}`)).json())
  })
})
