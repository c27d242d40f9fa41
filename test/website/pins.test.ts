import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasBrowser } from '../setup/browser.ts'
import { startsServers } from '../setup/shared.ts'
import { openSite, type Site, signIn } from './site.ts'

describe.skipIf(!startsServers || !hasBrowser())('pins by CID on the website', () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite({ env: { LOG_LEVEL: 'warn' } })
  })
  afterAll(async () => await site?.[Symbol.asyncDispose]())

  it('shows what becomes of a pin while it happens, and ends it', async () => {
    const { page, problems } = await site.visitor()
    await signIn(page, 'ada@example.com', '/sign-in?next=/pins')
    await page.getByRole('heading', { name: 'No pins yet' }).waitFor()
    // "later" as a raw block: nobody has stored it yet.
    const cid = 'bafkreigeluvpjgrtcrewluanyrcxgjhlgt2ydlwj6blzskryyw76k3vmeq'
    await page.getByLabel('CID', { exact: true }).fill(`ipfs://${cid}`)
    await page.getByLabel('Name').fill('Later')
    await page.getByRole('button', { name: 'Pin it' }).click()
    const row = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Later' }) })
    await row.getByText('It waits: no IPFS node of this server runs at the moment.').waitFor()

    await row.getByRole('button', { name: 'Unpin Later' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Unpin' }).click()
    await page.getByRole('heading', { name: 'No pins yet' }).waitFor()
    expect(problems).toEqual([])
  })

  it('says what is wrong with what was entered, in the words of the server', async () => {
    const { page } = await site.visitor()
    await signIn(page, 'grace@example.com', '/sign-in?next=/pins')
    await page.getByLabel('CID', { exact: true }).fill('nonsense')
    await page.getByRole('button', { name: 'Pin it' }).click()
    await page.getByRole('alert').getByText('Invalid CID: nonsense').waitFor()
    expect(await page.getByLabel('CID', { exact: true }).inputValue()).toBe('nonsense')
  })
})
