import { createHash } from 'node:crypto'
import { pathToDag, resolveSelector } from '@keepsake/content/aggregate/unixfs-2021/find-entry.ts'
import { decodeCar } from '@keepsake/content/car/decode.ts'
import { resolvePath } from '@keepsake/content/dag/resolve.ts'
import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkContent } from '../../src/uploads/uploads.ts'
import type { Keeper } from './keeper.ts'
import { carOf, openKeeper, packAll } from './keeper.ts'
import { bytesOf, fileBlocks } from './keeper-bytes.ts'

let keeper: Keeper
beforeAll(async () => {
  keeper = await openKeeper()
})
afterAll(() => keeper?.close())

describe('packing', () => {
  it('puts what was uploaded into a validated aggregate, where paths and selectors lead to it', async () => {
    const files = await Promise.all(['one', 'two', 'three'].map((text) => keeper.storeFile(text)))
    const large = await keeper.storeFile(bytesOf('large', 600_000))
    const [row] = await packAll(keeper)
    expect(row).toMatchObject({ state: 'built', items: 4, reason: null, closedBecause: 'waited' })
    const root = CID.decode(row!.root!)
    const { rows } = await sql<{ cid: Uint8Array; links: number[] }>`
      select cid, path_indexes as links from aggregate_entry where aggregate_id = ${row!.id}`.execute(keeper.database.kysely)
    for (const { cid } of [...files, large]) {
      // The directory is a shard like any other, so the gateway's own reader finds it.
      expect((await resolvePath(keeper.blocks, root, pathToDag(cid).split('/'))).cid.equals(cid)).toBe(true)
      const links = rows.find((entry) => CID.decode(entry.cid).equals(cid))!.links
      const selector = links.map((index) => `Links/${index}/Hash`).join('/')
      expect((await resolveSelector(keeper.blocks, root, selector)).equals(cid)).toBe(true)
    }
  })

  it('serves one CAR of it with the directory as its root and each block once', async () => {
    const [row] = await keeper.rows()
    const bytes = await keeper.bytesOf(row!)
    expect(bytes.length).toBe(row!.sizeBytes)
    await using car = await decodeCar(
      (async function* () {
        yield bytes
      })(),
    )
    expect(car.roots.map(String)).toEqual([CID.decode(row!.root!).toString()])
    const seen = new Set<string>()
    for await (const { cid, bytes: block } of car.blocks) {
      expect(createHash('sha256').update(block).digest().equals(cid.multihash.digest)).toBe(true)
      expect(seen.has(cid.toString())).toBe(false)
      seen.add(cid.toString())
    }
  })

  it('tells of a deal only once the aggregate has been validated', async () => {
    const { cid } = await keeper.storeFile('about deals')
    const deals = async () => (await checkContent(keeper, cid.toString())).deals
    await keeper.plan()
    const [row] = await keeper.rows(sql`state = 'building'`)
    expect(await deals()).toEqual([])
    await keeper.build(row!.id)
    expect(await deals()).toEqual([])
    await keeper.validate(row!.id)
    const [built] = await keeper.rows(sql`id = ${row!.id}`)
    expect(await deals()).toEqual([
      {
        status: 'queued',
        lastChanged: expect.stringMatching(/^20\d\d-/),
        pieceCid: pieceCidV1({ root: built!.pieceRoot! }).toString(),
        batchRootCid: CID.decode(built!.root!).toString(),
        datamodelSelector: 'Links/1/Hash/Links/0/Hash/Links/0/Hash',
      },
    ])
  })

  it('waits for the settle time, and then until it is full or forced', async () => {
    const { cid } = await keeper.storeFile('in no hurry')
    await keeper.plan({ settleMs: 60_000 })
    expect(await keeper.packingOf(cid)).toBe('waiting')
    await keeper.plan({ forceMs: 60_000 })
    expect(await keeper.packingOf(cid)).toBe('taken')
    const collecting = await keeper.rows(sql`state = 'collecting'`)
    expect(collecting).toMatchObject([{ items: 1 }])
    // 700,000 bytes do not fit beside it, so what there is is full.
    await keeper.storeFile(bytesOf('next to it', 400_000))
    await keeper.storeFile(bytesOf('too much', 700_000))
    await keeper.plan({ forceMs: 60_000 })
    expect(await keeper.rows(sql`state = 'building'`)).toMatchObject([{ closedBecause: 'full' }])
    await packAll(keeper)
    expect((await keeper.rows()).every(({ state }) => state === 'built')).toBe(true)
  })

  it('packs a file of 0 bytes', async () => {
    const root = CID.parse('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
    await keeper.storeCar(carOf(root, [{ cid: root, bytes: new Uint8Array() }]))
    await packAll(keeper)
    expect((await checkContent(keeper, root.toString())).deals).toHaveLength(1)
  })

  it('keeps blocks once that two DAGs share', async () => {
    const shared = bytesOf('shared', 262_144)
    const a = await fileBlocks(Buffer.concat([shared, bytesOf('a', 1000)]))
    const b = await fileBlocks(Buffer.concat([shared, bytesOf('b', 1000)]))
    await keeper.storeCar(carOf(a.root, a.blocks))
    await keeper.storeCar(carOf(b.root, b.blocks))
    await packAll(keeper)
    const row = (await keeper.rows()).at(-1)!
    expect(row).toMatchObject({ state: 'built', items: 2 })
    expect(row.sizeBytes).toBeLessThan(2 * 262_144)
  })

  it('splits a DAG that is larger than a piece, and all of it can be got back from its parts', async () => {
    const large = await fileBlocks(bytesOf('larger than one', 3_000_000))
    const { cid } = await keeper.storeCar(carOf(large.root, large.blocks))
    await packAll(keeper)
    const { rows: parts } = await sql<{ id: number; sizeBytes: number; state: string; parts: number }>`
      select a.id, a.size_bytes as "sizeBytes", a.state, e.parts from aggregate_entry e join aggregate a on a.id = e.aggregate_id
      where e.cid = ${cid.bytes} order by e.part`.execute(keeper.database.kysely)
    expect(parts.length).toBeGreaterThan(3)
    expect(parts.every(({ state, parts: of }) => state === 'built' && of === parts.length)).toBe(true)
    const got = new Map<string, Uint8Array>()
    for (const part of parts) {
      expect(part.sizeBytes).toBeLessThanOrEqual(1_000_000)
      await using car = await decodeCar(
        (async function* () {
          yield await keeper.bytesOf(part)
        })(),
      )
      for await (const { cid: block, bytes } of car.blocks) got.set(block.toString(), bytes)
      // Each part begins with the way from the root.
      expect(got.has(cid.toString())).toBe(true)
    }
    for (const { cid: block, bytes } of large.blocks) expect(Buffer.compare(got.get(block.toString())!, bytes)).toBe(0)
    expect((await checkContent(keeper, cid.toString())).deals).toHaveLength(parts.length)
  })

  it('goes with its last content, unless a storage provider was promised it', async () => {
    const rows = []
    for (const text of ['promised', 'not promised']) {
      await keeper.storeFile(text)
      rows.push((await packAll(keeper)).at(-1)!)
    }
    const [promised, other] = rows.map(({ id }) => id)
    await sql`with p as (insert into provider (network, actor_id, organisation, city, country, continent)
        values ('here', 1000, 'o', 'c', 'CH', 'EU') returning id)
      insert into deal (aggregate_id, provider_id, state) select ${promised}::bigint, id, 'expired' from p`.execute(
      keeper.database.kysely,
    )
    await sql`update aggregate_entry set content_id = null where aggregate_id in (${promised}, ${other})`.execute(
      keeper.database.kysely,
    )
    await keeper.plan()
    expect((await keeper.rows(sql`id in (${promised}, ${other})`)).map(({ id }) => id)).toEqual([promised])
  })

  it('gives the same bytes when it is built again', async () => {
    const [row] = await keeper.rows()
    const before = await keeper.bytesOf(row!)
    await sql`update aggregate set state = 'building' where id = ${row!.id}`.execute(keeper.database.kysely)
    await keeper.build(row!.id)
    await keeper.validate(row!.id)
    const [after] = await keeper.rows(sql`id = ${row!.id}`)
    expect(after).toMatchObject({ state: 'built', reason: null })
    expect((await keeper.bytesOf(after!)).equals(before)).toBe(true)
  })
})
