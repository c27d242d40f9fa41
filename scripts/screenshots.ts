// node scripts/run.mjs scripts/screenshots.ts [parts of names]: every page of the website as it looks at three widths, in light and dark,
// in test-results/screenshots. It starts a server of its own with something in it.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { openBrowser } from '../test/setup/browser.ts'
import * as cars from '../test/setup/cars.ts'
import { checkout, type Server, startServer } from '../test/setup/server.ts'
import { openSignedIn } from '../test/setup/signed-in-page.ts'

const folder = join(checkout, 'test-results/screenshots')
const widths = [360, 768, 1440] as const
const sizeOf = (width: number) => ({ width, height: width < 700 ? 780 : 900 })
const schemes = ['light', 'dark'] as const

interface Shot {
  name: string
  path: string
  /** Whose page it is; nobody's when absent. */
  as?: keyof States
  /** Calls that get no answer, or none that helps. */
  stall?: string
  fail?: string
  /** Brings the page into the state to be shown. */
  prepare?: (page: Page) => Promise<unknown>
}

const picture = Buffer.from(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400"><rect width="400" height="400" fill="#0b3c34"/><circle cx="290" cy="110" r="46" fill="#f0a57d"/>
   <path d="M0 290q100-34 200 0t200 0v110H0z" fill="#63cdb4"/><path d="M120 270h120l-26 40h-70zM180 160v105h70z" fill="#eaf4f0"/></svg>`,
)

const shots: Shot[] = [
  { name: 'home', path: '/' },
  { name: 'home-signed-in', path: '/', as: 'admin' },
  { name: 'sign-in', path: '/sign-in' },
  {
    name: 'sign-in-asked',
    path: '/sign-in',
    prepare: async (page) => {
      await page.getByLabel('E-mail address').fill(`ada-${Date.now()}@example.com`)
      await page.getByRole('button', { name: /link/ }).click()
      await page.getByRole('link', { name: 'Open the link' }).waitFor()
    },
  },
  { name: 'link-refused', path: '/sign-in/link#wrong' },
  { name: 'set-up', path: '/set-up#token' },
  { name: 'keys', path: '/keys', as: 'admin' },
  {
    name: 'keys-new',
    path: '/keys',
    as: 'admin',
    prepare: async (page) => await page.getByRole('button', { name: 'New key' }).click(),
  },
  { name: 'sign-in-magic', path: '/sign-in#magic=WyIweGFiYyIsIntcImlhdFwiOjE3MDB9Il0%3D' },
  { name: 'settings', path: '/settings', as: 'admin' },
  { name: 'docs', path: '/docs' },
  { name: 'docs-faq', path: '/docs/faq' },
  { name: 'docs-configuration', path: '/docs/configuration' },
  { name: 'terms', path: '/terms' },
  {
    name: 'stats',
    path: '/stats',
    prepare: async (page) => await page.getByText('The numbers as a table').click(),
  },
  { name: 'admin', path: '/admin', as: 'admin' },
  { name: 'admin-user', path: '/admin/users/1', as: 'admin' },
  { name: 'admin-aggregates', path: '/admin/aggregates', as: 'admin' },
  { name: 'admin-deals', path: '/admin/deals', as: 'admin' },
  { name: 'admin-deals-loading', path: '/admin/deals', as: 'admin', stall: '**/account/admin/deals?*' },
  { name: 'admin-deals-error', path: '/admin/deals', as: 'admin', fail: '**/account/admin/deals?*' },
  {
    name: 'admin-deals-import',
    path: '/admin/deals',
    as: 'admin',
    prepare: async (page) => await page.getByRole('button', { name: 'Import numbers' }).click(),
  },
  { name: 'admin-providers', path: '/admin/providers', as: 'admin' },
  { name: 'storage-providers', path: '/providers' },
  { name: 'files', path: '/files', as: 'admin' },
  {
    name: 'files-chosen',
    path: '/files?sort=name',
    as: 'admin',
    prepare: async (page) => {
      await page.getByLabel('Choose all on this page').check()
      await page.locator('.row-menu > summary').nth(1).click()
    },
  },
  {
    name: 'files-delete',
    path: '/files',
    as: 'admin',
    prepare: async (page) => {
      await page.getByLabel('Choose all on this page').check()
      await page.getByRole('button', { name: /^Delete \d/ }).click()
    },
  },
  { name: 'files-none-found', path: '/files?search=no+such+thing', as: 'admin' },
  { name: 'files-empty', path: '/files', as: 'newcomer' },
  { name: 'files-loading', path: '/files', as: 'admin', stall: '**/api/?*' },
  { name: 'files-error', path: '/files', as: 'admin', fail: '**/api/?*' },
  { name: 'keys-empty', path: '/keys', as: 'newcomer' },
  ...['Night over the harbour', 'The sound of rain', 'half of a directory', 'Harbour #7'].map((file, n) => ({
    name: `file-${['picture', 'audio', 'waiting', 'token'][n]}`,
    path: '/files',
    as: 'admin' as const,
    prepare: async (page: Page) => {
      await page.getByRole('link', { name: file }).first().click()
      await page.getByRole('heading', { name: 'Where it stands' }).waitFor()
      await page.locator('.fact').first().waitFor()
      for (const check of await page.locator('.fact-checks summary').all()) await check.click()
    },
  })),
  { name: 'file-unknown', path: '/files/bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', as: 'admin' },
  { name: 'upload', path: '/upload', as: 'admin' },
  {
    name: 'upload-under-way',
    path: '/upload',
    as: 'admin',
    prepare: async (page) => {
      await page.route('**/api/upload', () => {})
      await page
        .locator('input[type=file]')
        .first()
        .setInputFiles([
          { name: 'A film of the harbour.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(6_000_000, 1) },
          { name: 'nothing.png', mimeType: 'image/png', buffer: Buffer.alloc(2_000, 2) },
        ])
      await page.waitForTimeout(1_500)
    },
  },
  { name: 'token', path: '/upload/nft', as: 'admin' },
  {
    name: 'pins',
    path: '/pins',
    as: 'admin',
    prepare: async (page) => {
      await page.getByLabel('CID', { exact: true }).fill('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')
      await page.getByLabel('Name').fill('A painting')
      await page.getByRole('button', { name: 'Pin it' }).click()
      await page.getByRole('heading', { name: 'A painting' }).first().waitFor()
    },
  },
  {
    name: 'token-filled',
    path: '/upload/nft',
    as: 'admin',
    prepare: async (page) => {
      await page.locator('[data-choose=Image]').setInputFiles({ name: 'night.svg', mimeType: 'image/svg+xml', buffer: picture })
      await page.getByLabel('Name', { exact: true }).fill('Night over the harbour')
      await page.getByLabel('Description').fill('Boats, and a moon that is not there.')
      await page.getByRole('button', { name: 'Add a trait' }).click()
      await page.getByLabel('Trait 1', { exact: true }).fill('Boats')
      await page.getByLabel('Value').fill('7')
    },
  },
  { name: 'stats-error', path: '/stats', fail: '**/api/stats/**' },
  { name: 'not-found', path: '/nowhere' },
]

/** Takes what is in the set-up link of the log, so that there is somebody who sees every page. */
async function signInAsAdmin(browser: Browser, server: Server): Promise<Page> {
  const token = /\/set-up#([\w-]+)/.exec(server.output())?.[1]
  const context = await browser.newContext({ baseURL: `http://localhost:${server.port}` })
  const page = await context.newPage()
  await page.goto(`/set-up#${token}`)
  await page.getByLabel(/E-mail/).fill('grace@example.com')
  await page.getByRole('button').last().click()
  await page.waitForURL((url) => !url.pathname.startsWith('/set-up'))
  return page
}

