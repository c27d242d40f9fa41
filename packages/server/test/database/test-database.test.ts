import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

let one: TestDatabase
let other: TestDatabase

beforeAll(async () => {
  ;[one, other] = await Promise.all([createTestDatabase(), createTestDatabase()])
})

afterAll(async () => {
  await Promise.all([one?.drop(), other?.drop()])
})

test('a test database has every migration', async () => {
  const { rows } = await one.database.pool.query<{ number: number }>('SELECT number FROM migration ORDER BY number')
  expect(rows[0]).toEqual({ number: 1 })
})

test('what one test file writes another does not see', async () => {
  await one.database.pool.query('CREATE TABLE only_here (id int)')
  const { rows } = await other.database.pool.query(`SELECT to_regclass('only_here') AS found`)
  expect(rows).toEqual([{ found: null }])
})

test('a dropped test database is gone even with somebody connected', async () => {
  const third = await createTestDatabase()
  const stranger = new Client({ connectionString: third.url })
  await stranger.connect()
  const cutOff = new Promise((done) => stranger.on('error', done))
  const name = new URL(third.url).pathname.slice(1)
  await third.drop()
  await cutOff
  const { rowCount } = await one.database.pool.query('SELECT FROM pg_database WHERE datname = $1', [name])
  expect(rowCount).toBe(0)
})
