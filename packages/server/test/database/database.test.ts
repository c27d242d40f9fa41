import { once } from 'node:events'
import { createServer } from 'node:net'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../src/database/database.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

let made: TestDatabase

beforeAll(async () => {
  made = await createTestDatabase()
})

afterAll(() => made?.drop())

async function valueOfSql(expression: string): Promise<unknown> {
  const { rows } = await made.database.pool.query<{ value: unknown }>(`SELECT ${expression} AS value`)
  return rows[0]!.value
}

test('gives int8 as a number up to 2^53 - 1 and refuses beyond', async () => {
  expect(await valueOfSql('9007199254740991::int8')).toBe(9007199254740991)
  expect(await valueOfSql('(-9007199254740991)::int8')).toBe(-9007199254740991)
  expect(await valueOfSql('count(*)')).toBe(1)
  await expect(valueOfSql('9007199254740992::int8')).rejects.toThrow(/9007199254740992.*cannot represent/)
  expect(await valueOfSql(`'{1,NULL,3}'::int8[]`)).toEqual([1, null, 3])
  await expect(valueOfSql(`'{1,9007199254740993}'::int8[]`)).rejects.toThrow(RangeError)
})

test('gives an instant as a Date, bytes as a Buffer and JSON as its value', async () => {
  expect(await valueOfSql(`'2024-06-30 12:00:00.123+02'::timestamptz`)).toEqual(new Date('2024-06-30T10:00:00.123Z'))
  expect(await valueOfSql(`'\\x00ff'::bytea`)).toEqual(Buffer.from([0, 255]))
  expect(await valueOfSql(`'{"a":[1]}'::jsonb`)).toEqual({ a: [1] })
})

test('runs typed queries through the same parsers', async () => {
  const { rows } = await sql<{ n: number }>`SELECT ${7}::int8 AS n`.execute(made.database.kysely)
  expect(rows).toEqual([{ n: 7 }])
})

test('survives connections that break, in the pool and while held between two queries', async () => {
  const warnings: string[] = []
  const logger = { info() {}, warn: (_: object, message: string) => void warnings.push(message), error() {} }
  const database = await openDatabase({ url: made.url, logger, maxConnections: 2 })
  const [held, other] = await Promise.all([database.pool.connect(), database.pool.connect()])
  await held.query('BEGIN')
  other.release()
  const broken = Promise.all([held, other].map((client) => new Promise<void>((done) => client.on('end', done))))
  await made.database.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  )
  await broken
  held.release(true)
  expect((await database.pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  expect(new Set(warnings)).toEqual(new Set(['a connection to PostgreSQL broke']))
  await database.close()
})

test('has no session left when closing has finished, whether or not a typed query ran', async () => {
  for (const typed of [true, false]) {
    const database = await openDatabase({ url: made.url })
    if (typed) await sql`SELECT 1`.execute(database.kysely)
    const { rows } = await database.pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await database.close()
    const left = await made.database.pool.query('SELECT FROM pg_stat_activity WHERE pid = $1', [rows[0]!.pid])
    expect(left.rowCount).toBe(0)
  }
})

test('says which server refused and why, without the password', async () => {
  const url = new URL(made.url)
  url.pathname = '/no_such_database'
  await expect(openDatabase({ url: url.href })).rejects.toThrow(
    /^PostgreSQL at .*\/no_such_database cannot be used: .*does not exist$/,
  )
  const wrong = new URL(made.url)
  wrong.password = 'wrong-secret'
  const error = await openDatabase({ url: wrong.href }).catch((reason: Error) => reason)
  if (error instanceof Error) expect(error.message).not.toContain('wrong-secret')
})

test('waits for a server that is not there yet, but not for ever', async () => {
  const blocked = createServer().listen(0, '127.0.0.1')
  await once(blocked, 'listening')
  const { port } = blocked.address() as { port: number }
  blocked.close()
  const begin = Date.now()
  await expect(openDatabase({ url: `postgres://a:b@127.0.0.1:${port}/x`, waitTimeoutMs: 600 })).rejects.toThrow(/ECONNREFUSED/)
  expect(Date.now() - begin).toBeGreaterThanOrEqual(600)
})
