import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { migrate } from '../../src/database/migrate.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

let made: TestDatabase
let pool: Pool
let directory: string

beforeAll(async () => {
  made = await createTestDatabase()
})

afterAll(() => made?.drop())

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keepsake-migrations-'))
  // Each test begins in an empty schema, where nothing was migrated.
  await made.database.pool.query('DROP SCHEMA IF EXISTS fresh CASCADE; CREATE SCHEMA fresh')
  pool = openPool()
})

afterEach(async () => {
  await pool.end()
  await rm(directory, { recursive: true, force: true })
})

function openPool(): Pool {
  return new Pool({ connectionString: made.url, options: '-c search_path=fresh', max: 2 })
}

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, sql] of Object.entries(files)) await writeFile(join(directory, name), sql)
}

async function rowsOf<Row>(sql: string): Promise<Row[]> {
  return (await pool.query(sql)).rows as Row[]
}

test('applies files in the order of their numbers and records each with its hash', async () => {
  await write({
    '000002-second.sql': `INSERT INTO thing VALUES (2); UPDATE thing SET n = n * 10;`,
    '000001-first.sql': `CREATE TABLE thing (n int); INSERT INTO thing VALUES (1);`,
    'README.md': 'not a migration',
  })
  await migrate(pool, { directory })
  expect(await rowsOf('SELECT n FROM thing ORDER BY n')).toEqual([{ n: 10 }, { n: 20 }])
  expect(
    await rowsOf('SELECT number, name, length(sha256) AS length, applied <= now() AS past FROM migration ORDER BY number'),
  ).toEqual([
    { number: 1, name: '000001-first.sql', length: 64, past: true },
    { number: 2, name: '000002-second.sql', length: 64, past: true },
  ])
})

test('applies only what is new when called again', async () => {
  await write({ '000001-first.sql': 'CREATE TABLE thing (n int)' })
  await migrate(pool, { directory })
  await write({ '000002-second.sql': 'INSERT INTO thing VALUES (1)' })
  const applied: object[] = []
  const logger = { info: (fields: object) => void applied.push(fields), warn() {}, error() {} }
  await migrate(pool, { directory, logger })
  await migrate(pool, { directory, logger })
  expect(await rowsOf('SELECT n FROM thing')).toEqual([{ n: 1 }])
  expect(applied).toEqual([{ migration: '000002-second.sql' }])
})

test('applies each file once when five instances start at the same moment', async () => {
  await write({
    '000001-first.sql': 'CREATE TABLE thing (n int); SELECT pg_sleep(0.05)',
    '000002-second.sql': 'INSERT INTO thing VALUES (1)',
    '000003-third.sql': 'INSERT INTO thing VALUES (2)',
  })
  const pools = Array.from({ length: 5 }, openPool)
  await Promise.all(pools.map((each) => migrate(each, { directory })))
  await Promise.all(pools.map((each) => each.end()))
  expect(await rowsOf('SELECT n FROM thing ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
  expect(await rowsOf('SELECT count(*)::int AS count FROM migration')).toEqual([{ count: 3 }])
})

test('keeps what came before a migration that fails, nothing of it, and names it', async () => {
  await write({
    '000001-first.sql': 'CREATE TABLE thing (n int)',
    '000002-broken.sql': 'INSERT INTO thing VALUES (1); SELECT nonsense',
  })
  await expect(migrate(pool, { directory })).rejects.toThrow(
    'Migration 000002-broken.sql failed: column "nonsense" does not exist',
  )
  expect(await rowsOf('SELECT n FROM thing')).toEqual([])
  expect(await rowsOf('SELECT number FROM migration')).toEqual([{ number: 1 }])
  await write({ '000002-broken.sql': 'INSERT INTO thing VALUES (3)' })
  await migrate(pool, { directory })
  expect(await rowsOf('SELECT n FROM thing')).toEqual([{ n: 3 }])
})

test('refuses to go on when an applied file was changed or renamed by number', async () => {
  await write({ '000001-first.sql': 'CREATE TABLE thing (n int)', '000002-second.sql': 'SELECT 1' })
  await migrate(pool, { directory })
  await write({ '000001-first.sql': 'CREATE TABLE thing (n bigint)', '000003-third.sql': 'CREATE TABLE never (n int)' })
  await expect(migrate(pool, { directory })).rejects.toThrow(/000001-first.sql is not what was applied/)
  expect(await rowsOf(`SELECT to_regclass('never') AS found`)).toEqual([{ found: null }])
})

test('takes other line ends for the same file', async () => {
  await write({ '000001-first.sql': 'CREATE TABLE thing (\n  n int\n);\n' })
  await migrate(pool, { directory })
  await write({ '000001-first.sql': 'CREATE TABLE thing (\r\n  n int\r\n);\r\n' })
  await expect(migrate(pool, { directory })).resolves.toBeUndefined()
})

test('refuses a database that is newer than the code', async () => {
  await write({ '000001-first.sql': 'SELECT 1', '000002-second.sql': 'SELECT 2' })
  await migrate(pool, { directory })
  await rm(join(directory, '000002-second.sql'))
  await expect(migrate(pool, { directory })).rejects.toThrow(
    /newer than this Keepsake: it has migration 000002-second.sql, and this version ends with 000001-first.sql/,
  )
})

test('refuses a folder with a number missing, double or malformed', async () => {
  await write({ '000001-first.sql': 'SELECT 1', '000003-third.sql': 'SELECT 3' })
  await expect(migrate(pool, { directory })).rejects.toThrow(/000003-third.sql should be number 000002/)
  await rename(join(directory, '000003-third.sql'), join(directory, '000001-other.sql'))
  await expect(migrate(pool, { directory })).rejects.toThrow(/should be number 000002/)
  await rename(join(directory, '000001-other.sql'), join(directory, '2-second.sql'))
  await expect(migrate(pool, { directory })).rejects.toThrow(/2-second.sql should be number 000002/)
})
