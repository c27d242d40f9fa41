import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasBrowser } from '../setup/browser.ts'
import { startsServers } from '../setup/shared.ts'
import { openSite, type Site, signIn, whoAmI } from './site.ts'

/** What a page that somebody stored may try. It writes what became of it into its title. */
const attack = (site: string) => `<!doctype html><title>…</title><script>
const attempt = (work) => work().then((answer) => answer, (error) => 'refused: ' + error.name)
const call = (path, init) => attempt(async () => {
  const response = await fetch('${site}' + path, { credentials: 'include', ...init })
  return response.type === 'opaque' ? 'sent, unread' : response.status + ' ' + (await response.text())
})
const headers = { 'x-keepsake-csrf': '1', 'content-type': 'application/json' }
const body = JSON.stringify({ name: 'stolen' })
const frame = () => new Promise((resolve) => {
  const one = document.createElement('iframe')
  one.onload = () => attempt(async () => one.contentWindow.document.body.innerText).then(resolve)
  one.src = '${site}/keys'
  document.body.append(one)
})
const form = () => new Promise((resolve) => {
  const one = document.createElement('iframe')
  one.name = 'target'
  document.body.append(one)
  const sent = document.createElement('form')
  Object.assign(sent, { method: 'POST', action: '${site}/api/internal/tokens', target: 'target', enctype: 'text/plain' })
  sent.innerHTML = '<input name=\\'{"name":"stolen","x":"\\' value=\\'"}\\'>'
  document.body.append(sent)
  one.onload = () => resolve('sent')
  sent.submit()
  setTimeout(() => resolve('sent'), 1000)
})
addEventListener('load', async () => {
  document.title = JSON.stringify({
    origin,
    cookie: document.cookie,
    me: await call('/account/me'),
    list: await call('/api/internal/tokens'),
    make: await call('/api/internal/tokens', { method: 'POST', headers, body }),
    makeSimply: await call('/api/internal/tokens', { method: 'POST', mode: 'no-cors', body }),
    own: await call('/../account/me'.slice(3)).then((text) => text.slice(0, 40)),
    here: await attempt(async () => (await fetch('/account/me', { credentials: 'include' })).status),
    frame: await frame(),
    form: await form(),
  })
})
</script>`

interface Outcome {
  origin: string
  cookie: string
  me: string
  list: string
  make: string
  here: number | string
  frame: string
}

describe.skipIf(!startsServers || !hasBrowser())('a page that somebody stored', () => {
  let site: Site
  beforeAll(async () => {
    site = await openSite({ env: { LOG_LEVEL: 'warn' } })
  })
  afterAll(async () => await site?.[Symbol.asyncDispose]())

  it('cannot read the session of whoever looks at it, nor act for them', async () => {
    const key = await site.server.createKey()
    const stored = await fetch(`${site.server.apiUrl}/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'text/html' },
      body: attack(site.origin),
    })
    const { cid } = ((await stored.json()) as { value: { cid: string } }).value
    const { page, context } = await site.visitor()
    await signIn(page, 'victim@example.com')
    // It is there to be stolen.
    expect((await context.cookies()).map(({ name, httpOnly }) => [name, httpOnly])).toContainEqual(['keepsake-session', true])

    await page.goto(`/ipfs/${cid}`)
    await page.waitForFunction(() => document.title.startsWith('{'))
    const outcome = JSON.parse(await page.title()) as Outcome
    expect(outcome).toMatchObject({
      origin: `http://${cid}.ipfs.localhost:${site.server.port}`,
      cookie: '',
      me: 'refused: TypeError',
      list: 'refused: TypeError',
      make: 'refused: TypeError',
    })
    expect(outcome.here).not.toBe(200)
    expect(outcome.frame).toMatch(/^refused: /)

    await page.goto('/keys')
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor()
    expect(await whoAmI(page)).toBe('victim@example.com')
  })

  it('is put into a sandbox where it cannot have an origin of its own', async () => {
    const key = await site.server.createKey()
    const stored = await fetch(`${site.server.apiUrl}/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'text/html' },
      body: '<!doctype html><title>still</title><script>document.title = "acted as " + origin</script>',
    })
    const { cid } = ((await stored.json()) as { value: { cid: string } }).value
    const { page } = await site.visitor()
    await page.goto(`${site.server.url}/ipfs/${cid}`)
    expect(await page.title()).not.toContain('127.0.0.1')
  })
})
