import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { NFTStorage } from 'nft.storage'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../setup/api.ts'
import { hasBrowser, openBrowser } from '../setup/browser.ts'
import { type Server, startServer } from '../setup/server.ts'
import { openSignedIn, type SignedIn, seriousViolations } from '../setup/signed-in-page.ts'

const MiB = 1024 * 1024

/** Resident memory of the processes that run pages and their workers, in bytes. The browser itself and its network process are not tabs. */
async function tabBytes(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const sizes = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(async ({ id }) => {
      const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '')
      return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
    })
  return Math.max(...(await Promise.all(sizes)))
}

const upload = (page: Page) => page.locator('.upload').first()
const stage = async (page: Page) => (await upload(page).getAttribute('data-stage')) ?? 'none'
const shownCid = async (page: Page) => (await upload(page).locator('.cid').textContent()) ?? ''

async function reaches(page: Page, wanted: string, timeoutMs = 60_000): Promise<void> {
  await page.locator(`.upload[data-stage="${wanted}"]`).first().waitFor({ timeout: timeoutMs })
}

/** A file of random bytes, so that no block comes twice. */
async function writeRandom(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, 'w')
  for (let at = 0; at < sizeBytes; at += 4 * MiB) await file.write(randomBytes(Math.min(4 * MiB, sizeBytes - at)))
}

/** Lets only some bytes a second out, so that there is a middle to interrupt. */
async function slowDown(page: Page, bytesPerSecond: number): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: bytesPerSecond,
  })
}

