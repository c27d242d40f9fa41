import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Portal, startPortal } from './portal.ts'

let portal: Portal

beforeAll(async () => {
  portal = await startPortal()
  await portal.addProvider(1001)
  await portal.addProvider(1002)
})
afterAll(async () => await portal[Symbol.asyncDispose]())

const refused = (line: RegExp | string) => ({
  status: 401,
  response_code: 401,
  error_code: 4401,
  error_slug: 'ErrUnauthorizedAccess',
  error_lines: [typeof line === 'string' ? line : expect.stringMatching(line)],
  response: null,
})

describe('who asks the portal', () => {
  it('is who signed the randomness of this epoch, or of one of the three before', async () => {
    for (const back of [0, 1, 2, 3]) {
      const told = await portal.askAs(1001, 'status', { epoch: portal.node.epochNow() - back })
      expect(told).toMatchObject({ status: 200, response: { provider: 'f01001', registered: true } })
    }
  })

  it('is told how to say who it is', async () => {
    const told = await portal.ask('status')
    expect(told).toMatchObject(refused(/^Show which provider you are/))
    expect(told.headers.get('www-authenticate')).toBe('FIL-SPID-V0')
    expect(told.headers.get('cache-control')).toBe('no-store')
    expect(told.request_id).toMatch(/^[0-9a-f-]{36}$/)
  })

  it.each([
    ['with a header that is none', () => 'Bearer x', /The scheme is not FIL-SPID-V0/],
    ['with the key of another', () => portal.headerOf(1001, { key: 1002 }), /not that of the worker key of f01001/],
    ['in the name of another', () => portal.headerOf(1002).replace('f01002', 'f01001'), /not that of the worker key of f01001/],
    ['for another epoch than it signed', () => reEpoch(portal.headerOf(1001)), /not that of the worker key/],
    ['too late', () => portal.headerOf(1001, { epoch: portal.node.epochNow() - 4 }), /and it is \d+ now: it was good until/],
    ['too early', () => portal.headerOf(1001, { epoch: portal.node.epochNow() + 2 }), /which has not come/],
    ['as nobody on the chain', () => portal.headerOf(7777), /There was no storage provider f07777 on the chain at epoch \d+/],
    ['with an argument it did not sign', () => `${portal.headerOf(1001)};YQ==`, /not that of the worker key/],
  ])('is refused %s', async (_how, header, line) => {
    expect(await portal.ask('eligible_pieces', header())).toMatchObject(refused(line))
  })

  it('is not asked of the node again for a header that is known', async () => {
    const header = portal.headerOf(1002, { argument: 'known' })
    await portal.ask('status', header)
    const before = portal.node.calls.filter((name) => name === 'StateAccountKey').length
    for (let at = 0; at < 3; at++) expect(await portal.ask('status', header)).toMatchObject({ status: 200 })
    expect(portal.node.calls.filter((name) => name === 'StateAccountKey')).toHaveLength(before)
  })

  it.each(['refuses', 'nonsense'] as const)('is nobody while the node %s, and never allowed', async (trouble) => {
    portal.node.trouble = trouble
    try {
      const told = await portal.ask('pending_proposals', portal.headerOf(1001, { argument: trouble }))
      expect(told).toMatchObject({ status: 503, error_code: 4503, error_slug: 'ErrSystemTemporarilyDisabled', response: null })
      expect(told.headers.get('retry-after')).toBe('5')
    } finally {
      portal.node.trouble = undefined
    }
    // What could not be found out then is found out now.
    expect(await portal.ask('pending_proposals', portal.headerOf(1001, { argument: trouble }))).toMatchObject({ status: 200 })
  })

  it('is told what to do where it is not registered', async () => {
    await portal.addProvider(1003, { isRegistered: false })
    expect(await portal.askAs(1003, 'eligible_pieces')).toMatchObject({
      status: 403,
      error_code: 4401,
      error_lines: [expect.stringMatching(/^f01003 is who it says, and is not registered here on test-network/)],
    })
    expect(await portal.askAs(1003, 'status')).toMatchObject({ status: 200, response: { provider: 'f01003', registered: false } })
  })

  it('is noted with everything it asked and was told', async () => {
    await portal.askAs(1001, 'status')
    await portal.ask('request_piece/nonsense', portal.headerOf(1001))
    const requests = await portal.requests()
    expect(requests.at(-1)).toMatchObject({
      network: 'test-network',
      actor_id: 1001,
      call: 'request_piece',
      piece_cid: 'nonsense',
      status: 400,
      error_code: 4400,
      reason: expect.stringContaining('"nonsense" is not the CID of a piece'),
      deal_id: null,
    })
    expect(requests.at(-2)).toMatchObject({ actor_id: 1001, call: 'status', status: 200, error_code: null, reason: null })
    expect(requests.filter(({ status, actor_id }) => status === 401 && actor_id !== null)).toEqual([])
    expect(requests.filter(({ status }) => status === 401).length).toBeGreaterThan(5)
  })
})

/** The same signature, said to be of the epoch before. */
function reEpoch(header: string): string {
  return header.replace(/ (\d+);/, (_all, epoch: string) => ` ${Number(epoch) - 1};`)
}

describe('whoever tries keys', () => {
  it('is held up after twenty wrong ones, and let in again with a header that is known to be right', async () => {
    await using other = await startPortal()
    await other.addProvider(1001)
    const right = other.headerOf(1001)
    expect(await other.ask('status', right)).toMatchObject({ status: 200 })
    for (let at = 0; at < 20; at++) {
      expect(await other.ask('status', other.headerOf(1001, { key: 5, argument: `try ${at}` }))).toMatchObject({ status: 401 })
    }
    const told = await other.ask('status', other.headerOf(1001, { key: 5, argument: 'one more' }))
    expect(told).toMatchObject({ status: 429, error_code: 4503 })
    expect(told.headers.get('retry-after')).toBe('60')
    expect(await other.ask('status', right)).toMatchObject({ status: 200 })
    expect((await other.requests()).filter(({ status }) => status === 429)).toEqual([])
  })
})
