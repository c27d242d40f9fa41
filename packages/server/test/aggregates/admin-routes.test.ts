import type { AddressInfo } from 'node:net'
import type { Aggregates } from '@keepsake/api/aggregates.ts'
import { aggregateAdminRoutes } from '@keepsake/server/aggregates/admin-routes.ts'
import { parseConfig } from '@keepsake/server/config.ts'
import { replyError } from '@keepsake/server/http/reply-error.ts'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sendRaw } from '../setup/send-raw.ts'
import type { Keeper } from './keeper.ts'
import { damage, openKeeper, packAll } from './keeper.ts'
import { bytesOf } from './keeper-bytes.ts'

let keeper: Keeper
let app: FastifyInstance
beforeAll(async () => {
  keeper = await openKeeper()
  app = fastify({ exposeHeadRoutes: false, logger: false })
  app.setErrorHandler(replyError)
  const config = parseConfig({ AGGREGATE_TARGET_BYTES: '1000000', AGGREGATE_FORCE_SECONDS: '60' })
  await app.register(aggregateAdminRoutes({ ...keeper, config }))
  await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await app?.close()
  await keeper?.close()
})

async function list(query = ''): Promise<Aggregates> {
  const { status, body } = await sendRaw((app.server.address() as AddressInfo).port, `/aggregates${query}`, {}, 'GET')
  expect(status, body.toString()).toBe(200)
  return (JSON.parse(body.toString()) as { value: Aggregates }).value
}

it('says that there is nothing yet', async () => {
  const nothing = { contents: 0, bytes: 0, oldestAt: null, settlesAt: null, obstacleCount: 0, obstacles: [] }
  expect(await list()).toMatchObject({ aggregates: [], next: null, states: [], waiting: nothing })
})

it('lists aggregates with state, size, fill and items, page by page, and those of one state however old they are', async () => {
  const { shard } = await keeper.storeFile(bytesOf('damaged later', 300_000))
  const [failing] = await packAll(keeper)
  for (const name of ['second', 'third']) {
    await keeper.storeFile(bytesOf(name, 500_000))
    await packAll(keeper)
  }
  await damage(keeper, shard)
  await keeper.fail(failing!.id, new Error('A disk is gone.'))
  await keeper.storeFile('collects')
  await keeper.plan({ forceMs: 60_000 })

  const { aggregates, states } = await list()
  expect(aggregates.map(({ state }) => state)).toEqual(['collecting', 'built', 'built', 'failed'])
  for (const { fill, sizeBytes, items } of aggregates) expect([fill, items]).toEqual([sizeBytes / 1_000_000, 1])
  expect(aggregates[0]!.closesAt).toEqual(expect.any(String))
  expect(states.map(({ state, aggregates: count }) => [state, count])).toEqual([
    ['built', 2],
    ['collecting', 1],
    ['failed', 1],
  ])

  const first = await list('?limit=2')
  expect(first.next).toBe(first.aggregates[1]!.id)
  const second = await list(`?limit=2&before=${first.next}`)
  expect(second.next).toBeNull()
  expect([...first.aggregates, ...second.aggregates]).toEqual(aggregates)

  const failed = await list('?state=failed&limit=1')
  expect(failed.aggregates).toMatchObject([{ id: failing!.id, state: 'failed', reason: 'A disk is gone.' }])
  expect(failed.next).toBeNull()
})

it('refuses a state there is not', async () => {
  const { status } = await sendRaw((app.server.address() as AddressInfo).port, '/aggregates?state=lost', {}, 'GET')
  expect(status).toBe(400)
})
