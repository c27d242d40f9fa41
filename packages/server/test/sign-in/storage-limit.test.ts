import { CarWriter } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { promoteUser } from '../../src/accounts/admin.ts'
import { requireWithinLimits } from '../../src/accounts/storage-limit.ts'
import type { Db } from '../../src/database/database.ts'
import type { Browser, Site } from './site.ts'
import { startSite } from './site.ts'

let site: Site
let admin: Browser
beforeAll(async () => {
  site = await startSite()
  admin = await site.signedIn('admin@example.com')
  await promoteUser(site.service, 'admin@example.com')
})
afterAll(() => site[Symbol.asyncDispose]())

async function limited(email: string, limitBytes: number | null) {
  const browser = await site.signedIn(email)
  const { id } = (await browser.get('/account/me')).json.value
  await admin.call('PATCH', `/account/admin/users/${id}`, { body: { storageLimitBytes: limitBytes } })
  return { browser, id }
}

const upload = (browser: Browser, raw: string, type = 'text/plain') =>
  browser.call('POST', '/api/upload', { raw, headers: { 'content-type': type } })
const used = async (browser: Browser): Promise<number> => (await browser.get('/account/me')).json.value.storage.usedBytes
/** Text nobody else uploads. */
const text = (length: number) => `${crypto.randomUUID()}${'x'.repeat(length)}`.slice(0, length)

/** What the tally should be. */
async function counted(id: number): Promise<number> {
  const { rows } = await site.service.database.pool.query(
    'select coalesce(sum(coalesce(dag_bytes, received_bytes)), 0)::int as bytes from upload join content on content.id = content_id where user_id = $1 and deleted_at is null',
    [id],
  )
  return rows[0].bytes
}

