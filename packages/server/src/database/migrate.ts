import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool, PoolClient } from 'pg'
import { KeepsakeError } from '../errors.ts'
import type { DatabaseLogger } from './logger.ts'

export interface Migration {
  number: number
  /** File name, `000001-name.sql`. */
  name: string
  sql: string
  /** SHA-256 of `sql`, hexadecimal. */
  sha256: string
}

interface Applied {
  number: number
  name: string
  sha256: string
}

export const migrationsDirectory: string = join(import.meta.dirname, 'migrations')

/** "migrate" in ASCII: the transaction lock that lets one instance at a time apply a migration. */
const lockKey = '30795781475038309'

/** The migrations of a folder in the order of their numbers; throws on other `.sql` names and on a number that is missing or double. */
export async function readMigrations(directory: string = migrationsDirectory): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  return await Promise.all(
    names.map(async (name, index) => {
      const number = Number(/^(\d{6})-[a-z0-9-]+\.sql$/.exec(name)?.[1])
      if (number !== index + 1) {
        throw new Error(
          `Migration ${name} should be number ${String(index + 1).padStart(6, '0')}; files are 000001-name.sql, 000002-…`,
        )
      }
      // Checkouts on Windows may change line ends, which changes nothing in SQL.
      const sql = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n')
      return { number, name, sql, sha256: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** The next migration to apply, after checking that those applied are those we have. */
function chooseNext(migrations: Migration[], applied: Applied[]): Migration | undefined {
  for (const [index, row] of applied.entries()) {
    const own = migrations[index]
    if (!own) {
      const message = `The database is newer than this Keepsake: it has migration ${row.name}, and this version ends with ${migrations.at(-1)?.name ?? 'none'}. Run the newer version.`
      throw new KeepsakeError('ERROR_UNAVAILABLE', message)
    }
    if (own.number !== row.number || own.sha256 !== row.sha256) {
      const message = `Migration ${own.name} is not what was applied to this database as ${row.name}. Applied migrations never change: restore the file and write a new one.`
      throw new KeepsakeError('ERROR_UNAVAILABLE', message)
    }
  }
  return migrations[applied.length]
}

async function applyNext(client: PoolClient, migrations: Migration[], logger?: DatabaseLogger): Promise<boolean> {
  await client.query('BEGIN')
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [lockKey])
    await client.query(`CREATE TABLE IF NOT EXISTS migration (
      number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied timestamptz NOT NULL DEFAULT now())`)
    const { rows } = await client.query<Applied>('SELECT number, name, sha256 FROM migration ORDER BY number')
    const next = chooseNext(migrations, rows)
    if (next) {
      await client.query(next.sql).catch((error: unknown) => {
        const message = `Migration ${next.name} failed: ${(error as Error).message}`
        throw new KeepsakeError('ERROR_UNAVAILABLE', message, { cause: error })
      })
      await client.query('INSERT INTO migration (number, name, sha256) VALUES ($1, $2, $3)', [
        next.number,
        next.name,
        next.sha256,
      ])
    }
    await client.query('COMMIT')
    if (next) logger?.info({ migration: next.name }, 'applied a migration')
    return next !== undefined
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/**
 * Brings the database to the newest migration, each applied in its own transaction and recorded in table `migration`. Many instances may
 * call this at once. Throws `ERROR_UNAVAILABLE` when an applied file changed, the database is newer than the code, or SQL fails.
 */
export async function migrate(
  pool: Pool,
  { directory, logger }: { directory?: string | undefined; logger?: DatabaseLogger | undefined } = {},
): Promise<void> {
  const migrations = await readMigrations(directory)
  const client = await pool.connect()
  try {
    while (await applyNext(client, migrations, logger));
  } finally {
    client.release()
  }
}
