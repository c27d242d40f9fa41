import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { leastStandingOf } from '../../src/providers/rules.ts'
import { retrievalRecords } from '../../src/retrievals/records.ts'
import { network, type Portal, startPortal } from './portal.ts'
import { insertChecks } from './retrieval-rows.ts'

let portal: Portal
let dealId: number
let piece: string

beforeAll(async () => {
  portal = await startPortal()
  await portal.addProvider(1001)
  const [held, free] = await portal.addPieces(2)
  const told = await portal.askAs(1001, `request_piece/${held!.cid}`)
  dealId = Number(told.response.deal_proposal_id)
  piece = free!.cid
})
afterAll(async () => await portal[Symbol.asyncDispose]())
afterEach(() => sql`delete from retrieval`.execute(portal.database.kysely))

const eligible = () => portal.askAs(1001, 'eligible_pieces')
const status = async () => (await portal.askAs(1001, 'status')).response
const check = (checks: Parameters<typeof insertChecks>[2]) => insertChecks(portal.database, dealId, checks)

describe('a provider that does not give back what it stores', () => {
  it('gets nothing new, and is told why by a number of its own', async () => {
    await check({ ok: 2, failed: 8 })
    const line =
      'This provider does not give back what it stores: of the last 10 times it was asked for some of it, 2 went well. ' +
      'Its standing is poor; it gets new pieces again once that is shaky. The last failure: Other bytes came.'
    const refusal = { status: 403, error_code: 4014, error_slug: 'ErrStorageProviderPoorRetrieval', error_lines: [line] }
    expect(await eligible()).toMatchObject(refusal)
    expect(await portal.askAs(1001, `request_piece/${piece}`)).toMatchObject(refusal)
    const told = await portal.askAs(1001, 'status')
    expect(told).toMatchObject({ status: 200, info_lines: [line] })
    expect(told.response.retrieval).toMatchObject({
      standing: 'poor',
      checks: 10,
      verified: 2,
      first_byte_ms: 20,
      bytes_per_second: 25_000,
      last_failure: 'Other bytes came.',
    })
  })

  it('gets pieces again when it does better', async () => {
    await check({ failed: 8 })
    expect(await eligible()).toMatchObject({ error_code: 4014 })
    await check({ ok: 20 })
    expect((await status()).retrieval.standing).toBe('shaky')
    expect(await eligible()).toMatchObject({ status: 200, response_entries: 1 })
  })

  it('gets one piece where it holds nothing, since it could not show otherwise that it does better', async () => {
    await check({ failed: 40 })
    const to = (state: string) => sql`update deal set state = ${state}`.execute(portal.database.kysely)
    await to('expired')
    expect(await eligible()).toMatchObject({ status: 200 })
    const told = await portal.askAs(1001, `request_piece/${piece}`)
    expect(told).toMatchObject({ status: 200 })
    expect(await eligible()).toMatchObject({ error_code: 4014 })
    await sql`delete from deal where id = ${Number(told.response.deal_proposal_id)}`.execute(portal.database.kysely)
    await to('reserved')
  })

  it('is as new when nothing was asked of it for a week, which it cannot change where it holds nothing', async () => {
    await check({ failed: 40, hoursAgo: 7 * 24 + 1 })
    expect((await status()).retrieval).toMatchObject({ standing: 'new', checks: 0 })
    expect(await eligible()).toMatchObject({ status: 200 })
  })
})

it('a new provider is good enough', async () => {
  await check({ failed: 3 })
  expect((await status()).retrieval.standing).toBe('new')
  expect(await eligible()).toMatchObject({ status: 200 })
})

it('what is good enough is a setting, and nothing is asked where nothing is checked', () => {
  const least = (PROVIDER_LEAST_STANDING: 'shaky' | 'good' | 'any', RETRIEVAL_CHECK_MINUTES?: number) =>
    leastStandingOf({ PROVIDER_LEAST_STANDING, RETRIEVAL_CHECK_MINUTES })
  expect([least('shaky'), least('good'), least('good', 5), least('good', 0)]).toEqual(['shaky', 'good', 'good', 'any'])
})

describe('over time', () => {
  /** These, and then those of now. */
  async function checksBefore(checks: Parameters<typeof insertChecks>[2]): Promise<void> {
    await sql`delete from retrieval`.execute(portal.database.kysely)
    await check(checks)
    await check({ ok: 3, failed: 1 })
  }
  const history = async () => (await retrievalRecords(portal).history(network)).steps

  it('checks are counted by five minutes while there is little of them, by hours and quarters of a day later', async () => {
    await check({ ok: 3, failed: 1 })
    const records = retrievalRecords(portal)
    const now = await records.history(network)
    expect(now).toMatchObject({ stepSeconds: 300, stepCount: 48 })
    const [steps] = [...now.steps.values()]
    expect(steps).toEqual([{ at: expect.any(Date), checks: 4, verified: 3, firstByteMs: 20, bytesPerSecond: 25_000 }])
    expect(steps![0]!.at.getTime() % 300_000).toBe(0)
    expect(now.endsAt.getTime() - steps![0]!.at.getTime()).toBe(300_000)
    await checksBefore({ ok: 1, hoursAgo: 20 })
    expect(await records.history(network)).toMatchObject({ stepSeconds: 3600 })
    expect([...(await history()).values()][0]).toMatchObject([{ checks: 1 }, { checks: 4 }])
    await checksBefore({ failed: 2, hoursAgo: 24 * 10 })
    expect(await records.history(network)).toMatchObject({ stepSeconds: 21_600, stepCount: 56 })
    expect([...(await history()).values()][0]).toMatchObject([
      { checks: 2, verified: 0, firstByteMs: null, bytesPerSecond: null },
      { checks: 4 },
    ])
    await checksBefore({ ok: 1, hoursAgo: 24 * 30 })
    expect([...(await history()).values()][0]).toMatchObject([{ checks: 4 }])
  })

  it('everybody can see it on the page of the provider', async () => {
    await check({ ok: 3, failed: 1 })
    const { json } = await portal.server.call('/storage-providers/f01001')
    expect(json.value).toMatchObject({
      network,
      isDevnet: false,
      inFlight: { bytes: 2 ** 20 },
      provider: { provider: 'f01001', retrievals: { standing: 'shaky', checks: 4, verified: 3 } },
      history: { stepSeconds: 300, steps: [{ checks: 4, verified: 3 }] },
    })
  })
})