describe('a storage limit', () => {
  it('is what an account may keep and not a byte more', async () => {
    const { browser } = await limited('exact@example.com', 1000)
    expect((await upload(browser, text(600))).status).toBe(200)
    const over = await upload(browser, text(401))
    expect([over.status, over.json.error.code]).toEqual([413, 'ERROR_STORAGE_LIMIT'])
    expect(over.json.error.message).toContain('1000 bytes')
    expect(await used(browser)).toBe(600)
    expect((await upload(browser, text(400))).status).toBe(200)
    expect(await used(browser)).toBe(1000)
  })

  it('leaves nothing of a refused upload that anybody can see', async () => {
    const { browser } = await limited('trace@example.com', 100)
    const before = await site.service.database.pool.query(
      'select (select count(*) from upload) u, (select count(*) from content) c, (select count(*) from shard) s',
    )
    expect((await upload(browser, text(101))).status).toBe(413)
    const after = await site.service.database.pool.query(
      'select (select count(*) from upload) u, (select count(*) from content) c, (select count(*) from shard) s',
    )
    expect(after.rows).toEqual(before.rows)
  })

  it('gives room again for what is deleted, and counts what is stored twice once', async () => {
    const { browser } = await limited('room@example.com', 1000)
    const same = text(900)
    const { cid } = (await upload(browser, same)).json.value
    expect((await upload(browser, same)).status).toBe(200)
    expect(await used(browser)).toBe(900)
    expect((await upload(browser, text(900))).status).toBe(413)
    await browser.call('DELETE', `/api/${cid}`)
    expect(await used(browser)).toBe(0)
    expect((await upload(browser, text(900))).status).toBe(200)
    expect((await upload(browser, same)).status).toBe(413)
  })

  it('holds against many uploads at the same moment', async () => {
    const { browser, id } = await limited('race@example.com', 1000)
    const answers = await Promise.all(Array.from({ length: 20 }, () => upload(browser, text(300))))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
    expect(answers.filter(({ json }) => json.error?.code === 'ERROR_STORAGE_LIMIT')).toHaveLength(17)
    expect([await used(browser), await counted(id)]).toEqual([900, 900])
  })

  it('measures uploads of one account one after another', async () => {
    const { browser, id } = await limited('serial@example.com', 1000)
    await upload(browser, text(400))
    const other = await site.signedIn('serial-source@example.com')
    for (let i = 0; i < 2; i++) await upload(other, text(400))
    const { kysely } = site.service.database
    const caller = { userId: id, storageLimitBytes: 1000 }
    const enter = async (db: Db, nth: number) => {
      await sql`
        insert into upload (user_id, content_id, source_cid, type, name, scope)
        select ${id}, content_id, source_cid, type, name, scope from upload
        where user_id <> ${id} order by id desc offset ${nth} limit 1`.execute(db.kysely)
      await requireWithinLimits(db, [caller])
    }
    const { promise: entered, resolve: tell } = Promise.withResolvers<void>()
    const { promise: mayCommit, resolve: commit } = Promise.withResolvers<void>()
    const first = kysely.transaction().execute(async (trx) => {
      await enter({ kysely: trx }, 0)
      tell()
      await mayCommit
    })
    await entered
    // It sees the first only once that is committed; measured before, both would fit.
    const second = kysely.transaction().execute(async (trx) => await enter({ kysely: trx }, 1))
    // Listened to from now on: it may be refused before the first has returned.
    const refused = expect(second).rejects.toMatchObject({ code: 'ERROR_STORAGE_LIMIT' })
    setTimeout(commit, 200)
    await first
    await refused
    expect(await used(browser)).toBe(800)
  })

  it('is refused before the body is sent where it is announced', async () => {
    const { browser } = await limited('announced@example.com', 1000)
    const headers = { 'content-type': 'text/plain', 'content-length': '10000000' }
    const answer = await browser.call('POST', '/api/upload', { headers })
    expect(answer.json.error.code).toBe('ERROR_STORAGE_LIMIT')
  })

  it('counts what came of a CAR that never becomes complete', async () => {
    const { browser, id } = await limited('partial@example.com', 2500)
    const send = async () => {
      const missing = CID.createV1(0x55, await sha256.digest(crypto.getRandomValues(new Uint8Array(8))))
      const filler = crypto.getRandomValues(new Uint8Array(800))
      const present = CID.createV1(0x55, await sha256.digest(filler))
      const bytes = dagCbor.encode({ present, missing })
      const root = CID.createV1(dagCbor.code, await sha256.digest(bytes))
      const { writer, out } = CarWriter.create([root])
      void Promise.all([writer.put({ cid: root, bytes }), writer.put({ cid: present, bytes: filler })]).then(() => writer.close())
      const chunks: Uint8Array[] = []
      for await (const chunk of out) chunks.push(chunk)
      const response = await fetch(`${site.origin}/api/upload`, {
        method: 'POST',
        body: Buffer.concat(chunks),
        headers: {
          'content-type': 'application/car',
          cookie: `keepsake-session=${browser.cookies.get('keepsake-session')}`,
          'x-keepsake-csrf': '1',
          'sec-fetch-site': 'same-origin',
        },
      })
      return response.status
    }
    expect([await send(), await send(), await send()]).toEqual([200, 200, 413])
    expect(await used(browser)).toBeGreaterThan(1600)
    expect(await used(browser)).toBe(await counted(id))
  })

  it('can be taken away, and holds keys too', async () => {
    const { user, key } = await site.createUser('keyed@example.com')
    await admin.call('PATCH', `/account/admin/users/${user.userId}`, { body: { storageLimitBytes: 0 } })
    const send = () => site.call('/upload', { method: 'POST', body: 'x', headers: { authorization: `Bearer ${key}` } })
    expect((await send()).json.error.code).toBe('ERROR_STORAGE_LIMIT')
    const tags = await site.call('/user/tags', { headers: { authorization: `Bearer ${key}` } })
    expect(tags.json.value.StorageLimitBytes).toBe('0')
    const lifted = await admin.call('PATCH', `/account/admin/users/${user.userId}`, { body: { storageLimitBytes: null } })
    expect(lifted.json.value.user.storage.limitBytes).toBeNull()
    expect((await send()).status).toBe(200)
  })
})

describe('what an account keeps', () => {
  it('stays right while sizes become known and uploads come and go at the same time', async () => {
    const { browser, id } = await limited('tally@example.com', null)
    const cids: string[] = []
    for (let i = 0; i < 12; i++) cids.push((await upload(browser, text(100 + i))).json.value.cid)
    const { pool } = site.service.database
    const resize = async (n: number) =>
      await pool.query(
        'update content set dag_bytes = $1 where id in (select content_id from upload where user_id = $2 order by id offset $3 limit 1)',
        [n % 3 === 0 ? null : n * 10, id, n % 12],
      )
    const flip = async (n: number) =>
      await pool.query(
        'update upload set deleted_at = case when deleted_at is null then now() end where user_id = $1 and source_cid = $2',
        [id, cids[n % 12]],
      )
    await Promise.all(Array.from({ length: 120 }, (_, n) => (n % 2 ? resize(n) : flip(n / 2))))
    const { rows } = await pool.query('select coalesce(sum(bytes), 0)::int as bytes from storage_tally where user_id = $1', [id])
    expect(rows[0].bytes).toBe(await counted(id))
  })
})
