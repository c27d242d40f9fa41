import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resumeProvider, suspendProvider } from '../../src/providers/registered.ts'
import { network, type Portal, startPortal } from './portal.ts'

let portal: Portal

beforeAll(async () => {
  portal = await startPortal({ DEAL_MAX_IN_FLIGHT_BYTES: String(64 * 2 ** 20) })
  for (const actorId of [1001, 1002, 1003, 1004]) await portal.addProvider(actorId)
})
afterAll(async () => await portal[Symbol.asyncDispose]())

const take = (actorId: number, cid: string, argument?: string) =>
  portal.askAs(actorId, `request_piece/${cid}`, argument === undefined ? {} : { argument })

async function deals(): Promise<Record<string, unknown>[]> {
  return (await sql<Record<string, unknown>>`select * from deal order by id`.execute(portal.database.kysely)).rows
}

async function setDeals(set: ReturnType<typeof sql>): Promise<void> {
  await sql`update deal set ${set}`.execute(portal.database.kysely)
}

/** Everything that was taken is in sectors. */
const settled = () => setDeals(sql`state = 'expired'`)

describe('a piece', () => {
  it.each(['cid', 'cidV2'] as const)('is reserved for a provider that asks for it by its %s', async (version) => {
    const [piece] = await portal.addPieces(1)
    const told = await take(1001, piece![version])
    expect(told).toMatchObject({
      status: 200,
      response_code: 200,
      response_state_epoch: portal.node.epochNow(),
      response: {
        piece_cid: piece!.cid,
        padded_piece_size: 2 ** 20,
        tenant_replication_states: [{ tenant_id: 1, actual_total: 0, sp_holds_qualifying_deal: false, tenant_max_total: 3 }],
      },
    })
    const deal = (await deals()).at(-1)!
    expect(deal).toMatchObject({
      id: Number(told.response.deal_proposal_id),
      state: 'reserved',
      aggregate_id: piece!.id,
      driver: 'self-service',
    })
    const { rows: events } = await sql`select state, evidence from deal_event where deal_id = ${deal.id}`.execute(
      portal.database.kysely,
    )
    expect(events).toEqual([{ state: 'reserved', evidence: { request: told.request_id } }])
    expect((await portal.requests()).at(-1)).toMatchObject({ id: told.request_id, deal_id: deal.id, status: 200 })
    await settled()
  })

  it('is refused to whoever has it already, and says that alone', async () => {
    const [piece] = await portal.addPieces(1)
    await take(1001, piece!.cid)
    const told = await take(1001, piece!.cidV2)
    expect(told).toMatchObject({ status: 403, response_code: 403, error_code: 4021, error_slug: 'ErrProviderHasReplica' })
    expect(told.error_lines).toHaveLength(1)
    expect(told.response.tenant_replication_states).toMatchObject([{ actual_total: 1, sp_holds_qualifying_deal: true }])
    expect(await portal.requests()).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ id: told.request_id, error_code: 4021 })]),
    )
    await settled()
  })

  it('is given to three providers and no fourth', async () => {
    const [piece] = await portal.addPieces(1)
    for (const actorId of [1001, 1002, 1003]) expect(await take(actorId, piece!.cid)).toMatchObject({ status: 200 })
    expect(await take(1004, piece!.cid)).toMatchObject({
      status: 403,
      error_code: 4023,
      error_slug: 'ErrTooManyReplicas',
      error_lines: ['There are 3 live replicas of the piece already; 3 are the most.'],
    })
    await settled()
  })

  it('is offered again when a replica is gone, and a while before one ends', async () => {
    const [piece] = await portal.addPieces(1)
    for (const actorId of [1001, 1002, 1003]) await take(actorId, piece!.cid)
    const now = portal.node.epochNow()
    const active = sql`state = 'active', proposal_cid = decode(lpad(id::text, 8, '0'), 'hex'), chain_deal_id = id`
    await setDeals(sql`${active}, start_epoch = ${now - 1_000_000}, end_epoch = ${now + 130_000}`)
    expect(await take(1004, piece!.cid)).toMatchObject({ status: 403 })
    await setDeals(sql`end_epoch = ${now + 129_000}`)
    const told = await take(1001, piece!.cid)
    expect(told).toMatchObject({ status: 200, response: { tenant_replication_states: [{ actual_total: 0 }] } })
    const [first] = (await deals()).filter(({ aggregate_id }) => aggregate_id === piece!.id)
    expect((await deals()).at(-1)).toMatchObject({ replaces_id: first!.id })
    await settled()
  })

  it('is not given twice to one organisation, city or beyond the bound of a country, with every reason at once', async () => {
    await portal.addProvider(1101, {
      details: { organisation: 'ORGANISATION 1001', city: 'leipzig', country: 'DE', continent: 'EU' },
    })
    await portal.addProvider(1102, { details: { organisation: 'Other', city: 'Leipzig', country: 'US', continent: 'NA' } })
    await portal.addProvider(1103, { details: { organisation: 'Third', city: 'Leipzig', country: 'DE', continent: 'EU' } })
    const [piece] = await portal.addPieces(1)
    const { database } = portal
    await sql`update provider set organisation = 'Organisation 1001', city = 'Leipzig', country = 'DE', continent = 'EU' where actor_id = 1001`.execute(
      database.kysely,
    )
    await take(1001, piece!.cid)
    expect(await take(1101, piece!.cid)).toMatchObject({
      error_code: 4023,
      error_lines: [
        'There is 1 live replica at ORGANISATION 1001 already; 1 is the most.',
        'There is 1 live replica in leipzig already; 1 is the most.',
      ],
    })
    // The same name in another country is another city.
    expect(await take(1102, piece!.cid)).toMatchObject({ status: 200 })
    expect(await take(1103, piece!.cid)).toMatchObject({
      error_lines: ['There is 1 live replica in Leipzig already; 1 is the most.'],
    })
    await settled()
  })

  it('is refused while suspended, too large for a sector and too much at once, with every reason', async () => {
    await portal.addProvider(1201, { chain: { sectorSizeBytes: 2 ** 19, mayMine: false } })
    await suspendProvider(portal.database, network, 1201, 'lost three sectors')
    const [piece] = await portal.addPieces(1)
    const told = await take(1201, piece!.cid)
    expect(told).toMatchObject({ status: 403, error_code: 4029, error_slug: 'ErrReplicationRulesViolation' })
    expect(told.error_lines).toEqual([
      expect.stringMatching(/suspended: lost three sectors/),
      expect.stringMatching(/not eligible for mining/),
      'The piece takes 1048576 bytes; a sector of this provider has 524288.',
    ])
    expect(await portal.askAs(1201, 'eligible_pieces')).toMatchObject({ status: 403, error_code: 4029, response: null })
    await resumeProvider(portal.database, network, 1201)
    expect(await portal.askAs(1201, 'eligible_pieces')).toMatchObject({ status: 403, error_code: 4013 })
  })

  it('is refused to a provider with too much in flight', async () => {
    const pieces = await portal.addPieces(2, { height: 20 })
    expect(await take(1002, pieces[0]!.cid)).toMatchObject({ status: 200 })
    const [small] = await portal.addPieces(1)
    expect(await take(1002, small!.cid)).toMatchObject({ status: 200 })
    expect(await take(1002, pieces[1]!.cid)).toMatchObject({ error_code: 4024, error_slug: 'ErrProviderAboveMaxInFlight' })
    await settled()
  })

  it('is unknown where nobody offers it, or another tenant is asked for', async () => {
    const [piece] = await portal.addPieces(1)
    await sql`update aggregate set state = 'failed' where id = ${piece!.id}`.execute(portal.database.kysely)
    expect(await take(1001, piece!.cid)).toMatchObject({ status: 403, error_code: 4020, error_slug: 'ErrUnclaimedPieceCID' })
    const [built] = await portal.addPieces(1)
    expect(await take(1001, `${built!.cid}?tenant=2`)).toMatchObject({ error_code: 4020 })
    expect(await take(1001, `${built!.cid}?tenant=x`)).toMatchObject({ status: 400, error_code: 4400 })
  })
})

