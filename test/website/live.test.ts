import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hasBrowser, openBrowser } from '../setup/browser.ts'
import * as cars from '../setup/cars.ts'
import { startServer } from '../setup/server.ts'
import { openSignedIn } from '../setup/signed-in-page.ts'

test.skipIf(!hasBrowser())(
  'a page that is open shows what happens after the server and its database were restarted',
  async () => {
    await using stack = new AsyncDisposableStack()
    const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-live-'))
    stack.defer(() => rm(dataDir, { recursive: true, force: true }))
    const env = { SIGN_UP: 'open', LOG_LEVEL: 'warn' }
    const first = await startServer({ dataDir, env })
    stack.use(first)
    const browser = await openBrowser()
    stack.defer(() => browser.close())
    const me = stack.use(await openSignedIn(browser, first, 'live@example.com'))
    const { page } = me

    const [soon, late] = [await cars.raw('soon'), await cars.raw('late')]
    const root = await cars.directory([
      { name: 'soon', cid: soon.cid, sizeBytes: 4 },
      { name: 'late', cid: late.cid, sizeBytes: 4 },
    ])
    const send = async (blocks: cars.Block[]) => {
      const data = Buffer.from(cars.car([root.cid], [root, ...blocks]))
      const answer = await me.context.request.post('/api/upload', {
        headers: {
          'x-keepsake-csrf': '1',
          'content-type': 'application/car',
          origin: me.origin,
          'sec-fetch-site': 'same-origin',
        },
        data,
      })
      expect(answer.status()).toBe(200)
    }
    await send([soon])
    await page.goto(`/files/${root.cid}`)
    await page.getByText('One block is known to be missing').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()

    expect(await first.kill('SIGTERM')).toBe(0)
    await page.getByText('Not live').waitFor()
    const second = await startServer({ dataDir, env: { ...env, PORT: String(first.port) } })
    stack.use(second)
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 45_000 })
    await send([late])
    await page.getByText('It is kept here').waitFor({ timeout: 5_000 })
    expect(await page.locator('.fact-waiting').count()).toBe(0)
    // The page was never loaded again.
    expect(await page.evaluate(() => performance.getEntriesByType('navigation').length)).toBe(1)
  },
)
