import { createHash, randomBytes } from 'node:crypto'
import { Client, Pool } from 'pg'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { migrate, readMigrations } from '../../src/database/migrate.ts'

/** A migrated database that only the calling test file sees. */
export interface TestDatabase {
  url: string
  database: Database
  /** Closes `database` and removes it; whatever else is connected is cut off. */
  drop(): Promise<void>
}

/** One at a time may make the template; the number is arbitrary. */
const templateLock = 20240630
const oldAfterMs = 24 * 60 * 60 * 1000

async function serverUrl(): Promise<string> {
  const given = process.env.TEST_DATABASE_URL
  if (given) return given
  const answer = await fetch(inject('postgresHost'))
  const text = await answer.text()
  if (!answer.ok) throw new Error(text)
  return text
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}

async function migrateAt(url: string): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 1 })
  const client = await pool.connect()
  const ended = new Promise((done) => client.once('end', done))
  client.release()
  try {
    await migrate(pool)
  } finally {
    await pool.end()
    // A template cannot be copied while anybody is connected to it.
    await ended
  }
}

/** Databases of runs that were killed, on a server that outlives runs; the time is in their name. */
async function dropLeftovers(admin: Client, template: string): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname ~ '^keepsake_(test|template)_'`,
  )
  for (const { name } of rows) {
    const madeMs = Number.parseInt(/^keepsake_test_([0-9a-z]+)_/.exec(name)?.[1] ?? '0', 36)
    if (name === template || Date.now() - madeMs < oldAfterMs) continue
    await admin.query(`DROP DATABASE IF EXISTS "${name}"`).catch((error: { code?: string }) => {
      if (error.code !== '55006') throw error // in use: another checkout runs its tests on this server
    })
  }
}

/** The name of a database that has the present migrations, made when there is none. It appears under that name when it is complete. */
async function ensureTemplate(admin: Client, url: string): Promise<string> {
  const hash = createHash('sha256')
  for (const migration of await readMigrations()) hash.update(`${migration.name} ${migration.sha256}\n`)
  const template = `keepsake_template_${hash.digest('hex').slice(0, 16)}`
  const exists = async () => (await admin.query('SELECT FROM pg_database WHERE datname = $1', [template])).rowCount === 1
  if (await exists()) return template
  await admin.query('SELECT pg_advisory_lock($1)', [templateLock])
  try {
    if (await exists()) return template
    await dropLeftovers(admin, template)
    const unfinished = `${template}_new`
    await admin.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`)
    await admin.query(`CREATE DATABASE ${unfinished} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`)
    await migrateAt(withDatabase(url, unfinished))
    await admin.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`)
    return template
  } finally {
    await admin.query('SELECT pg_advisory_unlock($1)', [templateLock])
  }
}

async function asAdmin<T>(url: string, work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: url, application_name: 'keepsake test' })
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}

/**
 * Makes an empty database with all migrations for one test file, as a copy of a template made once per run. On the run's own PostgreSQL,
 * or on the server named by TEST_DATABASE_URL (a role that may create databases).
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const admin = await serverUrl()
  const name = `keepsake_test_${Date.now().toString(36)}_${randomBytes(4).toString('hex')}`
  await asAdmin(admin, async (client) => {
    const template = await ensureTemplate(client, admin)
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY wal_log`)
  })
  const url = withDatabase(admin, name)
  const database = await openDatabase({ url, maxConnections: 10 })
  return {
    url,
    database,
    async drop() {
      await database.close()
      await asAdmin(admin, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
    },
  }
}
