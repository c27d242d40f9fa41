import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { shardFiles } from '../fault/shard-files.ts'
import { hasBrowser } from '../setup/browser.ts'
import { checkout } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'
import { seriousViolations } from '../setup/signed-in-page.ts'
import { openSite, type Site, signIn } from './site.ts'

const env = { AGGREGATE_PROFILE: 'trial', AGGREGATE_SETTLE_SECONDS: '0', AGGREGATE_FORCE_SECONDS: '0', LOG_LEVEL: 'error' }
const operator = 'operator@example.com'

describe.skipIf(!startsServers || !hasBrowser())('the aggregates of an operator', () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite({ env })
    await keepsake('users', 'create', operator, '--admin')
  })
  afterAll(async () => await site?.[Symbol.asyncDispose]())

  const keepsake = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(checkout, 'packages/cli/bin/keepsake.mjs'), ...args], {
      env: { ...process.env, ...env, DATA_DIR: site.server.dataDir },
      timeout: 60_000,
    })

  /** Stores a file, waits until it is packed, and gives the path of its shard. */
  async function storePacked(key: string, bytes: string): Promise<string> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'text/plain' }
    const answer = await fetch(`${site.server.apiUrl}/upload`, { method: 'POST', headers, body: bytes })
    const { cid, parts } = ((await answer.json()) as { value: { cid: string; parts: [string] } }).value
    const isPacked = async () => expect((await fetch(`${site.server.apiUrl}/proof/${cid}`)).status).toBe(200)
    await vi.waitFor(isPacked, { timeout: 60_000, interval: 200 })
    const files = await shardFiles(site.server.dataDir)
    return files.find((path) => path.includes(parts[0])) as string
  }

  it('are told from each other by their state, and one that failed says why and can be built again', async () => {
    const key = await site.server.createKey({ user: operator })
    const shard = await storePacked(key, 'a work whose disk rots')
    await storePacked(key, 'a work that stays')
    const right = await readFile(shard)
    await writeFile(shard, right.with(right.length - 1, 0))
    await keepsake('aggregates', 'validate', '1').catch(() => {})

    const { page, problems } = await site.visitor({ viewport: { width: 360, height: 780 } })
    await signIn(page, operator)
    await page.goto('/admin/aggregates')
    await page.getByRole('heading', { name: /^1 built, with 1 item and .*; 1 failed$/ }).waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByLabel('State').selectOption('failed')
    await expect.poll(async () => await page.locator('.aggregate').count()).toBe(1)
    await page.getByText(/its bytes are damaged|does not match bytes/).waitFor()

    await writeFile(shard, right)
    await page.getByRole('button', { name: 'Build again now: No. 1' }).click()
    await page.getByText('There is none.').waitFor({ timeout: 60_000 })
    expect(await seriousViolations(page)).toEqual([])
    expect(problems).toEqual([])
  })
})