describe('two requests at the same moment', () => {
  it('for the last replica give one yes and one no', async () => {
    const [piece] = await portal.addPieces(1)
    for (const actorId of [1001, 1002]) await take(actorId, piece!.cid)
    const told = await Promise.all([take(1003, piece!.cid), take(1004, piece!.cid)])
    expect(told.map(({ status }) => status).sort()).toEqual([200, 403])
    await settled()
  })

  it('of the same provider for the same piece give one deal', async () => {
    const pieces = await portal.addPieces(4)
    const told = await Promise.all(pieces.flatMap(({ cid }) => [take(1001, cid), take(1001, cid), take(1001, cid)]))
    expect(told.filter(({ status }) => status === 200)).toHaveLength(4)
    await settled()
  })
})

describe('a header with a signed argument', () => {
  it('is good for the piece it names, and for it once', async () => {
    const [piece, other] = await portal.addPieces(2)
    const argument = `call=reserve_piece&piece_cid=${piece!.cid}`
    const header = portal.headerOf(1003, { argument })
    expect(await portal.ask(`request_piece/${other!.cid}`, header)).toMatchObject({
      status: 401,
      error_lines: [expect.stringMatching(/signed for something else/)],
    })
    expect(await portal.ask(`request_piece/${piece!.cidV2}`, header)).toMatchObject({ status: 200 })
    await settled()
    expect(await portal.ask(`request_piece/${piece!.cid}`, header)).toMatchObject({
      status: 401,
      error_lines: [expect.stringMatching(/^This header was used already/)],
    })
    expect(await take(1003, piece!.cid)).toMatchObject({ status: 200 })
    await settled()
  })
})

