import { withHTTP } from '@helia/http'
import { createVerifiedFetchWithHelia, type VerifiedFetch } from '@helia/verified-fetch'
import { createHeliaLight } from 'helia'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { call, fresh, shared, valueIn } from './setup/api.ts'
import { concat } from './setup/cars.ts'

const { url, apiUrl, key } = shared()

/** Knows no gateway and no peer: only this server, as a router. */
let verifiedFetch: VerifiedFetch
const asked: string[] = []

beforeAll(async () => {
  const realFetch = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
    const target = new URL(input instanceof Request ? input.url : String(input))
    asked.push(target.pathname)
    if (target.port !== new URL(url).port) throw new Error(`A request left this machine: ${target}`)
    return realFetch(input, init)
  })
  const helia = withHTTP(createHeliaLight(), {
    delegatedRouters: [url],
    recursiveGateways: [],
    allowInsecure: true,
    allowLocal: true,
  })
  verifiedFetch = await createVerifiedFetchWithHelia(await helia.start())
})
afterAll(async () => {
  await verifiedFetch?.stop()
  vi.restoreAllMocks()
})

it('a client that has this server as its only router finds content the moment it is acknowledged', async () => {
  const bytes = concat([fresh(1024), new Uint8Array(3_000_000), fresh(1024)])
  const { cid } = valueIn(await call(apiUrl, 'POST', '/upload', { key, body: bytes }))
  const response = await verifiedFetch(`ipfs://${cid}`)
  expect(response.status).toBe(200)
  expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), bytes)).toBe(0)
  expect(asked.some((path) => path.startsWith(`/routing/v1/providers/`))).toBe(true)
  expect(asked.some((path) => path.startsWith(`/ipfs/`))).toBe(true)
})

it('it finds what comes later too, although it asked before', async () => {
  const bytes = fresh(5_000)
  const early = await fetch(`${url}/routing/v1/providers/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy`)
  expect(await early.json()).toEqual({ Providers: [] })
  const { cid } = valueIn(await call(apiUrl, 'POST', '/upload', { key, body: bytes }))
  expect((await verifiedFetch(`ipfs://${cid}`)).status).toBe(200)
})
