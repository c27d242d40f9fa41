import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

/** The embedded database of a server, as its operator reaches it with any PostgreSQL client. */
export interface OperatorDatabase extends AsyncDisposable {
  /** Runs the collector now instead of waiting for its hour; resolves when it is done. */
  collectGarbage(): Promise<void>
  /** The first column of the first row. */
  value(sql: string): Promise<unknown>
}

const jobTimeoutMs = 30_000

export async function openOperatorDatabase(dataDir: string): Promise<OperatorDatabase> {
  const [password, port] = await Promise.all(
    ['keepsake-password', 'keepsake-port'].map(async (name) => (await readFile(join(dataDir, 'postgres', name), 'utf8')).trim()),
  )
  const client = new Client(`postgres://keepsake:${password}@127.0.0.1:${port}/keepsake`)
  await client.connect()
  const value = async (sql: string, values: unknown[] = []) =>
    Object.values((await client.query<Record<string, unknown>>(sql, values)).rows[0] ?? {})[0]
  return {
    value,
    async collectGarbage() {
      const id = await value(`select id from graphile_worker.add_job('collect-garbage', max_attempts => 1)`)
      for (const end = Date.now() + jobTimeoutMs; ; await sleep(5)) {
        const { rows } = await client.query('select last_error from graphile_worker.jobs where id = $1', [id])
        if (rows.length === 0) return
        if (rows[0].last_error !== null) throw new Error(`collect-garbage failed: ${rows[0].last_error}`)
        if (Date.now() > end) throw new Error(`collect-garbage did not end within ${jobTimeoutMs} ms.`)
      }
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}
