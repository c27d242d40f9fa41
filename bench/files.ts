import pg from 'pg'
import type { Page } from 'playwright-core'
import { findEmbedded } from '../packages/server/src/database/embedded.ts'
import { openBrowser } from '../test/setup/browser.ts'
import { openSignedIn } from '../test/setup/signed-in-page.ts'
import { fill } from './list.ts'
import { percentile, ratio, report } from './report.ts'
import type { Subject } from './subject.ts'
import { call, startSubject } from './subject.ts'

const rows = 10_000
const few = 50
const orders = ['newest', 'oldest', 'name', 'largest', 'smallest'] as const
const requests = 100

async function measureOrder(subject: Subject, order: string): Promise<void> {
  const samples: number[] = []
  let query = `limit=50&sort=${order}`
  for (let index = 0; index < requests; index++) {
    const startedAt = performance.now()
    const { status, body, next } = await call(subject, { path: `/api/?${query}` })
    if (status !== 200) throw new Error(`${query} answered ${status}: ${body}`)
    samples.push(performance.now() - startedAt)
    query = next ?? query
  }
  report(
    `GET /?sort=${order}, a page of 50`,
    `p50 ${percentile(samples, 0.5).toFixed(1)} ms`,
    `p99 ${percentile(samples, 0.99).toFixed(1)} ms`,
  )
}

/** Whose the rows are: the only user there is. */
async function ownerOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows: users } = await client.query<{ email: string }>('select email from "user" order by id limit 1')
    return users[0]?.email ?? ''
  } finally {
    await client.end()
  }
}

interface Shown {
  shownMs: number
  slowestFrameMs: number
  heapMiB: number
}

/** From the address to the rows, then over the whole page by the wheel, then what the tab holds. */
async function look(page: Page): Promise<Shown> {
  const startedAt = performance.now()
  await page.goto('/files?sort=name')
  await page
    .locator('.file-row')
    .nth(few - 1)
    .waitFor()
  const shownMs = performance.now() - startedAt
  const slowestFrameMs = await page.evaluate(async () => {
    const step = innerHeight / 4
    let slowest = 0
    let before = performance.now()
    while (scrollY + innerHeight < document.documentElement.scrollHeight - 1) {
      scrollBy(0, step)
      await new Promise(requestAnimationFrame)
      slowest = Math.max(slowest, performance.now() - before)
      before = performance.now()
    }
    return slowest
  })
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('HeapProfiler.collectGarbage')
  const { usedSize } = await devtools.send('Runtime.getHeapUsage')
  return { shownMs, slowestFrameMs, heapMiB: usedSize / 1024 ** 2 }
}

/** The page of files in a browser, for somebody who has ten thousand, beside one who has fifty. */
export async function benchFiles(): Promise<void> {
  await using subject = await startSubject({ SIGN_UP: 'open' })
  const url = await findEmbedded(subject.server.dataDir)
  if (!url) throw new Error('The server of this measurement has no embedded database.')
  const browser = await openBrowser()
  try {
    await fill(url, few)
    await using me = await openSignedIn(browser, subject.server, await ownerOf(url))
    await look(me.page)
    const small = await look(me.page)
    await fill(url, rows, few)
    for (const order of orders) await measureOrder(subject, order)
    const large = await look(me.page)
    report(
      `page of files, ${rows} of them`,
      `${large.shownMs.toFixed(0)} ms`,
      `${ratio(large.shownMs / small.shownMs)} of the page with ${few}`,
    )
    report(
      '  slowest frame while scrolling',
      `${large.slowestFrameMs.toFixed(0)} ms`,
      `${small.slowestFrameMs.toFixed(0)} ms with ${few}`,
    )
    report('  memory of its scripts', `${large.heapMiB.toFixed(1)} MiB`, `${small.heapMiB.toFixed(1)} MiB with ${few}`)
  } finally {
    await browser.close()
  }
}
