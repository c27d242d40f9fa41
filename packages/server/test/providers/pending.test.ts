import { randomBytes } from 'node:crypto'
import { chainCid } from '@keepsake/filecoin/cid.ts'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Portal, startPortal } from './portal.ts'

let portal: Portal

beforeAll(async () => {
  portal = await startPortal({ PIECE_DOWNLOADS: 'signed' })
  await portal.addProvider(1001)
  await portal.addProvider(1002)
})
afterAll(async () => await portal[Symbol.asyncDispose]())

/** A piece that a provider took, and for which a proposal was signed. */
async function propose(
  actorId: number,
  cid: string,
  startEpoch: number,
): Promise<{ id: string; proposal: Buffer; proposalCid: string }> {
  const told = await portal.askAs(actorId, `request_piece/${cid}`)
  const id: string = told.response.deal_proposal_id
  const proposal = randomBytes(200)
  const proposalCid = chainCid(proposal)
  await sql`update deal set state = 'proposed', proposal = ${proposal}, proposal_cid = ${proposalCid.bytes}, start_epoch = ${startEpoch},
    end_epoch = ${startEpoch + 1_000_000} where id = ${id}`.execute(portal.database.kysely)
  return { id, proposal, proposalCid: proposalCid.toString() }
}

async function stateOf(id: string): Promise<unknown> {
  return (await sql<{ state: string }>`select state from deal where id = ${id}`.execute(portal.database.kysely)).rows[0]?.state
}

it('gives a provider its proposals, the most urgent first, and knows from then on that it has them', async () => {
  const [first, second, late] = await portal.addPieces(3)
  const now = portal.node.epochNow()
  const later = await propose(1001, first!.cid, now + 5760)
  const sooner = await propose(1001, second!.cid, now + 2880)
  const missed = await propose(1001, late!.cid, now - 1)
  const told = await portal.askAs(1001, 'pending_proposals')
  expect(told).toMatchObject({ status: 200, response_entries: 2 })
  expect(told.response.pending_proposals).toMatchObject([
    {
      deal_proposal_id: sooner.id,
      deal_proposal_cid: sooner.proposalCid,
      proposal: sooner.proposal.toString('base64'),
      hours_remaining: 24,
      piece_cid: second!.cid,
      piece_cid_v2: second!.cidV2,
      piece_size: 2 ** 20,
      deal_start_epoch: now + 2880,
      sample_import_cmd: `boostd import-data ${sooner.proposalCid} ${second!.cid}.car`,
    },
    { deal_proposal_id: later.id },
  ])
  const [{ url }] = told.response.pending_proposals[0].data_sources
  expect(url).toMatch(
    new RegExp(`^http://localhost:${portal.server.port}/piece/${second!.cid}\\?expires=\\d+&signature=[\\w-]+$`),
  )
  expect([await stateOf(sooner.id), await stateOf(later.id), await stateOf(missed.id)]).toEqual([
    'delivered',
    'delivered',
    'proposed',
  ])
  const { rows } = await sql`select state, evidence from deal_event where deal_id = ${sooner.id} order by id`.execute(
    portal.database.kysely,
  )
  expect(rows.at(-1)).toEqual({ state: 'delivered', evidence: { request: told.request_id } })
  // Asking again gives them again, and tells no story twice.
  expect((await portal.askAs(1001, 'pending_proposals')).response_entries).toBe(2)
  expect(
    (await sql`select from deal_event where deal_id = ${sooner.id} and state = 'delivered'`.execute(portal.database.kysely)).rows,
  ).toHaveLength(1)
  expect((await portal.askAs(1002, 'pending_proposals')).response.pending_proposals).toEqual([])
})

it('tells what failed lately, and what is overdue', async () => {
  const [piece, other] = await portal.addPieces(2)
  const { id } = await propose(1002, piece!.cid, portal.node.epochNow() + 100)
  await sql`update deal set state = 'failed', reason = 'never published' where id = ${id}`.execute(portal.database.kysely)
  const taken = await portal.askAs(1002, `request_piece/${other!.cid}`)
  await sql`update deal set due_at = clock_timestamp() - interval '1 minute' where id = ${taken.response.deal_proposal_id}`.execute(
    portal.database.kysely,
  )
  expect((await portal.askAs(1002, 'pending_proposals')).response.recent_failures).toMatchObject([
    { deal_proposal_id: id, piece_cid: piece!.cid, error: 'never published', tenant_id: 1 },
  ])
  expect((await portal.askAs(1002, 'status')).response).toMatchObject({
    provider: 'f01002',
    organisation: 'Organisation 1002',
    sector_size: 32 * 2 ** 30,
    eligible_for_mining: true,
    in_flight_bytes: 2 ** 20,
    deals: { reserved: { deals: 1, padded_bytes: 2 ** 20 }, failed: { deals: 1 } },
    overdue: [{ deal_proposal_id: taken.response.deal_proposal_id, piece_cid: other!.cid, state: 'reserved' }],
  })
})

it('shows everybody who takes pieces, by which rules, and what each holds', async () => {
  const { json } = await portal.server.call('/storage-providers')
  expect(json.value).toMatchObject({
    network: 'test-network',
    isDevnet: false,
    portalUrl: `http://localhost:${portal.server.port}/sp`,
    rules: { replicas: 3, perOrganisation: 1, mustMine: true },
    offered: { pieces: 5 },
    providers: [{ provider: 'f01001' }, { provider: 'f01002', overdue: 1 }],
  })
  const { json: one } = await portal.server.call('/storage-providers/f01002')
  expect(one.value.deals).toMatchObject([
    { state: 'reserved', isOverdue: true },
    { state: 'failed', isOverdue: false, dueAt: null },
  ])
  expect((await portal.server.call('/storage-providers/f09')).status).toBe(404)
  expect((await portal.server.call('/storage-providers/nobody')).status).toBe(400)
})