describe('what is on offer', () => {
  it('is what the provider could take now, those that waited longest first', async () => {
    await sql`update aggregate set state = 'failed'`.execute(portal.database.kysely)
    const pieces = await portal.addPieces(5)
    const [large] = await portal.addPieces(1, { height: 26 })
    await take(1001, pieces[0]!.cid)
    for (const actorId of [1001, 1002, 1003]) await take(actorId, pieces[1]!.cid)
    const lost = sql`provider_id = (select id from provider where actor_id = 1001) and aggregate_id = ${pieces[1]!.id}`
    await sql`update deal set state = 'terminated', reason = 'lost', again_at = clock_timestamp() + interval '1 hour' where ${lost}`.execute(
      portal.database.kysely,
    )
    // Whoever has just given it up has to wait.
    expect((await portal.askAs(1001, 'eligible_pieces')).response_entries).toBe(4)
    expect(await take(1001, pieces[1]!.cid)).toMatchObject({
      error_code: 4030,
      error_lines: [expect.stringMatching(/^The last deal of this provider for the piece was given up \(lost\); ask again at 2/)],
    })
    await sql`update deal set again_at = clock_timestamp() where ${lost}`.execute(portal.database.kysely)
    const told = await portal.askAs(1001, 'eligible_pieces')
    expect(told.response.map((piece: { piece_cid: string }) => piece.piece_cid)).toEqual(
      [...pieces.slice(1), large!].map(({ cid }) => cid),
    )
    expect(told.response[0]).toMatchObject({
      piece_cid_v2: pieces[1]!.cidV2,
      padded_piece_size: 2 ** 20,
      data_size: 900_000,
      replicas: 2,
      tenants: [1],
    })
    expect(told.response_entries).toBe(5)
    expect((await portal.askAs(1001, 'eligible_pieces?limit=2')).response).toHaveLength(2)
    expect((await portal.askAs(1001, 'eligible_pieces?tenant=2')).response).toEqual([])
    expect((await portal.askAs(1001, 'eligible_pieces?orglocal-only=true&include-sourceless=1')).response).toEqual([])
    expect(await portal.askAs(1001, 'eligible_pieces?limit=0')).toMatchObject({ status: 400, error_code: 4400 })
    expect(await portal.askAs(1001, 'eligible_pieces?limit=2097153')).toMatchObject({ status: 400 })
    await portal.addProvider(1301, { chain: { sectorSizeBytes: 2 ** 25 } })
    expect((await portal.askAs(1301, 'eligible_pieces')).response_entries).toBe(5)
  })
})

describe('with verified deals', () => {
  it('nothing is offered or given that the DataCap of the key does not cover', async () => {
    await using verified = await startPortal({ DEAL_VERIFIED: 'yes' })
    await verified.addProvider(1001)
    await verified.addProvider(1002)
    const [small] = await verified.addPieces(1)
    const [large] = await verified.addPieces(1, { height: 20 })
    const eligible = () => verified.askAs(1001, 'eligible_pieces')
    verified.node.dataCap = 2n ** 20n
    const told = await eligible()
    expect(told.response).toMatchObject([{ piece_cid: small!.cid }])
    expect(told.info_lines).toEqual([
      'The key that signs deals here has 1048576 bytes of DataCap for verified deals. Larger pieces are not on offer.',
    ])
    expect(await verified.askAs(1001, `request_piece/${large!.cid}`)).toMatchObject({
      status: 403,
      error_code: 4022,
      error_slug: 'ErrTenantsOutOfDatacap',
    })
    expect(await verified.askAs(1001, `request_piece/${small!.cid}`)).toMatchObject({ status: 200 })
    expect((await eligible()).response).toEqual([])
    expect((await verified.askAs(1002, `request_piece/${small!.cid}`)).error_lines).toEqual([
      'The key that signs deals here has 1048576 bytes of DataCap for verified deals, of which 1048576 are promised to others already. The piece takes 1048576.',
    ])
  })

  it('nothing is offered while the node does not say', async () => {
    await using verified = await startPortal({ DEAL_VERIFIED: 'yes' })
    await verified.addProvider(1001)
    const known = await verified.askAs(1001, 'status')
    expect(known.status).toBe(200)
    verified.node.trouble = 'nonsense'
    expect(await verified.askAs(1001, 'eligible_pieces')).toMatchObject({ status: 503 })
  })
})