/** Stores what a list of files may look like. */
async function fill(page: Page): Promise<void> {
  const [here, missing] = [await cars.raw('the half that is here'), await cars.raw('the half that is not')]
  const root = await cars.directory([
    { name: 'here.txt', cid: here.cid, sizeBytes: 21 },
    { name: 'missing.txt', cid: missing.cid, sizeBytes: 20 },
  ])
  const files: [name: string, type: string, body: Buffer][] = [
    ['Notes on keeping things.md', 'text/markdown', Buffer.from('# Keeping')],
    ['harbour.glb', 'model/gltf-binary', Buffer.alloc(180_000, 3)],
    ['A film of the harbour.mp4', 'video/mp4', Buffer.alloc(2_400_000, 4)],
    ['The sound of rain.wav', 'audio/wav', waveOf(2)],
    ['half of a directory', 'application/car', Buffer.from(cars.car([root.cid], [root, here]))],
    [
      'A name that somebody chose to be rather long, so that it needs two lines on a small screen, and more.pdf',
      'application/pdf',
      Buffer.from('%PDF'),
    ],
    ...Array.from({ length: 6 }, (_, n): [string, string, Buffer] => [
      n === 5 ? 'Night over the harbour.svg' : `Night ${n + 1}.svg`,
      'image/svg+xml',
      Buffer.from(picture.toString().replace('cx="290"', `cx="${60 + n * 46}"`)),
    ]),
  ]
  const send = async (method: 'post' | 'delete', path: string, options: object) => {
    const origin = new URL(page.url()).origin
    const { headers = {}, ...rest } = options as { headers?: object }
    const answer = await page.context().request[method](path, {
      headers: { 'x-keepsake-csrf': '1', origin, 'sec-fetch-site': 'same-origin', ...headers },
      ...rest,
    })
    if (!answer.ok()) throw new Error(`${path} answered ${answer.status()}: ${await answer.text()}`)
  }
  for (const [name, type, data] of files)
    await send('post', '/api/upload', { headers: { 'content-type': type, 'x-name': encodeURIComponent(name) }, data })
  const token = JSON.stringify({ name: 'Harbour #7', description: 'Boats', image: null })
  const image = { name: 'night.svg', mimeType: 'image/svg+xml', buffer: picture }
  await send('post', '/api/store', { headers: { 'x-name': encodeURIComponent('Harbour #7') }, multipart: { meta: token, image } })
  for (const [name, scope] of [
    ['Website of the gallery', 'upload'],
    ['Backup script on the machine in the basement that nobody dares to turn off', 'all'],
  ])
    await send('post', '/api/internal/tokens', { data: { name, scope } })
}

