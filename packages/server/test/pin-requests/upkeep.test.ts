import { createHash, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pinRequestJobs } from '../../src/pin-requests/jobs.ts'
import { seenBlocks } from '../../src/pin-requests/seen-blocks.ts'
import type { TestServer } from '../accounts/server.ts'
import { startServer } from '../accounts/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer({ DELETE_GRACE_HOURS: '0' })
})
afterAll(() => server?.[Symbol.asyncDispose]())

const rawCid = (bytes: Uint8Array) => CID.createV1(0x55, Digest.create(0x12, createHash('sha256').update(bytes).digest()))
const call = async (key: string, method: string, path: string, body?: string) => {
  const response = await fetch(`${server.api}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
    ...(body && { body }),
  })
  const text = await response.text()
  return text === '' ? undefined : JSON.parse(text)
}
const rows = async <T>(query: ReturnType<typeof sql<T>>) => (await query.execute(server.service.database.kysely)).rows
const jobs = () => pinRequestJobs(server.service)

describe('jobs of pin requests', () => {
  it('pin by the clock what somebody uploaded meanwhile', async () => {
    const [{ key }, other] = [await server.createUser('clock@example.com'), await server.createUser('other@example.com')]
    const text = `meanwhile ${randomBytes(8).toString('hex')}`
    const { requestid } = await call(key, 'POST', '/pins', JSON.stringify({ cid: rawCid(Buffer.from(text)).toString() }))
    await call(other.key, 'POST', '/upload', text)
    await jobs()['settle-pin-requests']({}, undefined)
    expect(await rows(sql`select status from pin_request where id = ${requestid}`)).toEqual([{ status: 'pinned' }])
  })

  it('end all requests of an account that is gone, and forget deleted ones nobody needs', async () => {
    const { key, user } = await server.createUser('gone@example.com')
    for (let n = 0; n < 3; n++) await call(key, 'POST', '/pins', JSON.stringify({ cid: rawCid(randomBytes(8)).toString() }))
    const count = async () =>
      (
        await rows(sql<{ live: number; all: number }>`
        select count(*) as all, count(*) filter (where deleted_at is null) as live from pin_request where user_id = ${user.userId}`)
      )[0]
    expect(await count()).toEqual({ all: 3, live: 3 })
    await jobs()['delete-pin-requests']({ userId: user.userId }, undefined)
    expect(await count()).toEqual({ all: 3, live: 0 })
    await sql`update pin_request set content_id = null, deleted_at = now() - interval '1 minute' where user_id = ${user.userId}`.execute(
      server.service.database.kysely,
    )
    await jobs()['forget-pin-requests']({}, undefined)
    expect(await count()).toEqual({ all: 0, live: 0 })
  })
})

describe('what is said of a pin', () => {
  it('is not pinned any more when blocks of it are found lost: it is to be fetched again', async () => {
    const { key } = await server.createUser('lost@example.com')
    const { value } = await call(key, 'POST', '/upload', `lost ${randomBytes(8).toString('hex')}`)
    const { requestid, status } = await call(key, 'POST', '/pins', JSON.stringify({ cid: value.cid }))
    expect(status).toBe('pinned')
    await sql`update content set complete_at = null where cid = ${CID.parse(value.cid).bytes}`.execute(
      server.service.database.kysely,
    )
    expect((await call(key, 'GET', `/pins/${requestid}`)).status).toBe('queued')
  })

  it('is failed for everybody when nobody holds the content and it could not be had', async () => {
    const { key } = await server.createUser('failed@example.com')
    const cid = rawCid(randomBytes(8)).toString()
    const { requestid } = await call(key, 'POST', '/pins', JSON.stringify({ cid }))
    expect((await call(key, 'GET', `/check/${cid}`)).value.pin.status).not.toBe('failed')
    await sql`update pin_request set status = 'failed', released_at = now() where id = ${requestid}`.execute(
      server.service.database.kysely,
    )
    expect((await call(key, 'GET', `/check/${cid}`)).value.pin.status).toBe('failed')
  })
})

describe('the blocks seen', () => {
  it('are told apart however many they are, short hashes of different functions too', () => {
    const seen = seenBlocks()
    const cids = Array.from({ length: 20_000 }, (_, n) => rawCid(Buffer.from(`${n}`)))
    expect(cids.every((cid) => seen.add(cid))).toBe(true)
    expect(cids.some((cid) => seen.add(cid))).toBe(false)
    const short = [0x22, 0x23].map((code) => CID.createV1(0x55, Digest.create(code, Buffer.alloc(8, 7))))
    expect(short.map((cid) => seen.add(cid))).toEqual([true, true])
    expect(seen.count).toBe(20_002)
  })

  it('are other ones where the same bytes are a node', () => {
    const seen = seenBlocks()
    const asRaw = rawCid(Buffer.from('a node'))
    const nodes = [0x70, 0x71].map((codec) => CID.createV1(codec, asRaw.multihash))
    expect([asRaw, ...nodes, asRaw, ...nodes].map((cid) => seen.add(cid))).toEqual([true, true, true, false, false, false])
  })
})
