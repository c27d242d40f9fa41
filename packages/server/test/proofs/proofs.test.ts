import { Proof } from '@keepsake/api/proof.ts'
import { parseProof } from '@keepsake/content/proof/parse.ts'
import { verifyProof } from '@keepsake/content/proof/verify.ts'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Config } from '../../src/config.ts'
import { openProofs } from '../../src/proofs/proofs.ts'
import type { Keeper } from '../aggregates/keeper.ts'
import { carOf, damage, openKeeper, packAll } from '../aggregates/keeper.ts'
import { bytesOf, fileBlocks } from '../aggregates/keeper-bytes.ts'

const matches = new Ajv2020({ strict: false }).compile(Proof)
const empty = CID.parse('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')

function proofsOf(keeper: Keeper, profile: Config['AGGREGATE_PROFILE'] = 'trial') {
  return openProofs({ ...keeper, config: { AGGREGATE_PROFILE: profile, FILECOIN_RPC: 'devnet' } })
}

/** Makes the proof of a content as the API sends it, and checks it as somebody else would. */
async function prove(keeper: Keeper, cid: CID) {
  const text = JSON.stringify(await proofsOf(keeper).make(cid))
  const document = await parseProof(text)
  expect(matches(JSON.parse(text)), JSON.stringify(matches.errors)).toBe(true)
  const report = await verifyProof(document, { read: (block) => keeper.blocks.get(block) })
  const words = report.statements.map((statement) => `${statement.outcome}: ${statement.text}`).join('\n')
  return { text, document, outcome: report.outcome, words }
}

describe.each(['unixfs-2021', 'segments'] as const)('proofs of contents in an aggregate of layout %s', (layout) => {
  let keeper: Keeper
  beforeAll(async () => {
    keeper = await openKeeper()
  })
  afterAll(() => keeper?.close())

  it('are verified for small, large and empty files, and for a file that shares blocks with another', async () => {
    const shared = bytesOf('shared', 262_144)
    const twins = await Promise.all(['a', 'b'].map((end) => fileBlocks(Buffer.concat([shared, bytesOf(end, 1000)]))))
    const stored = [
      (await keeper.storeFile('one')).cid,
      (await keeper.storeFile(bytesOf('large', 900_000))).cid,
      (await keeper.storeCar(carOf(empty, [{ cid: empty, bytes: new Uint8Array() }]))).cid,
    ]
    for (const { root, blocks } of twins) stored.push((await keeper.storeCar(carOf(root, blocks))).cid)
    await packAll(keeper, { layout, targetBytes: 10_000_000 })
    for (const cid of stored) {
      const { text, document, outcome, words } = await prove(keeper, cid)
      expect(outcome, words).toBe('verified')
      expect(text.length).toBeLessThan(10_000)
      expect(document.places.map(({ aggregate }) => aggregate.layout)).toEqual([layout])
      expect(document.shard).toMatchObject({ cid: expect.stringMatching(/^bagbai/) })
    }
    expect((await prove(keeper, stored[0]!)).text).toBe((await prove(keeper, stored[0]!)).text)
  })

  it('are made of blocks that were stored with CIDs of version 0', async () => {
    const { root, blocks } = await fileBlocks(bytesOf('of old', 600_000))
    const spelled = blocks.map(({ cid, bytes }) => ({ cid: cid.code === 0x70 ? cid.toV0() : cid, bytes }))
    await keeper.storeCar(carOf(root.toV0(), spelled))
    await packAll(keeper, { layout })
    const { document, outcome, words } = await prove(keeper, root)
    expect(outcome, words).toBe('verified')
    expect(document.places[0]!.runs[0]!.cidV0).toEqual([[0, 1]])
  })

  it('of a DAG that is split over several pieces name each of them, and are verified over all', async () => {
    const { root, blocks } = await fileBlocks(bytesOf('larger than one', 2_500_000))
    await keeper.storeCar(carOf(root, blocks))
    await packAll(keeper, { layout, targetBytes: 1_000_000 })
    const { document, outcome, words } = await prove(keeper, root)
    expect(document.places.length).toBeGreaterThan(2)
    expect(document.places.map(({ part }) => part)).toEqual(
      document.places.map((_, index) => ({ index, of: document.places.length })),
    )
    expect(words).toContain('checked: Of a DAG that lies in several pieces, 11 blocks of 11 were shown.')
    expect(outcome, words).toBe('verified')
  })

  it('are refused, not made wrong, where the bytes of the aggregate were damaged since', async () => {
    const { cid, shard } = await keeper.storeFile(bytesOf('to be damaged', 500))
    await packAll(keeper, { layout })
    expect((await prove(keeper, cid)).outcome).toBe('verified')
    await damage(keeper, shard)
    await expect(proofsOf(keeper).make(cid)).rejects.toMatchObject({ code: 'ERROR_CONTENT_DAMAGED' })
    await damage(keeper, shard)
    expect((await prove(keeper, cid)).outcome).toBe('verified')
  })

  it('are there when the content was given up and the aggregate is kept', async () => {
    const { cid } = await keeper.storeFile('given up later')
    await packAll(keeper, { layout })
    await keeper.remove(cid)
    expect((await prove(keeper, cid)).outcome).toBe('verified')
  })
})

describe('without an aggregate', () => {
  let keeper: Keeper
  beforeAll(async () => {
    keeper = await openKeeper()
  })
  afterAll(() => keeper?.close())
  const refusal = (cid: CID) => proofsOf(keeper).make(cid)

  it('says why there is no proof yet', async () => {
    await expect(refusal(empty)).rejects.toMatchObject({ code: 'NOT_FOUND', message: `${empty} is not stored here.` })
    const { cid } = await keeper.storeFile('waiting')
    await expect(refusal(cid)).rejects.toThrow(`There is no proof of ${cid} yet: it waits to be packed with others.`)
    await expect(proofsOf(keeper, 'off').make(cid)).rejects.toThrow('this server does not pack contents for Filecoin')
    const { cid: given } = await keeper.storeFile('given up at once')
    await keeper.remove(given)
    await keeper.plan({ forceMs: 60_000 })
    await expect(refusal(given)).rejects.toThrow('nobody keeps it here any more')
    await expect(refusal(cid)).rejects.toThrow('it is in an aggregate that waits for more')
    await keeper.plan()
    await expect(refusal(cid)).rejects.toThrow('is being built')
    const [row] = await keeper.rows()
    await keeper.build(row!.id)
    await expect(refusal(cid)).rejects.toThrow('is being checked')
    await keeper.fail(row!.id, new Error('a disk is gone'))
    await expect(refusal(cid)).rejects.toThrow('could not be built yet')
    const { root, blocks } = await fileBlocks(bytesOf('half', 600_000))
    await keeper.storeCar(carOf(root, blocks.slice(1)))
    await expect(refusal(root)).rejects.toThrow('not all of its blocks are here')
  })

  it('says so where the kept tree is gone or of another piece', async () => {
    const { cid } = await keeper.storeFile('no tree')
    await packAll(keeper)
    await sql`update aggregate_tree set nodes = set_byte(nodes, 0, get_byte(nodes, 0) # 1)`.execute(keeper.database.kysely)
    await expect(refusal(cid)).rejects.toThrow('The tree over this aggregate is of another piece')
    await sql`delete from aggregate_tree`.execute(keeper.database.kysely)
    await expect(refusal(cid)).rejects.toMatchObject({ code: 'ERROR_CONTENT_DAMAGED' })
  })
})