/** A tone, as a file that browsers play. */
function waveOf(seconds: number): Buffer {
  const rate = 8_000
  const samples = Buffer.alloc(rate * seconds)
  for (let i = 0; i < samples.length; i++) samples[i] = 128 + Math.round(90 * Math.sin((i * 2 * Math.PI * 220) / rate))
  const header = Buffer.alloc(44)
  header.write('RIFF')
  header.writeUInt32LE(36 + samples.length, 4)
  header.write('WAVEfmt ', 8)
  for (const [value, at] of [
    [16, 16],
    [rate, 24],
    [rate, 28],
    [samples.length, 40],
  ] as const)
    header.writeUInt32LE(value, at)
  for (const [value, at] of [
    [1, 20],
    [1, 22],
    [1, 32],
    [8, 34],
  ] as const)
    header.writeUInt16LE(value, at)
  header.write('data', 36)
  return Buffer.concat([header, samples])
}

type State = Awaited<ReturnType<BrowserContext['storageState']>>
interface States {
  admin: State
  newcomer: State
}

async function open(browser: Browser, server: Server, states: States, shot: Shot, look: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({
    baseURL: `http://localhost:${server.port}`,
    reducedMotion: 'reduce',
    ...look,
    ...(shot.as && { storageState: states[shot.as] }),
  })
  const page = await context.newPage()
  if (shot.stall) await page.route(shot.stall, () => {})
  if (shot.fail) await page.route(shot.fail, (route) => route.fulfill({ status: 502, body: 'Bad Gateway' }))
  await page.goto(shot.path)
  // A page that follows events is never without a request; it is there when nothing is grey any more.
  if (!shot.stall) await page.waitForFunction(() => document.querySelector('main') && !document.querySelector('.skeleton'))
  await shot.prepare?.(page)
  await page.evaluate(async () => {
    await document.fonts.ready
    await Promise.all([...document.images].map((image) => image.decode().catch(() => {})))
  })
  await page.waitForTimeout(200)
  return page
}

async function take(browser: Browser, server: Server, states: States, shot: Shot): Promise<void> {
  for (const colorScheme of schemes) {
    const page = await open(browser, server, states, shot, { colorScheme, viewport: sizeOf(widths[0]) })
    for (const width of widths) {
      await page.setViewportSize(sizeOf(width))
      await page.waitForTimeout(150)
      await page.screenshot({ path: join(folder, `${shot.name}-${width}-${colorScheme}.png`), fullPage: true })
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      if (overflow > 0) process.stdout.write(`${shot.name} is ${overflow} px wider than a screen of ${width} px\n`)
    }
    await page.context().close()
  }
}

await mkdir(folder, { recursive: true })
await using server = await startServer({
  env: {
    LOG_LEVEL: 'warn',
    SIGN_UP: 'open',
    MAGIC_CLIENT_ID: 'for-the-picture',
    AGGREGATE_PROFILE: 'trial',
    AGGREGATE_SETTLE_SECONDS: '0',
    AGGREGATE_FORCE_SECONDS: '2',
  },
})
const browser = await openBrowser()
try {
  const admin = await signInAsAdmin(browser, server)
  await fill(admin)
  const newcomer = await openSignedIn(browser, server, 'newcomer@example.com')
  const states = { admin: await admin.context().storageState(), newcomer: await newcomer.context.storageState() }
  const names = process.argv.slice(2)
  const wanted = shots.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)))
  for (const shot of wanted) await take(browser, server, states, shot)
  process.stdout.write(`${wanted.length * widths.length * schemes.length} screenshots in ${folder}\n`)
} finally {
  await browser.close()
}
