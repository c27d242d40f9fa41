import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, expectFailure, form, fresh, upload, valueIn } from '../setup/api.ts'
import { car, raw } from '../setup/cars.ts'
import { type Server, startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'

const MiB = 1024 * 1024

describe.skipIf(!startsServers)('a server with small limits', () => {
  let server: Server
  let key: string
  beforeAll(async () => {
    const env = {
      MAX_UPLOAD_BYTES: String(2 * MiB),
      MAX_BLOCK_BYTES: '1024',
      MAX_FILES_PER_UPLOAD: '3',
      MAX_METADATA_BYTES: '2048',
    }
    server = await startServer({ env })
    key = await server.createKey()
  })
  afterAll(() => server?.stop())

  it('takes a body of exactly the limit, and refuses one byte more, saying the limit and what came', async () => {
    valueIn(await upload(server.apiUrl, key, fresh(2 * MiB), 'image/png'))
    const answer = await upload(server.apiUrl, key, fresh(2 * MiB + 1), 'image/png')
    expectFailure(answer, 413, 'PAYLOAD_TOO_LARGE', /2097152.*2097153/)
  })

  it('holds CARs to the block limit', async () => {
    const [small, big] = [await raw(fresh(1024)), await raw(fresh(1025))]
    valueIn(await upload(server.apiUrl, key, car([small.cid], [small]), 'application/car'))
    expectFailure(
      await upload(server.apiUrl, key, car([big.cid], [big]), 'application/car'),
      400,
      'ERROR_INVALID_CAR',
      /block too big: 1025 > 1024/,
    )
  })

  it('takes as many files as the limit and no more', async () => {
    const files = (count: number) => form(Array.from({ length: count }, (_, n) => ['file', fresh(), `f${n}`]))
    valueIn(await call(server.apiUrl, 'POST', '/upload', { key, body: files(3) }))
    expectFailure(await call(server.apiUrl, 'POST', '/upload', { key, body: files(4) }), 413, 'PAYLOAD_TOO_LARGE', /at most 3/)
  })

  it('holds metadata and JSON bodies to their limit', async () => {
    const body = form([['meta', JSON.stringify({ text: 'x'.repeat(3000) })]])
    expectFailure(await call(server.apiUrl, 'POST', '/store', { key, body }), 413, 'PAYLOAD_TOO_LARGE', /2048/)
    const asFile = form([['meta', new TextEncoder().encode(JSON.stringify({ text: 'x'.repeat(3000) })), 'meta.json']])
    expectFailure(await call(server.apiUrl, 'POST', '/store', { key, body: asFile }), 413, 'PAYLOAD_TOO_LARGE', /2048/)
    const big = JSON.stringify({ name: 'x'.repeat(3000) })
    expectFailure(await call(server.apiUrl, 'POST', '/internal/tokens', { key, body: big }), 413, 'PAYLOAD_TOO_LARGE')
  })
})

describe.skipIf(!startsServers)('a server that limits the rate', () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer({ env: { RATE_LIMIT_REQUESTS: '30', RATE_LIMIT_WINDOW_MS: '3000' } })
  })
  afterAll(() => server?.stop())

  it('answers 429 with Retry-After to a key over the limit, to no other, and only for a while', async () => {
    const user = await server.createUser()
    const [busy, calm] = [await server.createKey({ user, name: 'busy' }), await server.createKey({ user, name: 'calm' })]
    const answers = await Promise.all(Array.from({ length: 70 }, () => call(server.apiUrl, 'GET', '/?limit=1', { key: busy })))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThanOrEqual(10)
    for (const answer of refused) {
      expectFailure(answer, 429, 'ERROR_RATE_LIMITED', 'You are being rate limited')
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(3)
    }
    expect((await call(server.apiUrl, 'GET', '/', { key: calm })).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, Number(refused[0]!.headers.get('retry-after')) * 1000))
    expect((await call(server.apiUrl, 'GET', '/', { key: busy })).status).toBe(200)
  })
})

describe.skipIf(!startsServers)('a server in maintenance', () => {
  const modes: [mode: string, read: boolean, write: boolean, create: boolean][] = [
    ['rw-', true, true, false],
    ['r--', true, false, false],
    ['---', false, false, false],
  ]
  it.each(modes)('with mode %s: reads %s, writes %s, creates %s', async (mode, read, write, create) => {
    await using before = await startServer()
    const key = await before.createKey()
    const { cid } = valueIn(await upload(before.apiUrl, key, fresh(), 'image/png'))
    const { dataDir } = before
    expect(await before.kill('SIGTERM')).toBe(0)
    await using server = await startServer({ dataDir, env: { MAINTENANCE: mode } })
    const expectAllowed = async (allowed: boolean, method: string, path: string, body?: BodyInit) => {
      const answer = await call(server.apiUrl, method, path, { key, ...(body && { body }) })
      if (allowed) expect(answer.status, `${method} ${path} ${answer.text}`).toBeLessThan(300)
      else expectFailure(answer, 503, 'ERROR_MAINTENANCE')
    }
    await expectAllowed(read, 'GET', '/')
    await expectAllowed(read, 'GET', `/${cid}`)
    await expectAllowed(read, 'GET', `/check/${cid}`)
    await expectAllowed(create, 'POST', '/upload', fresh())
    await expectAllowed(create, 'POST', '/store', form([['meta', '{}']]))
    await expectAllowed(write, 'POST', '/internal/tokens', '{"name":"new"}')
    await expectAllowed(write, 'PATCH', `/upload/${cid}`, '{"name":"x"}')
    await expectAllowed(write, 'DELETE', `/${cid}`)
  })
})
