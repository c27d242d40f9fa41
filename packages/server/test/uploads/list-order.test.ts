import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startServer, type TestServer } from '../accounts/server.ts'

let server: TestServer
let key: string
let userId: number
beforeAll(async () => {
  server = await startServer()
  const made = await server.createUser('sorter@example.com')
  key = made.key
  userId = made.user.userId
})
afterAll(() => server?.[Symbol.asyncDispose]())

const authorized = () => ({ authorization: `Bearer ${key}` })

interface Entered {
  name: string
  sizeBytes?: number | null
  at?: string
}

let entered = 0

/** Enters uploads as rows: what is under test is how they are read. */
async function enter(uploads: readonly Entered[], owner = userId): Promise<void> {
  for (const { name, sizeBytes = 1, at = '2026-01-01T00:00:00Z' } of uploads) {
    const cid = `cid-${++entered}`
    await sql`
      with content as (insert into content (cid, dag_bytes) values (${Buffer.from(cid)}, ${sizeBytes}) returning id)
      insert into upload (user_id, content_id, source_cid, type, name, scope, created_at)
      select ${owner}, id, ${cid}, 'Blob', ${name}, 's', ${at} from content`.execute(server.service.database.kysely)
  }
}

async function page(query: string, secret = key) {
  const { status, headers, json } = await server.call(`/?${query}`, { headers: { authorization: `Bearer ${secret}` } })
  if (status !== 200) throw new Error(json.error.message)
  const next = /\?([^>]*)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
  return { names: json.value.map(({ name }: { name: string }) => name) as string[], next }
}

async function walk(query: string, between: (pages: number) => Promise<void> = async () => {}): Promise<string[]> {
  const all: string[] = []
  let pages = 0
  for (let next: string | undefined = query; next !== undefined; ) {
    const read: Awaited<ReturnType<typeof page>> = await page(next)
    all.push(...read.names)
    next = read.next
    await between(++pages)
  }
  return all
}

describe('the order of a list', () => {
  const names = ['Night 10.png', 'night 2.png', 'Night 1.png', 'Äpfel', 'night 02.png', '2', '10', '', '007', 'x'.repeat(1024)]

  beforeAll(async () => {
    await enter(
      names.map((name, n) => ({ name, sizeBytes: n === 3 ? null : (n * 7) % 10, at: `2026-01-0${(n % 3) + 1}T00:00:00Z` })),
    )
  })

  it('is by name as people count, in any case', async () => {
    expect(await walk('sort=name&limit=3')).toEqual([
      '',
      '2',
      '007',
      '10',
      'Night 1.png',
      'night 2.png',
      'night 02.png',
      'Night 10.png',
      'x'.repeat(1024),
      'Äpfel',
    ])
  })

  it('is by size, with what is not known as nothing, and back', async () => {
    const largest = await walk('sort=largest&limit=4')
    expect(largest).toHaveLength(names.length)
    const sizes = largest.map(sizeOf)
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
    expect(await walk('sort=smallest&limit=4')).toEqual(largest.toReversed())
  })

  it('is by time, and back, also among equals', async () => {
    const newest = await walk('limit=3')
    expect(newest).toHaveLength(names.length)
    expect(await walk('sort=newest&limit=4')).toEqual(newest)
    expect(await walk('sort=oldest&limit=3')).toEqual(newest.toReversed())
  })

  const sizeOf = (name: string) => {
    const n = names.indexOf(name)
    return n === 3 ? 0 : (n * 7) % 10
  }

  it.each(['newest', 'oldest', 'name', 'largest', 'smallest'])(
    'by %s shows each entry once while others arrive and leave',
    async (order) => {
      const other = await server.createUser(`walker-${order}@example.com`)
      await enter(
        Array.from({ length: 60 }, (_, n) => ({
          name: `old ${n}`,
          sizeBytes: n,
          at: new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString(),
        })),
        other.user.userId,
      )
      key = other.key
      const seen = await walk(`sort=${order}&limit=7`, async (pages) => {
        await enter(
          [
            { name: `new ${pages} a`, sizeBytes: 0, at: '2020-01-01T00:00:00Z' },
            { name: `zew ${pages} b`, sizeBytes: 10_000, at: new Date().toISOString() },
            { name: `old 30 ${pages}`, sizeBytes: 30, at: '2026-01-01T00:30:00Z' },
          ].slice(0, pages < 12 ? 3 : 0),
          other.user.userId,
        )
      })
      const old = seen.filter((name) => /^old \d+$/.test(name))
      expect(new Set(old).size).toBe(60)
      expect(old).toHaveLength(60)
      expect(new Set(seen).size).toBe(seen.length)
    },
  )

  it('refuses an order that is none, and a cursor of another', async () => {
    await expect(page('sort=colour')).rejects.toThrow('expected sort to be one of newest, oldest, name, largest, smallest')
    const { next } = await page('sort=name&limit=1')
    await expect(page(next!.replace('sort=name', 'sort=largest'))).rejects.toThrow('cursor is of a list sorted by "name"')
    await expect(page('sort=newest&cursor=newest.eA.1')).rejects.toThrow('cursor is not one of ours')
  })
})

describe('many uploads at once', () => {
  const post = (path: string, cids: string[], secret = key) =>
    server.call(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ cids }),
    })

  it('are deleted together, and brought back as they were', async () => {
    const { key: mine } = await server.createUser('many@example.com')
    key = mine
    const cids = await Promise.all(
      ['one', 'two', 'three'].map(async (text) => {
        const { json } = await server.call('/upload', { method: 'POST', headers: authorized(), body: `many ${text}` })
        return json.value.cid as string
      }),
    )
    const unknown = 'bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'
    const deleted = await post('/uploads/delete', [...cids.slice(0, 2), unknown])
    expect(deleted.json.value.cids.toSorted()).toEqual(cids.slice(0, 2).toSorted())
    expect((await page('')).names).toHaveLength(1)
    const other = await server.createUser('other@example.com')
    expect((await post('/uploads/restore', cids, other.key)).json.value.cids).toEqual([])
    const restored = await post('/uploads/restore', cids)
    expect(restored.json.value.cids.toSorted()).toEqual(cids.slice(0, 2).toSorted())
    expect((await page('')).names).toHaveLength(3)
    expect((await post('/uploads/restore', cids)).json.value.cids).toEqual([])
  })

  it('are not brought back over the limit of the account', async () => {
    const { key: mine, user } = await server.createUser('full@example.com')
    key = mine
    const { json } = await server.call('/upload', { method: 'POST', headers: authorized(), body: 'x'.repeat(5000) })
    await post('/uploads/delete', [json.value.cid])
    await sql`update "user" set storage_limit_bytes = 4000 where id = ${user.userId}`.execute(server.service.database.kysely)
    const refused = await post('/uploads/restore', [json.value.cid])
    expect(refused.status).toBe(413)
    expect((await page('')).names).toEqual([])
  })

  it.each([
    ['no list', '{}'],
    ['a number', '{"cids":[1]}'],
    ['what is no CID', '{"cids":["nonsense"]}'],
    [
      'too many',
      JSON.stringify({ cids: Array.from({ length: 1001 }, () => 'bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve') }),
    ],
    ['no JSON', 'cids'],
  ])('are refused as %s', async (_what, body) => {
    for (const path of ['/uploads/delete', '/uploads/restore']) {
      const headers = { ...authorized(), 'content-type': 'application/json' }
      expect((await server.call(path, { method: 'POST', headers, body })).status).toBe(400)
    }
  })
})
