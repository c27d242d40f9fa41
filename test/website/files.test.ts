import { randomBytes } from 'node:crypto'
import { NFTStorage } from 'nft.storage'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../setup/api.ts'
import { hasBrowser, openBrowser } from '../setup/browser.ts'
import * as cars from '../setup/cars.ts'
import { type Server, startServer } from '../setup/server.ts'
import { openSignedIn, type SignedIn, seriousViolations } from '../setup/signed-in-page.ts'

/** Stores texts as whoever is signed in on the page, one after the other, so that the last is the newest. Gives the CIDs. */
async function store(page: Page, files: { name: string; text: string; type?: string }[]): Promise<string[]> {
  return await page.evaluate(async (all) => {
    const cids: string[] = []
    for (const { name, text, type = 'text/plain' } of all) {
      const headers = { 'x-keepsake-csrf': '1', 'content-type': type, 'x-name': encodeURIComponent(name) }
      const response = await fetch('/api/upload', { method: 'POST', headers, body: text })
      cids.push(((await response.json()) as { value: { cid: string } }).value.cid)
    }
    return cids
  }, files)
}

async function gather<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}

const names = (page: Page) => page.locator('.file-name').allInnerTexts()

describe.skipIf(!hasBrowser())('the pages of files', () => {
  let server: Server
  let browser: Browser

  beforeAll(async () => {
    server = await startServer({ env: { SIGN_UP: 'open', LOG_LEVEL: 'warn' } })
    browser = await openBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  const signIn = (email: string): Promise<SignedIn> => openSignedIn(browser, server, email)

  test('show names as text, whatever is in them', async () => {
    await using me = await signIn('names@example.com')
    const { page } = me
    const hostile = [
      '<img src=x onerror="document.title=1">.png',
      'invoice\u202Egnp.exe',
      '🎨👩‍👩‍👧‍👦.txt',
      'x'.repeat(255),
      '"><script>document.title=1</script>',
    ]
    await store(
      page,
      hostile.map((name, i) => ({ name, text: `hostile ${i}` })),
    )
    await page.goto('/files')
    await page.locator('.file-row').nth(4).waitFor()
    const shown = (await names(page)).toReversed()
    expect(shown[0]).toBe(hostile[0])
    expect(shown[1]).toBe('invoice\uFFFDgnp.exe')
    expect(shown.slice(2)).toEqual(hostile.slice(2))
    for (const width of [360, 768, 1440]) {
      await page.setViewportSize({ width, height: 900 })
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
    }
    await page.locator('.file-name').first().click()
    await page.getByRole('heading', { level: 1 }).filter({ hasText: '<script>' }).waitFor()
    expect(await page.title()).toContain('<script>')
    expect(me.complaints).toEqual([])
  })

  test('show an SVG with a script as a picture from another origin, where the script does nothing', async () => {
    await using me = await signIn('svg@example.com')
    const { page, origin } = me
    const text =
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>parent.document.title="hacked";document.cookie="a=b"</script><rect width="9" height="9"/></svg>'
    await store(page, [{ name: 'picture.svg', text, type: 'image/svg+xml' }])
    await page.goto('/files')
    const picture = page.locator('.thumbnail img')
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(9)
    expect(await picture.evaluate((img: HTMLImageElement) => new URL(img.currentSrc).origin)).not.toBe(origin)
    expect(await page.title()).toBe('Files · Keepsake')
    expect(me.complaints).toEqual([])
  })

  test('rename and delete, one and many, after a question that says what it does', async () => {
    await using me = await signIn('changes@example.com')
    const { page } = me
    await page.goto('/files')
    await page.getByText('Nothing is kept yet').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    const [first] = await store(
      page,
      ['one', 'two', 'three', 'four'].map((name) => ({ name, text: `change ${name}` })),
    )
    await page.goto('/files')
    await page.getByLabel('More about one').click()
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('uno <b>')
    await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).click()
    await expect.poll(() => names(page)).toEqual(['four', 'three', 'two', 'uno <b>'])

    await page.getByLabel('More about uno').click()
    await page.getByRole('button', { name: 'Delete' }).click()
    expect(await page.getByRole('dialog').textContent()).toContain('Deleting does not reach copies that others hold')
    await page.getByRole('button', { name: 'Delete this file' }).click()
    await expect.poll(() => names(page)).toEqual(['four', 'three', 'two'])
    expect(await page.evaluate(async (cid) => (await fetch(`/api/${cid}`)).status, first)).toBe(404)

    await page.getByLabel('Choose all').check()
    await page.getByLabel('Choose two').uncheck()
    await page.getByRole('button', { name: 'Delete 2' }).click()
    await page.getByRole('button', { name: 'Delete these 2 files' }).click()
    await expect.poll(() => names(page)).toEqual(['two'])
    await page.getByText('2 files were deleted.').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect.poll(() => names(page)).toEqual(['four', 'three', 'two'])

    await page.getByRole('link', { name: 'three' }).click()
    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('button', { name: 'Delete this file' }).click()
    await page.getByText('One file was deleted.').waitFor()
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect.poll(() => names(page)).toEqual(['four', 'three', 'two'])
    expect(me.complaints).toEqual([])
  })

  test('delete everything that matches, on whatever page, and bring it back', async () => {
    await using me = await signIn('everything@example.com')
    const { page } = me
    const night = Array.from({ length: 60 }, (_, i) => ({ name: `night ${i}`, text: `everything ${i}` }))
    await store(page, [{ name: 'kept', text: 'everything kept' }, ...night])
    await page.goto('/files?search=night')
    await page.getByText('60 files').waitFor()
    await page.getByLabel('Choose all on this page').check()
    await page.getByRole('button', { name: 'Choose all 60' }).click()
    await page.getByRole('button', { name: 'Delete 60' }).click()
    await page.getByRole('button', { name: 'Delete these 60 files' }).click()
    await page.getByText('60 files were deleted.').waitFor()
    await page.getByLabel('Search by name or CID').fill('')
    await expect.poll(() => names(page)).toEqual(['kept'])
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByText('61 files').waitFor()
    expect(me.complaints).toEqual([])
  })

  test('are sorted as asked, also on the next page', async () => {
    await using me = await signIn('sorts@example.com')
    const { page } = me
    const files = Array.from({ length: 60 }, (_, i) => ({ name: `token ${60 - i}`, text: 'x'.repeat(100 + ((i * 7) % 60)) + i }))
    await store(page, files)
    await page.goto('/files')
    await page.getByLabel('Sorted').selectOption('By name')
    await expect.poll(async () => (await names(page)).slice(0, 3)).toEqual(['token 1', 'token 2', 'token 3'])
    await page.getByRole('link', { name: 'Next page' }).click()
    await expect.poll(() => names(page)).toEqual(Array.from({ length: 10 }, (_, i) => `token ${51 + i}`))
    await page.reload()
    await expect.poll(async () => (await names(page)).length).toBe(10)
    await page.getByLabel('Sorted').selectOption('Oldest first')
    await expect.poll(async () => (await names(page)).slice(0, 2)).toEqual(['token 60', 'token 59'])
    await page.getByLabel('Sorted').selectOption('Largest first')
    const sizes = async () => (await page.locator('.file-size').allInnerTexts()).map((text) => Number(/\d+/.exec(text)?.[0]))
    await expect.poll(async () => (await sizes())[0]).toBe(161)
    expect(await sizes()).toEqual((await sizes()).toSorted((a, b) => b - a))
  })

  test('are walked and deleted by keys alone', async () => {
    await using me = await signIn('keys@example.com')
    const { page } = me
    await store(
      page,
      ['a', 'b', 'c', 'd'].map((name) => ({ name, text: `by keys ${name}` })),
    )
    await page.goto('/files')
    await page.getByLabel('Choose d').focus()
    for (const key of ['ArrowDown', 'Space', 'ArrowDown', 'ArrowDown', 'Shift+Space']) await page.keyboard.press(key)
    await page.getByText('3 chosen').waitFor()
    await page.keyboard.press('Delete')
    await page.getByRole('button', { name: 'Delete these 3 files' }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => names(page)).toEqual(['d'])
    expect(me.complaints).toEqual([])
  })

  test('show what happens elsewhere by themselves, but do not move under the hand of who chooses', async () => {
    await using me = await signIn('live@example.com')
    const { page } = me
    await store(page, [{ name: 'first', text: 'live 1' }])
    await page.goto('/files')
    await expect.poll(() => names(page)).toEqual(['first'])
    const elsewhere = await me.context.newPage()
    await elsewhere.goto('/docs')
    await page.bringToFront()
    await store(elsewhere, [{ name: 'second', text: 'live 2' }])
    await expect.poll(() => names(page), { timeout: 5_000 }).toEqual(['second', 'first'])
    await page.getByLabel('Choose first').check()
    await store(elsewhere, [{ name: 'third', text: 'live 3' }])
    await page.getByRole('button', { name: 'Something changed' }).click()
    await expect.poll(() => names(page)).toEqual(['third', 'second', 'first'])
    expect(me.complaints).toEqual([])
  })

  test('page through every file exactly once while new ones arrive, and find by name and CID', async () => {
    await using me = await signIn('pages@example.com')
    const { page } = me
    const all = Array.from({ length: 120 }, (_, i) => ({ name: `file ${i}`, text: `page ${i}` }))
    const cids = await store(page, all)
    await page.goto('/files')
    const seen: string[] = []
    for (let turn = 0; turn < 3; turn++) {
      await expect.poll(async () => (await names(page))[0]).toBe(`file ${119 - turn * 50}`)
      seen.push(...(await names(page)))
      await store(page, [{ name: `late ${turn}`, text: `late ${turn}` }])
      if (turn < 2) await page.getByRole('link', { name: 'Next page' }).click()
    }
    expect(seen).toEqual(all.map(({ name }) => name).toReversed())
    await page.getByRole('link', { name: 'First page' }).click()
    await expect.poll(async () => (await names(page)).slice(0, 3)).toEqual(['late 2', 'late 1', 'late 0'])

    await page.getByLabel('Search by name or CID').fill('FILE 11')
    await expect.poll(async () => (await names(page)).length).toBe(11)
    await page.getByLabel('Search by name or CID').fill(cids[7] as string)
    await expect.poll(() => names(page)).toEqual(['file 7'])
    await page.getByLabel('Search by name or CID').fill('no such thing')
    await page.getByText('Nothing like that').waitFor()
    expect(me.complaints).toEqual([])
  })

  test('tell what an incomplete upload waits for, and see the rest arrive', async () => {
    await using me = await signIn('waits@example.com')
    const { page } = me
    const bytes = randomBytes(600_000)
    const { cid, car } = await NFTStorage.encodeBlob(new Blob([bytes]))
    const { CarWriter } = await import('@ipld/car/writer')
    const blocks = await gather<{ cid: { toString(): string } }>(car.blocks())
    const carOf = async (chosen: typeof blocks) => {
      const { writer, out } = CarWriter.create([cid as never])
      const reading = gather(out)
      for (const block of chosen) await writer.put(block as never)
      await writer.close()
      return Buffer.concat(await reading).toString('base64')
    }
    const send = async (chosen: typeof blocks) =>
      await page.evaluate(
        async (base64) => {
          const body = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
          const headers = { 'x-keepsake-csrf': '1', 'content-type': 'application/vnd.ipld.car' }
          return (await fetch('/api/upload', { method: 'POST', headers, body })).status
        },
        await carOf(chosen),
      )
    const isRoot = (block: (typeof blocks)[number]) => block.cid.toString() === cid.toString()
    const root = blocks.filter(isRoot)
    const leaves = blocks.filter((block) => !isRoot(block))
    expect(await send([...root, ...leaves.slice(0, 1)])).toBe(200)
    await page.goto(`/files/${cid}`)
    await page.getByText(/2 blocks are known to be missing/).waitFor()
    expect(await page.locator('main').textContent()).toContain(String(leaves[1]?.cid))
    expect(await seriousViolations(page)).toEqual([])
    expect(await send([...root, ...leaves.slice(1)])).toBe(200)
    // Sooner than it would be seen by looking again.
    await page.getByText('It is kept here').waitFor({ timeout: 5_000 })
    await page.goto('/files/bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
    await page.getByText('You have no file with this CID').waitFor()
  })

  test('make a token with the CID the nft.storage client gives it, and its metadata is at the URL to mint with', async () => {
    await using me = await signIn('mints@example.com')
    const { page } = me
    const picture = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>')
    await page.goto('/upload/nft')
    await page.getByRole('button', { name: 'Store it' }).click()
    await page.getByText('A token needs an image.').waitFor()
    await page.locator('[data-choose=Image]').setInputFiles({ name: 'night.svg', mimeType: 'image/svg+xml', buffer: picture })
    await page.getByLabel('Name', { exact: true }).fill('Night')
    await page.getByLabel('Description').fill('Boats')
    await page.getByRole('button', { name: 'Add a trait' }).click()
    await page.getByLabel('Trait 1', { exact: true }).fill('Boats')
    await page.getByLabel('Value').fill('7')
    expect(await page.locator('.market').textContent()).toContain('Night')
    expect(await seriousViolations(page)).toEqual([])
    await page.getByRole('button', { name: 'Store it' }).click()
    const url = await page.locator('.mint-url code').textContent()
    const { token } = await NFTStorage.encodeNFT({
      name: 'Night',
      description: 'Boats',
      image: new File([picture], 'night.svg', { type: 'image/svg+xml' }),
      attributes: [{ trait_type: 'Boats', value: 7 }],
    } as never)
    expect(url).toBe(token.url)
    const read = async (address: string) => await fetch(`${server.url}/ipfs/${address.slice('ipfs://'.length)}`)
    const metadata = (await eventually(async () => {
      const answer = await read(token.url)
      return answer.ok ? await answer.json() : undefined
    })) as { image: string }
    expect(metadata).toMatchObject({ name: 'Night', description: 'Boats', attributes: [{ trait_type: 'Boats', value: 7 }] })
    expect(await (await read(metadata.image)).text()).toBe(picture.toString())
    expect(await seriousViolations(page)).toEqual([])
    await page.goto(`/files/${String(token.ipnft)}`)
    const card = page.getByLabel('As a marketplace would show it')
    await card.getByText('Night', { exact: true }).waitFor()
    expect(await card.textContent()).toContain('Boats7')
    await expect.poll(() => card.locator('img').evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(9)
    expect(await seriousViolations(page)).toEqual([])
    expect(me.complaints).toEqual([])
  })

  test('say why a token cannot be shown as a marketplace would', async () => {
    await using me = await signIn('odd@example.com')
    const { page } = me
    const send = async (metadata: cars.Block): Promise<string> => {
      const root = await cars.cbor({ 'metadata.json': metadata.cid, type: 'nft' })
      const answer = await me.context.request.post('/api/upload', {
        headers: {
          'x-keepsake-csrf': '1',
          'content-type': 'application/car',
          origin: me.origin,
          'sec-fetch-site': 'same-origin',
        },
        data: Buffer.from(cars.car([root.cid], [root, metadata])),
      })
      expect(answer.status()).toBe(200)
      return root.cid.toString()
    }
    for (const [metadata, words] of [
      [await cars.raw('{"name": "half'), 'is not JSON'],
      [await cars.raw('7'), 'is not a JSON object'],
      [await cars.raw('x'.repeat(1_500_000)), 'is too large'],
      [await cars.directory([]), 'is too large'],
    ] as const) {
      await page.goto(`/files/${await send(metadata)}`)
      await page.getByText('cannot be shown as a marketplace would').filter({ hasText: words }).waitFor()
    }
    const hostile = '{"name":"<img src=x onerror=alert(1)>","image":"javascript:alert(1)","attributes":{"a":1}}'
    await page.goto(`/files/${await send(await cars.raw(hostile))}`)
    await page.locator('.market').getByText('<img src=x').waitFor()
    await page.locator('.market').getByText('No image').waitFor()
    expect(me.complaints).toEqual([])
  })

  test('say that the server is away, and come back when it is asked again', async () => {
    await using me = await signIn('away@example.com')
    const { page, context } = me
    await store(page, [{ name: 'kept', text: 'kept' }])
    await page.goto('/upload')
    await page.goto('/files')
    await expect.poll(() => names(page)).toEqual(['kept'])
    await context.route('**/api/**', (route) => route.abort())
    await page.getByLabel('Search by name or CID').fill('kept')
    await page.getByText('The server could not be reached.').waitFor()
    await context.unroute('**/api/**')
    await page.getByRole('button', { name: 'Try again' }).click()
    await expect.poll(() => names(page)).toEqual(['kept'])
  })
})
