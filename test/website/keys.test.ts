import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import type { NFTStorage } from 'nft.storage'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasBrowser } from '../setup/browser.ts'
import { startsServers } from '../setup/shared.ts'
import { openSite, type Site, signIn } from './site.ts'

const published = createRequire(import.meta.url)('nft.storage') as { NFTStorage: typeof NFTStorage }

describe.skipIf(!startsServers || !hasBrowser())('API keys on the website', () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite({ env: { LOG_LEVEL: 'warn' } })
  })
  afterAll(async () => await site?.[Symbol.asyncDispose]())

  async function makeKey(page: Page, name: string, scope = 'Store files'): Promise<string> {
    await page.getByRole('button', { name: 'New key' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill(name)
    await dialog.getByLabel('It may').selectOption({ label: scope })
    await dialog.getByRole('button', { name: 'Make the key' }).click()
    await dialog.waitFor({ state: 'detached' })
    const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) })
    await card.getByRole('button', { name: 'Show' }).click()
    return (await card.locator('code').first().textContent()) as string
  }

  it('makes one that the nft.storage client uploads with, shows its use, and revokes it', async () => {
    const { page, problems } = await site.visitor()
    await signIn(page, 'ada@example.com', '/sign-in?next=/keys')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    const key = await makeKey(page, 'gallery')
    const client = new published.NFTStorage({ token: key, endpoint: new URL(`${site.server.apiUrl}/`) })
    const cid = await client.storeBlob(new Blob(['stored with a key from the page']))
    expect(cid).toMatch(/^bafk/)

    await page.reload()
    const card = page.getByRole('listitem').filter({ hasText: 'gallery' })
    await card.waitFor()
    expect(await card.textContent()).toMatch(/Last used(?!never)/)
    await card.getByRole('button', { name: 'Revoke gallery' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke the key' }).click()
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    await expect(client.storeBlob(new Blob(['too late']))).rejects.toThrow()
    expect(problems).toEqual([])
  })

  it('shows for each what it is for, and the commands work', async () => {
    const { page, context } = await site.visitor()
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await signIn(page, 'katherine@example.com', '/sign-in?next=/keys')
    const stored = await page.evaluate(async () => {
      const answer = await fetch('/api/upload', { method: 'POST', headers: { 'x-keepsake-csrf': '1' }, body: 'listed' })
      return ((await answer.json()) as { value: { cid: string } }).value.cid
    })
    const copied = async (name: string, tab: string): Promise<string> => {
      const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) })
      await card.getByRole('tab', { name: tab, exact: true }).click()
      await card.getByRole('button', { name: `Copy: ${tab} example` }).click()
      return await page.evaluate(() => navigator.clipboard.readText())
    }
    const run = async (code: string) => (await promisify(execFile)('sh', ['-c', code])).stdout

    await makeKey(page, 'reader', 'Read my list')
    expect(await run(await copied('reader', 'curl'))).toContain(stored)
    const key = await makeKey(page, 'pinner', 'Use the Pinning Service API')
    const kubo = await copied('pinner', 'Kubo')
    expect(kubo).toContain(`ipfs pin remote service add keepsake ${site.origin}/api ${key}`)
    const pinned = JSON.parse(await run((await copied('pinner', 'curl')).replace('"CID"', `"${stored}"`)))
    expect(pinned.pin).toMatchObject({ cid: stored, name: 'my collection' })
  })

  it('makes one with the rights that were chosen, and an end', async () => {
    const { page } = await site.visitor()
    await signIn(page, 'grace@example.com', '/sign-in?next=/keys')
    const key = await makeKey(page, 'reader', 'Read my list')
    const headers = { authorization: `Bearer ${key}` }
    const list = await fetch(`${site.server.apiUrl}/`, { headers })
    const upload = await fetch(`${site.server.apiUrl}/upload`, { method: 'POST', headers, body: 'no' })
    expect([list.status, upload.status]).toEqual([200, 403])
  })

  it('says what is wrong with a name that is taken, and keeps what was typed', async () => {
    const { page } = await site.visitor()
    await signIn(page, 'joan@example.com', '/sign-in?next=/keys')
    await makeKey(page, 'twice')
    await page.getByRole('button', { name: 'New key' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('twice')
    await dialog.getByRole('button', { name: 'Make the key' }).click()
    expect(await dialog.getByRole('alert').textContent()).toBe('You have a key called "twice" already.')
    expect(await dialog.getByLabel('Name').inputValue()).toBe('twice')
  })

  it('shows markup in a name as the text it is', async () => {
    const { page, problems } = await site.visitor()
    await signIn(page, 'mary@example.com', '/sign-in?next=/keys')
    const name = '<img src=x onerror="document.title=1"> \u202eevil'
    await makeKey(page, name)
    expect(await page.locator('main img').count()).toBe(0)
    expect(await page.title()).toBe('API keys · Keepsake')
    expect(problems).toEqual([])
  })

  it('fills the chosen key into code that works at this server, and shows only a part of it', async () => {
    const { page, context } = await site.visitor()
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await signIn(page, 'hedy@example.com', '/sign-in?next=/keys')
    const key = await makeKey(page, 'starter')
    await page.goto('/')
    await page.getByLabel('Key to fill in').selectOption({ label: 'starter' })
    expect(await page.getByRole('tabpanel').textContent()).not.toContain(key)
    await page.getByRole('button', { name: 'Copy: curl example' }).click()
    await page.getByText('Copied', { exact: true }).waitFor()
    const code = await page.evaluate(() => navigator.clipboard.readText())
    expect(code).toContain(`Bearer ${key}`)
    expect(code).toContain(`${site.origin}/api/upload`)
  })
})