describe.skipIf(!hasBrowser())('the upload page', () => {
  let server: Server
  let browser: Browser
  let me: SignedIn
  let page: Page
  let folder: string

  beforeAll(async () => {
    server = await startServer({ env: { SIGN_UP: 'open', LOG_LEVEL: 'warn' } })
    browser = await openBrowser()
    folder = await mkdtemp(join(tmpdir(), 'keepsake-upload-'))
    me = await openSignedIn(browser, server, 'uploader@example.com')
    page = me.page
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
    // Of a server that was started a second time, too.
    for (const used of [folder, server?.dataDir]) if (used) await rm(used, { recursive: true, force: true })
  })

  async function gateway(path: string): Promise<Buffer> {
    return Buffer.from(await (await fetch(`${server.url}/ipfs/${path}`)).arrayBuffer())
  }

  test('gives a folder the CID that the nft.storage client gives it', async () => {
    const root = join(folder, 'collection')
    const files: Record<string, Buffer> = {
      'one.txt': Buffer.from('one'),
      'images/1.png': randomBytes(700_000),
      'images/deep/empty.bin': Buffer.alloc(0),
      'ünï 🎨.txt': Buffer.from('names'),
    }
    for (const [path, bytes] of Object.entries(files)) {
      await mkdir(join(root, path, '..'), { recursive: true })
      await writeFile(join(root, path), bytes)
    }
    const { cid } = await NFTStorage.encodeDirectory(
      Object.entries(files).map(([path, bytes]) => new File([new Uint8Array(bytes)], path)),
    )
    await page.goto('/upload')
    await page.locator('[data-choose=folder]').setInputFiles(root)
    await reaches(page, 'done')
    expect(await shownCid(page)).toBe(cid.toString())
    expect(await upload(page).textContent()).toContain('collection')
    expect((await gateway(`${cid}/images/1.png`)).equals(files['images/1.png'] as Buffer)).toBe(true)
  })

  test('gives a file the CID that the nft.storage client gives it, and puts several into one directory when asked', async () => {
    const bytes = randomBytes(3 * MiB)
    const { cid } = await NFTStorage.encodeBlob(new Blob([bytes]))
    await page.goto('/upload')
    await page.locator('[data-choose=files]').setInputFiles({ name: 'big.bin', mimeType: '', buffer: bytes })
    await reaches(page, 'done')
    expect(await shownCid(page)).toBe(cid.toString())

    await page.goto('/upload')
    await page.locator('[data-choose=files]').setInputFiles({ name: 'empty.bin', mimeType: '', buffer: Buffer.alloc(0) })
    await reaches(page, 'done')
    expect(await shownCid(page)).toBe('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')

    const pair = ['a.txt', 'b.txt'].map((name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(`text of ${name}`) }))
    const together = await NFTStorage.encodeDirectory(pair.map(({ name, buffer }) => new File([new Uint8Array(buffer)], name)))
    await page.goto('/upload')
    await page.getByLabel(/one directory/).check()
    await page.locator('[data-choose=files]').setInputFiles(pair)
    await reaches(page, 'done')
    expect(await shownCid(page)).toBe(together.cid.toString())
  })

  test('takes what is dropped on it', async () => {
    await page.goto('/upload')
    const transfer = await page.evaluateHandle(() => {
      const made = new DataTransfer()
      made.items.add(new File(['dropped'], 'dropped.txt'))
      return made
    })
    await page.locator('.drop-zone').dispatchEvent('dragover', { dataTransfer: transfer })
    await page.getByText('Let go to store it').waitFor()
    await page.locator('.drop-zone').dispatchEvent('drop', { dataTransfer: transfer })
    await reaches(page, 'done')
    expect(await upload(page).textContent()).toContain('dropped.txt')
    expect((await gateway(await shownCid(page))).toString()).toBe('dropped')
  })

  test('takes a CAR by its root, and says in words what is wrong with one', async () => {
    const { cid, car } = await NFTStorage.encodeBlob(new Blob([randomBytes(600_000)]))
    const chunks: Uint8Array[] = []
    for (const carCid of await car.getRoots()) expect(carCid.toString()).toBe(cid.toString())
    const { CarWriter } = await import('@ipld/car/writer')
    const { writer, out } = CarWriter.create([cid as never])
    const reading = (async () => {
      for await (const chunk of out) chunks.push(chunk)
    })()
    for await (const block of car.blocks()) await writer.put(block as never)
    await writer.close()
    await reading
    const bytes = Buffer.concat(chunks)
    await page.goto('/upload')
    await page.locator('[data-choose=files]').setInputFiles({ name: 'mine.car', mimeType: '', buffer: bytes })
    await reaches(page, 'done')
    expect(await shownCid(page)).toBe(cid.toString())

    bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1
    await page.goto('/upload')
    await page.locator('[data-choose=files]').setInputFiles({ name: 'broken.car', mimeType: '', buffer: bytes })
    await reaches(page, 'failed')
    expect(await upload(page).textContent()).toMatch(/cannot be stored as it is: .*hash/)
    await page.getByRole('button', { name: 'Cancel: broken.car' }).click()
  })

  test('stores 300 MB in flat memory, and shows the CID before the first byte is sent', { timeout: 240_000 }, async () => {
    const path = join(folder, 'large.bin')
    await writeRandom(path, 300_000_000)
    await page.goto('/upload')
    await page.locator('[data-choose=files]').setInputFiles([])
    const before = await tabBytes(browser)
    let sentBeforeCid = false
    page.on('request', (request) => {
      if (request.url().endsWith('/api/upload'))
        void page
          .locator('.upload .cid')
          .count()
          .then((count) => (sentBeforeCid ||= count === 0))
    })
    await page.locator('[data-choose=files]').setInputFiles(path)
    let peak = 0
    while ((await stage(page)) !== 'done') {
      expect(await stage(page)).not.toBe('failed')
      peak = Math.max(peak, await tabBytes(browser))
      await sleep(100)
    }
    const grownMiB = Math.round((peak - before) / MiB)
    process.stdout.write(`a tab that stores 300 MB grows by ${grownMiB} MiB\n`)
    expect(grownMiB).toBeLessThan(120)
    expect(sentBeforeCid).toBe(false)
    const cid = await shownCid(page)
    const head = await fetch(`${server.url}/ipfs/${cid}`, { method: 'HEAD' })
    expect(head.headers.get('content-length')).toBe('300000000')
    await rm(path)
  })

  test('pauses, and goes on after a reload by sending only what is missing', { timeout: 240_000 }, async () => {
    const path = join(folder, 'interrupted.bin')
    await writeRandom(path, 130 * MiB)
    await page.goto('/upload')
    await slowDown(page, 24 * MiB)
    await page.locator('[data-choose=files]').setInputFiles(path)
    await reaches(page, 'sending')
    const cid = await shownCid(page)
    await eventually(async () => ((await acknowledged(page)) > 0 ? true : undefined), 60_000)
    await page.getByRole('button', { name: 'Pause: interrupted.bin' }).click()
    await reaches(page, 'paused')
    const otherTab = await me.context.newPage()
    await otherTab.goto('/upload')
    await otherTab.locator('.drop-zone').waitFor()
    await sleep(300)
    expect(await otherTab.locator('.upload').count()).toBe(0)
    await otherTab.close()
    await page.getByRole('button', { name: 'Resume: interrupted.bin' }).click()
    await reaches(page, 'sending')
    page.once('dialog', (dialog) => void dialog.accept())
    await page.reload()
    await reaches(page, 'needs-files')
    const held = await acknowledged(page)
    expect(held).toBeGreaterThan(0)
    expect(await upload(page).textContent()).toContain(`holds ${held} of 5 parts`)

    const other = join(folder, 'other.bin')
    await writeRandom(other, 130 * MiB)
    await page.locator('[data-choose=again]').setInputFiles(other)
    await reaches(page, 'failed')
    expect(await upload(page).textContent()).toContain('These are not the files this upload began with')
    await page.reload()
    let sent = 0
    page.on('request', (request) => (sent += request.url().endsWith('/api/upload') ? 1 : 0))
    await page.locator('[data-choose=again]').setInputFiles(path)
    await reaches(page, 'done')
    expect(sent).toBe(5 - held)
    expect(await shownCid(page)).toBe(cid)
    expect(((await gateway(cid)) as Buffer).equals(await readFile(path))).toBe(true)
  })

  test('survives a server that is killed in the middle', { timeout: 240_000 }, async () => {
    const path = join(folder, 'through.bin')
    await writeRandom(path, 70 * MiB)
    const { port, dataDir } = server
    await page.goto('/upload')
    await slowDown(page, 24 * MiB)
    await page.locator('[data-choose=files]').setInputFiles(path)
    await reaches(page, 'sending')
    await sleep(500)
    await server.kill('SIGKILL')
    await page.getByText(/The server cannot be reached|problem of its own/).waitFor()
    server = await startServer({ dataDir, env: { SIGN_UP: 'open', LOG_LEVEL: 'warn', PORT: String(port) } })
    await reaches(page, 'done', 120_000)
    expect((await gateway(await shownCid(page))).equals(await readFile(path))).toBe(true)
  })

  test('waits while the network is away, and goes on by itself', { timeout: 120_000 }, async () => {
    const path = join(folder, 'offline.bin')
    await writeRandom(path, 40 * MiB)
    await page.goto('/upload')
    await slowDown(page, 16 * MiB)
    await page.locator('[data-choose=files]').setInputFiles(path)
    await reaches(page, 'sending')
    await sleep(300)
    await me.context.setOffline(true)
    await page.getByText('This device is offline.').waitFor()
    await me.context.setOffline(false)
    await reaches(page, 'done')
    const head = await fetch(`${server.url}/ipfs/${await shownCid(page)}`, { method: 'HEAD' })
    expect(head.headers.get('content-length')).toBe(String(40 * MiB))
  })

  test('has nothing to complain about', async () => {
    await page.goto('/upload')
    await page.getByRole('heading', { name: 'Upload', level: 1 }).waitFor()
    expect(await seriousViolations(page)).toEqual([])
    expect(me.complaints).toEqual([])
  })
})

/** Parts that are remembered as held by the server, of the newest upload. */
async function acknowledged(page: Page): Promise<number> {
  return await page.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open('keepsake', 1)
        opening.onerror = () => reject(opening.error)
        opening.onsuccess = () => {
          const reading = opening.result.transaction('uploads').objectStore('uploads').getAll()
          reading.onsuccess = () => {
            opening.result.close()
            resolve(Math.max(0, ...reading.result.map(({ acknowledged }) => acknowledged.length)))
          }
        }
      }),
  )
}
